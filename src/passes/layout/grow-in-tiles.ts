/*
 * t = ConvTranspose<strides = k>(x, w)   u = Act(t)   y = ConvTranspose<strides = l>(u, v)      windows that do not overlap
 *   ⇒  t' = Conv(x, w')   u' = Act(t')   y = DepthToSpace<blocksize = k·l>(Conv(u', v'))
 * Each pixel of x grows to a tile of its own, and each of that one to another. Here tiles stay channels of one pixel until
 * the last of them is made, and are laid once: the runtime has no blocked kernel for transposed convolutions, and lays
 * what each of them makes number by number. Heads of text detectors (DBNet) end like this (24 channels of 80×80 to 24 and
 * one of 320×320 with AVX2: 1.7 ms, then 1.1).
 * Illegal: windows that overlap, are padded or dilated, or are no squares; groups; weights that are not constant; what is
 * made on the way is read elsewhere or is an output. Left alone where most products would be with zeros: v' has, for each
 * pixel of a tile, zeros for all others.
 * Source: y[o, l·(k·h + i) + j] = Σ_m v[m, o, j] · Act(Σ_c w[c, m, i] · x[c, h]) for every axis.
 */
import {
  type FloatOperands,
  floatOperands,
  int,
  intAttribute,
  intsAttribute,
  makeNode,
  type Node,
  nodeLabel,
  stringAttribute,
  type Tensor,
  tensorOf,
  tensorValues,
} from '../../ir/index.ts'
import {
  CONV_ACTIVATIONS,
  piecesOf,
  REORDER_MACS,
  type RuleContext,
  type RuleOutcome,
  rulePass,
} from '../../rewrite/index.ts'

export const growInTiles = rulePass(
  'growInTiles',
  'Transposed convolutions that follow each other grow pixels as channels, which are laid at the end.',
  [{ roots: ['ConvTranspose'], apply }],
)

/** A transposed convolution that makes a square tile of each pixel, and the activations behind it. */
interface Stage extends FloatOperands {
  readonly node: Node
  readonly side: number
  readonly activations: readonly Node[]
}

function apply(node: Node, context: RuleContext): RuleOutcome {
  const stages = stagesFrom(node, context)
  if (stages.length < 2) return false
  if (!pays(stages)) return { refused: 'its tiles would be multiplied by zeros for the most part' }
  const { editor } = context
  const nodes = stages.flatMap((stage) => [stage.node, ...stage.activations])
  const last = nodes.at(-1)!
  const output = last.outputs[0]!
  const { values, make, floats } = piecesOf(output, editor)
  const made: Node[] = []
  let read = node.inputs[0]!
  let tile = 1
  for (const { node: grown, weight, bias, side, activations } of stages) {
    const [, channels] = weight.dims as [number, number, number, number]
    const whole = tile * side
    const inputs = [read, editor.addConstant(inTiles(weight, tile), `${grown.inputs[1]}_tiled`)]
    if (bias) {
      const numbers = [...(tensorValues(bias) as Float32Array)]
      inputs.push(
        floats(
          [channels * whole ** 2],
          Array(whole ** 2)
            .fill(numbers)
            .flat(),
          'biases',
        ),
      )
    }
    for (const each of [{ ...makeNode('Conv', inputs, []), name: nodeLabel(grown) }, ...activations]) {
      const [to] = values('tiles')
      made.push({
        ...each,
        inputs: [made.length === 0 || each.opType === 'Conv' ? each.inputs[0]! : read, ...each.inputs.slice(1)],
        outputs: [to],
      })
      read = to
    }
    tile = whole
  }
  for (const gone of nodes) if (gone !== last) editor.remove(gone)
  editor.replace(last, ...made, make('DepthToSpace', [read], output, { blocksize: int(tile) }))
  return true
}

function stagesFrom(first: Node, { editor, constant }: RuleContext): readonly Stage[] {
  const stages: Stage[] = []
  for (let node: Node | undefined = first; node; ) {
    const grown = squareTiles(node, constant)
    if (!grown) break
    const activations: Node[] = []
    let value: string = node.outputs[0]!
    for (
      let next = editor.soleConsumer(value, ...CONV_ACTIVATIONS);
      next;
      next = editor.soleConsumer(value, ...CONV_ACTIVATIONS)
    ) {
      if (next.inputs[0] !== value) break
      activations.push(next)
      value = next.outputs[0]!
    }
    stages.push({ node, ...grown, activations })
    const next: Node | undefined = editor.soleConsumer(value, 'ConvTranspose')
    node = next?.inputs[0] === value ? next : undefined
  }
  return stages
}

/** The weights of a transposed convolution whose windows are squares side by side; undefined where they are not. */
function squareTiles(node: Node, constant: RuleContext['constant']): Omit<Stage, 'node' | 'activations'> | undefined {
  const operands = floatOperands(node, constant)
  if (operands?.weight.dims.length !== 4) return undefined
  const [side, width] = operands.weight.dims.slice(2) as [number, number]
  const all = (name: string, otherwise: readonly number[], wanted: number) =>
    intsAttribute(node, name, otherwise).every((value) => value === wanted)
  const plain =
    side === width &&
    side > 1 &&
    all('strides', [1, 1], side) &&
    all('pads', [0, 0, 0, 0], 0) &&
    all('dilations', [1, 1], 1) &&
    all('output_padding', [0, 0], 0) &&
    !node.attributes.has('output_shape') &&
    intAttribute(node, 'group', 1) === 1 &&
    ['NOTSET', 'VALID'].includes(stringAttribute(node, 'auto_pad', 'NOTSET'))
  return plain ? { ...operands, side } : undefined
}

/** Whether the products with zeros cost less than laying what is made on the way; both of one pixel of the smallest picture. */
function pays(stages: readonly Stage[]): boolean {
  let [tile, laid, products] = [1, 0, 0]
  for (const { weight, side } of stages) {
    const [reads, makes] = weight.dims as [number, number]
    const pixels = tile ** 2
    products += (pixels - 1) * pixels * reads * side ** 2 * makes
    laid += pixels * (tile > 1 ? reads : 0)
    tile *= side
  }
  return products < REORDER_MACS * laid
}

/** Weights [C, M, k, k] as those [s·k·s·k·M, s·s·C, 1, 1] that grow each pixel of a tile of s·s pixels. */
function inTiles(weight: Tensor, tile: number): Tensor {
  const [reads, makes, side] = weight.dims as [number, number, number, number]
  const values = tensorValues(weight) as Float32Array
  const width = tile * side
  const columns = tile ** 2 * reads
  const all = new Float32Array(width ** 2 * makes * columns)
  for (let y = 0; y < width; y++)
    for (let x = 0; x < width; x++) {
      const from = (Math.floor(y / side) * tile + Math.floor(x / side)) * reads
      for (let m = 0; m < makes; m++)
        for (let c = 0; c < reads; c++)
          all[((y * width + x) * makes + m) * columns + from + c] =
            values[((c * makes + m) * side + (y % side)) * side + (x % side)]!
    }
  return tensorOf('float32', [width ** 2 * makes, columns, 1, 1], all)
}
