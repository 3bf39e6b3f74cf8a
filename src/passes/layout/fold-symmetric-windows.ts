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
  elementCount,
  int,
  intAttribute,
  ints,
  intsAttribute,
  type Node,
  stringAttribute,
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
} from '../../rewrite/index.ts'

export const foldSymmetricWindows = rulePass(
  'foldSymmetricWindows',
  'Convolutions whose windows are the same from behind, as Fourier transforms are, add what is multiplied alike first.',
  [{ roots: ['Conv'], apply }],
)

/** Nanoseconds on one thread, onnxruntime 1.30 on x86-64: a product, moving and adding a tap of a frame, all the nodes. */
const NS = { product: 0.0172, tap: 0.86, nodes: 20_000 } as const
/** Rounding of cosines, as a share of the largest weight. */
const ROUNDING = 1e-6
/** The last index there is. */
const END = Number.MAX_SAFE_INTEGER

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, types, opset } = context
  const weight = constant(node.inputs[1]!)
  const shape = tensorShape(types.get(node.inputs[0]!))
  const rank = weight?.dims.length
  if (weight?.dtype !== 'float32' || (rank !== 3 && rank !== 4) || shape?.length !== rank || opset < 15) return false
  const [rows, channels, ...kernel] = weight.dims as [number, number, ...number[]]
  if (channels !== 1 || (rank === 4 && kernel[0] !== 1) || !isPlain(node, kernel.length)) return false
  if (rank === 4 && shape[2] !== 1) return false
  const window = windowOf(tensorValues(weight) as Float32Array, rows, kernel.at(-1)!)
  if (!window) return false
  const hop = intsAttribute(
    node,
    'strides',
    kernel.map(() => 1),
  ).at(-1)!
  const length = shape.at(-1)
  const frames = typeof length === 'number' ? Math.floor((length - kernel.at(-1)!) / hop) + 1 : END
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
function isPlain(node: Node, axes: number): boolean {
  if (node.inputs[2] || intAttribute(node, 'group', 1) !== 1) return false
  if (!['NOTSET', 'VALID'].includes(stringAttribute(node, 'auto_pad', 'NOTSET'))) return false
  const each = (value: number) => Array<number>(axes).fill(value)
  return (
    intsAttribute(node, 'pads', [...each(0), ...each(0)]).every((pad) => pad === 0) &&
    intsAttribute(node, 'dilations', each(1)).every((step) => step === 1)
  )
}

interface Window {
  /** Taps in front that are 0 in all rows, and are left out: none or one, as periodic windows have. */
  readonly skip: number
  /** The others. */
  readonly taps: number
  /** How many rows the first part has. */
  readonly first: number
  /** Rows that are the same from behind, or that negated, one part behind the other: the first half of each. */
  readonly parts: readonly { readonly even: boolean; readonly matrix: Float32Array }[]
}

function windowOf(values: Float32Array, rows: number, size: number): Window | undefined {
  const most = values.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0)
  const near = ROUNDING * most
  if (!(most > 0)) return undefined
  for (const skip of [0, 1]) {
    const taps = size - skip
    const at = (row: number, tap: number) => values[row * size + skip + tap]!
    const is = (row: number, sign: number) => {
      for (let tap = 0; 2 * tap < taps; tap++)
        if (Math.abs(at(row, tap) - sign * at(row, taps - 1 - tap)) > near) return false
      return skip === 0 || Math.abs(values[row * size]!) <= near
    }
    for (const even of [true, false]) {
      const [sign, other] = even ? [1, -1] : [-1, 1]
      let first = 0
      while (first < rows && is(first, sign)) first++
      let last = rows
      while (last > 0 && is(last - 1, other)) last--
      // Rows of zeros belong to either part.
      if (first === 0 || last > first) continue
      const border = 2 * first >= rows && 2 * last <= rows ? Math.floor(rows / 2) : first
      const matrix = (from: number, to: number, kind: boolean) => ({
        even: kind,
        matrix: halves(at, from, to, taps, kind),
      })
      const parts = [matrix(0, border, even), matrix(border, rows, !even)].filter((part) => part.matrix.length > 0)
      return { skip, taps, first: border, parts }
    }
  }
  return undefined
}

/** The first half of rows, each the mean of both; the tap in the middle meets itself. */
function halves(at: (row: number, tap: number) => number, from: number, to: number, taps: number, even: boolean) {
  const half = Math.ceil(taps / 2)
  const matrix = new Float32Array((to - from) * half)
  for (let row = from; row < to; row++)
    for (let tap = 0; tap < half; tap++) {
      const mean = (at(row, tap) + (even ? 1 : -1) * at(row, taps - 1 - tap)) / 2
      matrix[(row - from) * half + tap] = 2 * tap + 1 === taps ? mean / 2 : mean
    }
  return matrix
}

interface Framing {
  readonly rank: number
  readonly hop: number
  readonly size: number
  readonly skip: number
  readonly length: number | string | null | undefined
}

/** `frames` [N, taps, T] of lines [N, 1, L] or pictures of one row: each tap of all frames is a row. */
function laidFrames(input: string, { rank, hop, size, skip, length }: Framing, frames: string, pieces: Pieces): Node[] {
  const { values, make, integers } = pieces
  const parts = Math.ceil(size / hop)
  const over = parts * hop - size
  const [padded, whole, lines, turned] = values('padded', 'whole', 'lines', 'turned')
  const nodes: Node[] = []
  let current = input
  const pad = (amount: number) => {
    const pads = [...Array<number>(2 * rank - 1).fill(0), amount]
    nodes.push(make('Pad', [current, integers(pads, 'pads')], padded))
    current = padded
  }
  const cut = (end: string) => {
    nodes.push(make('Slice', [current, integers([0], 'begin'), end, integers([rank - 1], 'last')], whole))
    current = whole
  }
  if (typeof length === 'number') {
    const wanted = (Math.floor((length - size) / hop) + parts) * hop
    if (wanted > length) pad(wanted - length)
    else if (wanted < length) cut(integers([wanted], 'end'))
  } else {
    if (over > 0) pad(over)
    const [sizes, count, end] = values('length', 'count', 'end')
    const apart = integers([hop], 'hop')
    nodes.push(make('Shape', [current], sizes, { start: int(rank - 1) }))
    nodes.push(make('Div', [sizes, apart], count), make('Mul', [count, apart], end))
    cut(end)
  }
  nodes.push(make('Reshape', [current, integers([0, -1, hop], 'lines_shape')], lines))
  nodes.push(make('Transpose', [lines], turned, { perm: ints([0, 2, 1]) }))
  const axes = integers([1, 2], 'axes')
  const laid = Array.from({ length: parts }, (_, part) => {
    const [from, to] = [part === 0 ? skip : 0, Math.min(hop, size - part * hop)]
    const [later] = values(`part_${part}`)
    const ends = integers([to, part === parts - 1 ? END : part + 1 - parts], 'ends')
    nodes.push(make('Slice', [turned, integers([from, part], 'starts'), ends, axes], parts === 1 ? frames : later))
    return later
  })
  if (parts > 1) nodes.push(make('Concat', laid, frames, { axis: int(1) }))
  return nodes
}

/** Where the parts go: to what splits the result in the same way, if nothing else reads it; else side by side. */
function readersOf(node: Node, rank: number, first: number, rows: number, editor: GraphEditor) {
  const output = node.outputs[0]!
  const both = first > 0 && first < rows
  const squeeze = rank === 4 ? editor.soleConsumer(output, 'Squeeze') : undefined
  const flat = squeeze && only(squeeze.inputs[1], editor) === 2 ? squeeze : undefined
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

const only = (name: string | undefined, editor: GraphEditor): number | undefined => {
  const tensor = name ? editor.constant(name) : undefined
  return tensor && elementCount(tensor.dims) === 1 ? toNumbers(tensor)[0] : undefined
}
