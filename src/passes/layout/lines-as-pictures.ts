/*
 * y = Conv(x, w, b)                  over lines: x of [N, C, L], w of [M, C / g, k]
 *   ⇒  x' = Unsqueeze(x, 2)   y' = Conv(x', w', b)   y = Squeeze(y', 2)          with w' of [M, C / g, 1, k]
 * The blocked float kernels are for pictures alone: 128 channels over 100 places took 0.055 ms a layer as lines, 0.040
 * as pictures of one row; 64 channels of 15 taps each over 1,000 places 0.113 and 0.017. Activations, sums, pools,
 * joints and slices behind a convolution go over pictures, too, so that values stay in blocks between two of them.
 * Transposed convolutions go over pictures, too: what their windows make overlaps and is added number by number, by a loop
 * that is fast over pictures alone (64 to 32 channels, 8 taps of stride 4, 512 to 2,048 places: 0.66 ms, then 0.25).
 * Illegal: weights that are not constant. Left alone: everything that no convolution reaches, and one that makes only a
 * few places, where the two nodes around it cost as much as they save.
 * Source: a row of height one is the line. Which kernels are blocked: `nchwc_transformer.cc` of ONNX Runtime.
 */
import {
  type Attribute,
  allNodes,
  BROADCASTING,
  float32Shape,
  fromNumbers,
  type Graph,
  inferTypes,
  int,
  intAttribute,
  ints,
  intsAttribute,
  type Model,
  makeNode,
  NameSupply,
  type Node,
  operatorName,
  sliceBounds,
  type Tensor,
  tensorOf,
  tensorShape,
  UNARY,
  type ValueType,
} from '../../ir/index.ts'
import {
  GraphEditor,
  mapNestedGraphs,
  type Pass,
  type PassResult,
  unambiguous,
  withGraph,
} from '../../rewrite/index.ts'

export const linesAsPictures: Pass = {
  id: 'linesAsPictures',
  summary: 'Convolutions over lines become such over pictures of one row, for which there are faster float kernels.',
  run: lift,
}

const LINE = 3
/** Places from which on the blocked kernel pays for them. */
const PLACES = 8
/** Where the new axis of size one stands. */
const ROW = 2

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/))
/** By channels, over all places; a Dropout leaves each number as it is. */
const WHOLE = words('BatchNormalization Dropout GlobalAveragePool GlobalMaxPool InstanceNormalization')
const POOLS = words('AveragePool MaxPool')
const CONVOLUTIONS = words('Conv ConvTranspose')

function lift(model: Model): PassResult {
  const unchanged = { model, report: { id: linesAsPictures.id, applied: 0, refused: [] } }
  if (!hasConvolution(model.graph)) return unchanged
  const types = unambiguous(inferTypes(model), model.graph)
  const names = new NameSupply(model.graph)
  let applied = 0
  const visit = (graph: Graph, outer: (name: string) => Tensor | undefined): Graph => {
    const run = new Lift(new GraphEditor(graph, outer, names), types)
    for (const node of graph.nodes) run.visit(node)
    applied += run.convolutions
    const lifted = run.convolutions === 0 ? graph : run.editor.finish()
    return mapNestedGraphs(lifted, (nested) => visit(nested, (name) => run.editor.constant(name)))
  }
  const graph = visit(model.graph, () => undefined)
  return applied === 0
    ? unchanged
    : { model: withGraph(model, graph), report: { id: linesAsPictures.id, applied, refused: [] } }
}

/** Also in a branch or a body: a detector of speech with a branch for each sample rate has all of its layers there. */
function hasConvolution(graph: Graph): boolean {
  for (const node of allNodes(graph)) if (CONVOLUTIONS.has(operatorName(node))) return true
  return false
}

class Lift {
  convolutions = 0
  /** The picture of a line, by the line's name. */
  readonly #pictures = new Map<string, string>()
  /** A constant with the axis of one, by the constant's name. */
  readonly #constants = new Map<string, string>()
  /** The constant that names the axis of one. */
  #rowAxis: string | undefined
  readonly #types: ReadonlyMap<string, ValueType>
  readonly editor: GraphEditor

  constructor(editor: GraphEditor, types: ReadonlyMap<string, ValueType>) {
    this.editor = editor
    this.#types = types
  }

  visit(node: Node): void {
    const line = node.outputs[0]!
    if (this.#rank(line) !== LINE || node.outputs.slice(1).some((name) => name !== '')) return
    const made = this.#lifted(node)
    if (!made) return
    const picture = this.editor.freshName(`${line}_picture`)
    this.#pictures.set(line, picture)
    this.editor.replace(
      node,
      ...made.before,
      { ...node, inputs: made.inputs, outputs: [picture], attributes: made.attributes ?? node.attributes },
      // Nobody reads it where all that follows goes over pictures; then it is dead.
      makeNode('Squeeze', [picture, this.#axis()], [line], { name: this.editor.freshName(`${line}_line`) }),
    )
  }

  #rank(value: string): number | undefined {
    return float32Shape(this.#types.get(value))?.length
  }

  /** Whether a line is known to have but a few places. */
  #isShort(line: string): boolean {
    const places = tensorShape(this.#types.get(line))?.at(-1)
    return typeof places === 'number' && places < PLACES
  }

  #axis(): string {
    this.#rowAxis ??= this.editor.addConstant(tensorOf('int64', [1], BigInt64Array.of(BigInt(ROW))), 'row_axis')
    return this.#rowAxis
  }

  /** What a node becomes over pictures; undefined where it stays. */
  #lifted(node: Node): Made | undefined {
    const operator = operatorName(node)
    const [first] = node.inputs as [string]
    const follows = this.#pictures.has(first)
    if (CONVOLUTIONS.has(operator)) return this.#convolution(node)
    if (operator === 'Concat') return this.#joint(node)
    if (BROADCASTING.has(operator) || operator === 'PRelu') return this.#broadcast(node)
    if (!follows) return undefined
    if (operator === 'Slice') return this.#slice(node)
    const inputs = [this.#pictures.get(first)!, ...node.inputs.slice(1)]
    if (UNARY.has(operator) || WHOLE.has(operator)) return { before: [], inputs }
    return POOLS.has(operator) ? { before: [], inputs, attributes: overRows(node) } : undefined
  }

  #convolution(node: Node): Made | undefined {
    const weight = this.editor.constant(node.inputs[1]!)
    if (weight?.dtype !== 'float32' || weight.dims.length !== LINE || this.#isShort(node.outputs[0]!)) return undefined
    const before: Node[] = []
    const inputs = [
      this.#picture(node.inputs[0]!, before),
      this.#constant(node.inputs[1]!, weight),
      ...node.inputs.slice(2),
    ]
    this.convolutions++
    return { before, inputs, attributes: overRows(node) }
  }

  #joint(node: Node): Made | undefined {
    if (!node.inputs.some((name) => this.#pictures.has(name))) return undefined
    if (node.inputs.some((name) => this.#rank(name) !== LINE || this.editor.constant(name))) return undefined
    const before: Node[] = []
    const axis = intAttribute(node, 'axis', 1)
    const from = axis < 0 ? axis + LINE : axis
    return {
      before,
      inputs: node.inputs.map((name) => this.#picture(name, before)),
      attributes: new Map(node.attributes).set('axis', int(from < ROW ? from : from + 1)),
    }
  }

  #slice(node: Node): Made | undefined {
    const bounds = sliceBounds(node, { constant: (name) => this.editor.constant(name) })
    // Before operator set 10 they are attributes.
    if (!bounds || node.inputs.length < 3) return undefined
    const axes = bounds.map(({ axis }) => (axis < 0 ? axis + LINE : axis)).map((axis) => (axis < ROW ? axis : axis + 1))
    const named = this.editor.addConstant(fromNumbers('int64', [axes.length], axes), `${node.outputs[0]}_axes`)
    const [line, starts, ends] = node.inputs as [string, string, string]
    const inputs = [this.#pictures.get(line)!, starts, ends, named, ...node.inputs.slice(4)]
    return { before: [], inputs }
  }

  #broadcast(node: Node): Made | undefined {
    if (!node.inputs.some((name) => this.#pictures.has(name))) return undefined
    if (!node.inputs.every((name) => this.editor.constant(name) || this.#rank(name) === LINE)) return undefined
    const before: Node[] = []
    const inputs = node.inputs.map((name) => {
      const constant = this.editor.constant(name)
      if (!constant) return this.#picture(name, before)
      return constant.dims.length < 2 ? name : this.#constant(name, constant)
    })
    return { before, inputs }
  }

  /** The picture of a line, made in front of the node where it is not there. */
  #picture(line: string, before: Node[]): string {
    const known = this.#pictures.get(line)
    if (known !== undefined) return known
    const picture = this.editor.freshName(`${line}_picture`)
    before.push(makeNode('Unsqueeze', [line, this.#axis()], [picture], { name: this.editor.freshName(`${line}_row`) }))
    this.#pictures.set(line, picture)
    return picture
  }

  /** A constant with the axis of one in front of its last. */
  #constant(name: string, tensor: Tensor): string {
    const known = this.#constants.get(name)
    if (known !== undefined) return known
    const dims = [...tensor.dims.slice(0, -1), 1, ...tensor.dims.slice(-1)]
    const added = this.editor.addConstant({ ...tensor, dims }, `${name}_picture`)
    this.#constants.set(name, added)
    return added
  }
}

interface Made {
  readonly before: readonly Node[]
  readonly inputs: readonly string[]
  readonly attributes?: ReadonlyMap<string, Attribute>
}

/** What a window over lines says of the row of height one, by attribute. */
const ROW_OF: readonly (readonly [string, number])[] = [
  ['kernel_shape', 1],
  ['strides', 1],
  ['dilations', 1],
  ['output_shape', 1],
  ['output_padding', 0],
]

/** The attributes of a window over lines for rows of height one. */
function overRows(node: Node): ReadonlyMap<string, Attribute> {
  const attributes = new Map(node.attributes)
  for (const [name, row] of ROW_OF) {
    const given = intsAttribute(node, name, null)
    // In front of the last: an old `output_shape` names rows and channels as well.
    if (given) attributes.set(name, ints([...given.slice(0, -1), row, ...given.slice(-1)]))
  }
  const pads = intsAttribute(node, 'pads', null)
  if (pads) attributes.set('pads', ints([0, pads[0]!, 0, pads[1]!]))
  return attributes
}
