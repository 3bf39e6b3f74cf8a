/*
 * t = QuantizeLinear(Conv(DequantizeLinear(c), DQ(w₈), DQ(b₃₂)))      with the channels of a rows of a tile, one behind the other
 * d = Transpose<perm = [0, 1, 3, 2, 4]>(Reshape<[0, 0, 0, a, r]>(Transpose<channels last>(t)))
 *   ⇒  tᵢ = QuantizeLinear(Conv(DequantizeLinear(c), DQ(wᵢ₈), DQ(bᵢ₃₂)))      with the r channels of row i, i < a
 *      d = Transpose<channels last>(Concat<axis = 3>(t₀, …))
 * What makes tiles of a rows side by side (`lay-tiles.ts`) copies every row of every tile by itself. Made apart, all the
 * rows of a line of tiles are one piece, and pieces are copied at the speed of memory; and where windows of a transposed
 * convolution overlap, a row hears fewer lines of the input than the tile does: those whose codes are all 0 are left out.
 * Illegal: groups, whose channels cannot be parted; weights or bias that are not constant codes of their own; weights
 * whose 16-bit sums could saturate only without the lines of zeros. Left alone where parts of a row fill blocks worse
 * than the whole does, for more than the copies cost.
 * Source: channels of a convolution are computed apart; a tap of zeros adds nothing.
 */
import {
  fromNumbers,
  hasGaps,
  int,
  intAttribute,
  ints,
  intsAttribute,
  type Node,
  nodeLabel,
  stringAttribute,
  type Tensor,
  toNumbers,
} from '../../../ir/index.ts'
import {
  moveRowNs,
  pictureToWeigh,
  piecesOf,
  type RuleContext,
  type RuleOutcome,
  rulePass,
} from '../../../rewrite/index.ts'
import { leavesBits } from '../codes/kernel-pairs.ts'
import { recoding } from '../drop-unread.ts'
import { type CodedOperands, type CodedWeights, codedOperands, dropCoded, recode, recodeAll } from './coded-weights.ts'
import { placeNs } from './conv-kernel.ts'

export const convolveRows = recoding(
  rulePass('convolveRows', 'The rows of tiles are convolved one by one where moving them would take longer.', [
    { roots: ['Transpose'], apply },
  ]),
)

/** What the names of the convolutions of all rows but the first end in, behind the name of the one that they come from. */
export const TILE_ROW = '_tile_row'

/** Nanoseconds for each byte that is joined, and for each kernel more (onnxruntime 1.30 on x86-64, one thread). */
const NS = { join: 0.1, node: 5000 } as const
const PAYS = 0.95
/** What lays the tiles of a convolution, as `layTiles` writes it. */
interface Laying {
  readonly conv: Node
  readonly coder: Node
  /** What asks for the sizes of the tiles, of which it takes all but the channels. */
  readonly sizes: Node
  /** Rows of a tile, and the channels of one. */
  readonly rows: number
  readonly width: number
}

/** The convolution of one row of a tile: lines of zeros that its window leaves out. */
interface Row {
  readonly top: number
  readonly bottom: number
}

function apply(lay: Node, context: RuleContext): RuleOutcome {
  const laying = layingOf(lay, context)
  if (!laying) return false
  const { conv, rows: count } = laying
  const operands = codedOperands(conv, 0, context)
  if (operands?.weight.codes.dims.length !== 4) return false
  if (intAttribute(conv, 'group', 1) !== 1) return { refused: 'channels of groups cannot be parted' }
  const { weight } = operands
  const rows = rowsOf(conv, weight.codes, count)
  if (!pays(laying, weight.codes, rows, context)) return { refused: 'moving its rows takes no longer' }
  const codes = rows.map((row, i) => withoutLines(part(weight.codes, i, count), row))
  if (!leavesBits(weight.codes) && codes.some(leavesBits))
    return { refused: 'its weights keep within 16 bits only with the lines of zeros that it has' }
  convolveApart(lay, laying, operands, rows, codes, context)
  return true
}

function layingOf(lay: Node, { editor, constant }: RuleContext): Laying | undefined {
  if (!isTranspose(lay, [0, 1, 3, 2, 4])) return undefined
  const [apart, last] = [editor.producer(lay.inputs[0]!, 'Reshape'), editor.soleConsumer(lay.outputs[0]!, 'Reshape')]
  const shape = apart && last && constant(apart.inputs[1]!)
  const [n, h, w, rows, width] = shape ? toNumbers(shape) : []
  if (n !== 0 || h !== 0 || w !== 0 || !rows || !width || rows < 2 || width < 1) return undefined
  const turn = editor.producer(apart!.inputs[0]!, 'Transpose')
  const coder = turn && isTranspose(turn, [0, 2, 3, 1]) ? editor.producer(turn.inputs[0]!, 'QuantizeLinear') : undefined
  const conv = coder && editor.producer(coder.inputs[0]!, 'Conv')
  if (!conv || editor.soleConsumer(conv.outputs[0]!) !== coder || constant(coder.inputs[1]!)?.dims.length !== 0)
    return undefined
  const [sizes, ...others] = editor.consumers(coder.outputs[0]!).filter((node) => node !== turn)
  if (sizes?.opType !== 'Shape' || others.length > 0 || !takesNoChannels(sizes, { editor, constant })) return undefined
  const alone = [apart!, lay].every((node) => editor.soleConsumer(node.inputs[0]!) === node)
  return alone && editor.producer(conv.inputs[0]!, 'DequantizeLinear') ? { conv, coder, sizes, rows, width } : undefined
}

const isTranspose = (node: Node, perm: readonly number[]) => intsAttribute(node, 'perm', []).join() === perm.join()

/** Whether of these sizes only those of the batch, of rows and of columns are read. */
function takesNoChannels(sizes: Node, { editor, constant }: Pick<RuleContext, 'editor' | 'constant'>): boolean {
  const taken = editor.soleConsumer(sizes.outputs[0]!, 'Gather')
  const order = taken && constant(taken.inputs[1]!)
  return order !== undefined && String(toNumbers(order)) === '0,2,3'
}

/** The i-th of `count` equal parts along the first axis. */
function part(tensor: Tensor, i: number, count: number): Tensor {
  const numbers = toNumbers(tensor)
  const size = numbers.length / count
  const [channels, ...others] = tensor.dims as [number, ...number[]]
  return fromNumbers(tensor.dtype, [channels / count, ...others], numbers.slice(i * size, (i + 1) * size))
}

/** What each of `count` rows leaves out of the windows of codes [a·r, C, h, w]: lines of zeros that pads make up for. */
function rowsOf(conv: Node, codes: Tensor, count: number): readonly Row[] {
  const [, , height, width] = codes.dims as [number, number, number, number]
  const [above = 0, , below = 0] = intsAttribute(conv, 'pads', [])
  const plain = stringAttribute(conv, 'auto_pad', 'NOTSET') === 'NOTSET' && !hasGaps(conv)
  const values = toNumbers(codes)
  const heard = Array.from({ length: count }, () => new Array<boolean>(height).fill(false))
  for (const [at, code] of values.entries())
    if (code !== 0) heard[Math.floor((at * count) / values.length)]![Math.floor(at / width) % height] = true
  return heard.map((lines) => {
    const front = Math.max(0, lines.indexOf(true))
    const behind = height - 1 - Math.max(front, lines.lastIndexOf(true))
    return plain ? { top: Math.min(front, above), bottom: Math.min(behind, below) } : { top: 0, bottom: 0 }
  })
}

/** Codes [r, C, h, w] without these lines of the window. */
function withoutLines(codes: Tensor, { top, bottom }: Row): Tensor {
  const [outputs, inputs, height, width] = codes.dims as [number, number, number, number]
  const kept = toNumbers(codes).filter((_, at) => {
    const line = Math.floor(at / width) % height
    return line >= top && line < height - bottom
  })
  return fromNumbers(codes.dtype, [outputs, inputs, height - top - bottom, width], kept)
}

/** Whether making the rows apart takes less time than making them together and moving them. */
function pays(
  { conv, rows: count, width }: Laying,
  codes: Tensor,
  rows: readonly Row[],
  { types }: RuleContext,
): boolean {
  const [, inputs, ...kernel] = codes.dims as [number, number, number, number]
  const [height, columns] = pictureToWeigh(types.get(conv.outputs[0]!))
  const together = placeNs(kernel[0]! * kernel[1]!, inputs, count * width) + count * moveRowNs(width)
  const apart = rows.reduce(
    (sum, { top, bottom }) => sum + placeNs((kernel[0]! - top - bottom) * kernel[1]!, inputs, width) + width * NS.join,
    0,
  )
  return height * columns * (PAYS * together - apart) > (count - 1) * NS.node
}

function convolveApart(
  lay: Node,
  { conv, coder, sizes }: Laying,
  operands: CodedOperands,
  rows: readonly Row[],
  codes: readonly Tensor[],
  context: RuleContext,
): void {
  const { editor } = context
  const { values, make } = piecesOf(coder.outputs[0]!, editor)
  const [above = 0, left = 0, below = 0, right = 0] = intsAttribute(conv, 'pads', [])
  const made = rows.map(({ top, bottom }, i) => {
    const again = (old: CodedWeights) => {
      const own = (tensor: Tensor) => part(tensor, i, rows.length)
      const to = {
        codes: old === operands.weight ? codes[i]! : own(old.codes),
        scale: own(old.scale),
        zero: own(old.zero),
      }
      return recode(old, to, `row${i}`, context)
    }
    const reads = [conv.inputs[0]!, ...recodeAll(operands, again)]
    const attributes = new Map(conv.attributes).set('pads', ints([above - top, left, below - bottom, right]))
    if (attributes.has('kernel_shape')) attributes.set('kernel_shape', ints(codes[i]!.dims.slice(2)))
    const [floats, coded] = values(`row${i}_wide`, `row${i}`)
    // Profiles count what further rows take as the convolution's own.
    const name = i === 0 ? conv.name : editor.freshName(`${nodeLabel(conv)}${TILE_ROW}`)
    const nodes = [
      { ...conv, name, inputs: reads, outputs: [floats], attributes },
      make('QuantizeLinear', [floats, ...coder.inputs.slice(1)], coded),
    ]
    return { coded, nodes }
  })
  const [joined] = values('joined')
  const parts = made.map(({ coded }) => coded)
  editor.replace(sizes, { ...sizes, inputs: [parts[0]!] })
  const [turn] = editor.consumers(coder.outputs[0]!)
  const apart = editor.producer(lay.inputs[0]!)!
  for (const node of [lay, apart, turn!, conv]) editor.remove(node)
  editor.replace(
    coder,
    ...made.flatMap(({ nodes }) => nodes),
    { ...make('Concat', parts, joined, { axis: int(3) }), name: lay.name },
    make('Transpose', [joined], lay.outputs[0]!, { perm: ints([0, 2, 3, 1]) }),
  )
  dropCoded(operands, context)
}
