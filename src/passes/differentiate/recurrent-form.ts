import {
  type Attribute,
  elementType,
  floatAttribute,
  type Graph,
  inferTypes,
  int,
  intAttribute,
  ints,
  type Model,
  makeNode,
  type Node,
  stringAttribute,
  type ValueInfo,
} from '../../ir/index.ts'
import { dependents } from './go-back.ts'
import { type GradientWriter, gradientWriter } from './gradient-writer.ts'
import { activationsOf, type CellStep, isRecurrent, unknownForm } from './recurrent-cells.ts'

/**
 * The model with the recurrent layers that move with one of `wrt` written out as one Scan a direction, which the gradient goes back through: the
 * product of the whole sequence with W stands before it, and its body is the cell.
 *
 * Of forms that are not known (`unknownForm`) the layer stays.
 * Source: the equations of ONNX RNN, GRU and LSTM.
 */
export function writeOutRecurrent(model: Model, wrt: readonly string[]): Model {
  const { graph } = model
  if (!graph.nodes.some(isRecurrent)) return model
  const moved = dependents(graph, wrt)
  const moving = (node: Node) => isRecurrent(node) && node.inputs.some((name) => moved.has(name))
  const write = gradientWriter({ graph, types: inferTypes(model) }, 'recurrent/')
  const nodes = graph.nodes.flatMap((node) => {
    if (!moving(node) || unknownForm(node, write) !== null) return node
    const from = write.nodes.length
    const values = outputsOf(node, write)
    const copies = node.outputs.flatMap((name, i) => (name === '' ? [] : makeNode('Identity', [values[i]!], [name])))
    return [...write.nodes.slice(from), ...copies]
  })
  const initializers = new Map([...graph.initializers, ...write.constants])
  return { ...model, graph: { ...graph, nodes, initializers } }
}

/** y [steps, directions, batch, hidden] and the last of each state [directions, batch, hidden]. */
function outputsOf(node: Node, write: GradientWriter): readonly string[] {
  const direction = stringAttribute(node, 'direction', 'forward')
  const backwards = direction === 'bidirectional' ? [false, true] : [direction === 'reverse']
  const made = backwards.map((each, d) => directionOf(node, write, d, each))
  const beside = (values: readonly string[], axis: number) => {
    const wide = values.map((value) => write.op('Unsqueeze', [value, write.ints([axis])]))
    return wide.length === 1 ? wide[0]! : write.op('Concat', wide, { axis: int(axis) })
  }
  const states = made[0]!.states.map((_, i) =>
    beside(
      made.map(({ states }) => states[i]!),
      0,
    ),
  )
  return [
    beside(
      made.map(({ all }) => all),
      1,
    ),
    ...states,
  ]
}

function directionOf(node: Node, write: GradientWriter, d: number, backwards: boolean) {
  const [x, w, r, biases = '', lengths = '', firstH = '', firstC = '', peepholes = ''] = node.inputs as string[]
  const { gates, states: count, step } = isRecurrent(node)!
  const hidden = write.shape(r!)!.at(-1) as number
  const own = (value: string) => write.op('Gather', [value, write.int(d)])
  const turned = (value: string) => write.transpose(own(value), [1, 0])
  const [ofInput, ofState] =
    biases === '' ? [] : write.ops('Split', [own(biases), write.ints([gates * hidden, gates * hidden])], 2)
  const product = write.op('MatMul', [x!, turned(w!)])
  const gated = ofInput === undefined ? product : write.add(product, ofInput)

  const rows = write.size(x!, 1)
  const zeros = () =>
    write.op('Expand', [write.number(0, x!), write.op('Concat', [rows, write.ints([hidden])], { axis: int(0) })])
  const starts = [firstH, firstC].slice(0, count).map((given) => (given === '' ? zeros() : own(given)))
  const steps = write.op('Squeeze', [write.size(x!, 0), write.ints([0])])
  const places = lengths === '' ? [] : [write.op('Range', [write.int(0), steps, write.int(1)])]
  const outside = {
    recurrent: turned(r!),
    bias: ofState,
    lengths: lengths === '' ? undefined : write.op('Cast', [lengths], { to: elementType('int64') }),
    peepholes:
      peepholes === '' ? undefined : write.ops('Split', [own(peepholes), write.ints([hidden, hidden, hidden])], 3),
  }
  const body = bodyOf(node, write, { x: x!, d, hidden, count, step, gates }, outside)
  const attributes: Record<string, Attribute> = {
    body: { type: 'graph', value: body },
    num_scan_inputs: int(1 + places.length),
    ...(backwards && {
      scan_input_directions: ints([1, ...places.map(() => 1)]),
      scan_output_directions: ints([1]),
    }),
  }
  const made = write.ops('Scan', [...starts, gated, ...places], count + 1, attributes)
  return { all: made.at(-1)!, states: made.slice(0, count) }
}

interface Outside {
  readonly recurrent: string
  readonly bias: string | undefined
  readonly lengths: string | undefined
  readonly peepholes: readonly string[] | undefined
}

/** One step: states [batch, hidden] and what the gates get of the input [batch, gates · hidden]  ⇒  states, output. */
function bodyOf(
  node: Node,
  outer: GradientWriter,
  cell: { x: string; d: number; hidden: number; count: number; step: CellStep; gates: number },
  outside: Outside,
): Graph {
  const prefix = `${outer.fresh('recurrent/step')}/`
  const dtype = outer.dtype(cell.x)
  const typed = (name: string, shape: readonly (number | null)[] | null): ValueInfo => ({
    name: `${prefix}${name}`,
    type: { kind: 'tensor', dtype, shape },
  })
  const batch = outer.shape(cell.x)?.[1]
  const rows = typeof batch === 'number' ? batch : null
  const states = ['h', 'c'].slice(0, cell.count).map((name) => typed(name, [rows, cell.hidden]))
  const gated = typed('gates', [rows, cell.gates * cell.hidden])
  const place: ValueInfo = { name: `${prefix}place`, type: { kind: 'tensor', dtype: 'int64', shape: [] } }
  const empty: Graph = {
    name: prefix,
    nodes: [],
    inputs: [...states, gated, ...(outside.lengths === undefined ? [] : [place])],
    outputs: [],
    initializers: new Map(),
    valueInfos: new Map(),
  }
  const types = new Map(empty.inputs.map(({ name, type }) => [name, type]))
  const write = gradientWriter({ graph: empty, types }, prefix)
  const limit = floatAttribute(node, 'clip', 0)
  const like = states[0]!.name
  const made = cell.step({
    write,
    states: states.map(({ name }) => name),
    gated: gated.name,
    hidden: cell.hidden,
    recurrent: outside.recurrent,
    bias: outside.bias,
    peepholes: outside.peepholes,
    activations: activationsOf(node, cell.d),
    clip: (value) =>
      node.attributes.has('clip')
        ? write.op('Clip', [value, write.number(-limit, like), write.number(limit, like)])
        : value,
    resetsProduct: intAttribute(node, 'linear_before_reset', 0) !== 0,
    coupled: intAttribute(node, 'input_forget', 0) !== 0,
    one: () => write.number(1, like),
  })
  const { lengths } = outside
  // Behind the end of its sequence a row keeps its states and gives zeros.
  const runs = lengths && write.op('Unsqueeze', [write.op('Less', [place.name, lengths]), write.ints([1])])
  const next = runs ? made.map((value, i) => write.op('Where', [runs, value, states[i]!.name])) : made
  const all = runs ? write.where(runs, made[0]!, like) : write.op('Identity', [made[0]!])
  return {
    ...empty,
    nodes: write.nodes,
    initializers: write.constants,
    outputs: [...next.map((name, i) => ({ ...states[i]!, name })), { ...states[0]!, name: all }],
  }
}
