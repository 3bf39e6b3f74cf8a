/*
 * y = Conv<strides = [h]>(x, w)      of one channel, w of [M, 1, N], each row the same from behind, or that negated
 *   ⇒  f = frames of x, [N, T]   r = f from behind   y = Concat(MatMul(w₊, Add(f, r)), MatMul(w₋, Sub(f, r)))
 * with the first half of f, r and the rows. A Fourier transform spelled as a convolution, as spectrograms are exported,
 * has such rows under each window that is the same from behind: cosines, and sines. It takes half the products so (240
 * rows of 399 taps over 47,887 numbers, 160 apart: 0.52 ms with what brings them into order, then 0.38).
 * Frames are laid by rows: x in lines of h numbers, turned, is the first h taps of all frames, one place on the next h.
 * Illegal: weights that are not constant, padding, dilations, a bias; rows of both kinds in turn. Left alone where moving
 * frames costs what products save. Whether it pays for as few frames as a stream brings has to be measured.
 * Source: Σ w[n]·x[n] = Σ w[n]·(x[n] ± x[N − 1 − n]) over the first half where w[N − 1 − n] = ± w[n].
 */
import {
  hasGaps,
  int,
  intAttribute,
  intsAttribute,
  isPadded,
  type Node,
  tensorShape,
  tensorValues,
  toNumbers,
} from '../../ir/index.ts'
import {
  type GraphEditor,
  type Pieces,
  piecesOf,
  type RuleContext,
  type RuleOutcome,
  rulePass,
  scalarValue,
} from '../../rewrite/index.ts'
import { laidFrames } from './lay-frames.ts'
import { windowOf } from './symmetric-window.ts'

export const foldSymmetricWindows = rulePass(
  'foldSymmetricWindows',
  'Convolutions whose windows are the same from behind, as Fourier transforms are, add what is multiplied alike first.',
  [{ roots: ['Conv'], apply }],
)

/** Nanoseconds on one thread, onnxruntime 1.30 on x86-64: a product, moving and adding a tap of a frame, all the nodes. */
const NS = { product: 0.0172, tap: 0.86, nodes: 20_000 } as const

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, types, opset } = context
  const weight = constant(node.inputs[1]!)
  const shape = tensorShape(types.get(node.inputs[0]!))
  const rank = weight?.dims.length
  if (weight?.dtype !== 'float32' || (rank !== 3 && rank !== 4) || shape?.length !== rank || opset < 15) return false
  const [rows, channels, ...kernel] = weight.dims as [number, number, ...number[]]
  if (channels !== 1 || (rank === 4 && kernel[0] !== 1) || !isPlain(node)) return false
  if (rank === 4 && shape[2] !== 1) return false
  const window = windowOf(tensorValues(weight) as Float32Array, rows, kernel.at(-1)!)
  if (!window) return false
  const hop = intsAttribute(node, 'strides', [1]).at(-1)!
  const length = shape.at(-1)
  const frames = typeof length === 'number' ? Math.floor((length - kernel.at(-1)!) / hop) + 1 : Number.POSITIVE_INFINITY
  const perTap = (rows * NS.product) / 2 - NS.tap
  if (hop >= kernel.at(-1)! || !(frames * window.taps * perTap > NS.nodes)) return false

  const { target, outputs, gone } = readersOf(node, rank, window.first, rows, editor)
  const pieces = piecesOf(node.outputs[0]!, editor)
  const { values, make, integers, floats } = pieces
  const [laid, front, back, sum, difference] = values('frames', 'front', 'back', 'sum', 'difference')
  const half = Math.ceil(window.taps / 2)
  const one = (value: number, hint: string) => integers([value], hint)
  const slice = (from: number, to: number, step: number, output: string) =>
    make('Slice', [laid, one(from, 'from'), one(to, 'to'), one(1, 'axis'), one(step, 'step')], output)
  const products = window.parts.map(({ even, matrix }, i) =>
    make('MatMul', [floats([matrix.length / half, half], matrix, 'rows'), even ? sum : difference], outputs[i]!),
  )
  const kinds = new Set(window.parts.map(({ even }) => even))
  for (const reader of gone) editor.remove(reader)
  editor.replace(
    node,
    ...laidFrames(node.inputs[0]!, { rank, hop, size: kernel.at(-1)!, skip: window.skip, length }, laid, pieces),
    slice(0, half, 1, front),
    slice(window.taps - 1, window.taps - half - 1, -1, back),
    ...(kinds.has(true) ? [make('Add', [front, back], sum)] : []),
    ...(kinds.has(false) ? [make('Sub', [front, back], difference)] : []),
    ...products,
    ...target(pieces),
  )
  return true
}

/** No padding, no dilation, no bias, one group. */
const isPlain = (node: Node): boolean =>
  !node.inputs[2] && intAttribute(node, 'group', 1) === 1 && !isPadded(node) && !hasGaps(node)

/** Where the parts go: to what splits the result in the same way, if nothing else reads it; else side by side. */
function readersOf(node: Node, rank: number, first: number, rows: number, editor: GraphEditor) {
  const output = node.outputs[0]!
  const both = first > 0 && first < rows
  const squeeze = rank === 4 ? editor.soleConsumer(output, 'Squeeze') : undefined
  const flat = squeeze && scalarValue(editor.constant(squeeze.inputs[1] ?? '')) === 2 ? squeeze : undefined
  const line = flat ? flat.outputs[0]! : output
  const split = both && (rank === 3 || flat) ? editor.soleConsumer(line, 'Split') : undefined
  const gone = flat ? [flat] : []
  const sizes = split?.inputs[1] ? editor.constant(split.inputs[1]) : undefined
  if (
    split &&
    intAttribute(split, 'axis', 0) === 1 &&
    sizes &&
    toNumbers(sizes).join() === [first, rows - first].join()
  )
    return { outputs: split.outputs, gone: [...gone, split], target: () => [] }
  const made = editor.freshName(`${line}_joined`)
  const lift = rank === 4 && !flat
  const names = both ? ['first', 'second'].map((hint) => editor.freshName(`${line}_${hint}`)) : [lift ? made : line]
  const target = ({ make, integers }: Pieces) => [
    ...(both ? [make('Concat', names, lift ? made : line, { axis: int(1) })] : []),
    ...(lift ? [make('Unsqueeze', [made, integers([2], 'row')], line)] : []),
  ]
  return { outputs: names, gone, target }
}
