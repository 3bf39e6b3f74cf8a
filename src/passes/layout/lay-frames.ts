import { int, ints, type Node, TO_THE_END } from '../../ir/index.ts'
import type { Pieces } from '../../rewrite/index.ts'

interface Framing {
  readonly rank: number
  readonly hop: number
  readonly size: number
  readonly skip: number
  readonly length: number | string | null | undefined
}

/** `frames` [N, taps, T] of lines [N, 1, L] or pictures of one row: each tap of all frames is a row. */
export function laidFrames(
  input: string,
  { rank, hop, size, skip, length }: Framing,
  frames: string,
  pieces: Pieces,
): Node[] {
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
    const ends = integers([to, part === parts - 1 ? TO_THE_END : part + 1 - parts], 'ends')
    nodes.push(make('Slice', [turned, integers([from, part], 'starts'), ends, axes], parts === 1 ? frames : later))
    return later
  })
  if (parts > 1) nodes.push(make('Concat', laid, frames, { axis: int(1) }))
  return nodes
}
