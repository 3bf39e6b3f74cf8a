/*
 * c = QuantizeLinear(Conv(DQ(x₈), DQ(w₈), b))          with x of channels that do not come in fours
 *   ⇒  c = QuantizeLinear(Conv(DQ(x'), DQ(w'₈), b))    with x' of whole groups of four channels and the same sums
 * x' is x with channels of zeros, or, of one to three channels, copies of x, shifted by pixels, side by side as channels
 * (`input-forms.ts`); w' are the same codes in the order that this asks for, zeros where there are none.
 * The runtime's integer convolution reads pixels where they lie only where channels come in fours; else it copies every
 * patch first. A 3×3 convolution of stride 2 from 3 to 32 channels at 224×224 took 0.37 ms that way, 0.25 with a fourth
 * channel; 5×5 from 1 to 64 2.33 ms, 0.95 with every place of the window as a channel; and 3×3 from 35
 * to 16, as where the picture itself is joined with what was made of it, 4.2 ms at 160×256, 1.8 with a 36th.
 * Illegal: weights whose 16-bit sums could saturate only in the new order (`kernel-pairs.ts`). Left alone: groups, broken
 * blocks of output channels (`widenConvolutions`), windows of one place, and where the form costs more than it saves.
 * Source: the sums over channels and window places, with the indices renamed; codes outside the picture are zero points.
 */
import {
  elementCount,
  fromNumbers,
  int,
  intAttribute,
  ints,
  intsAttribute,
  makeNode,
  type Node,
  nodeLabel,
  stringAttribute,
  type Tensor,
  tensorOf,
  toNumbers,
} from '../../../ir/index.ts'
import { pictureToWeigh, type RuleContext, type RuleOutcome, rulePass } from '../../../rewrite/index.ts'
import { leavesBits } from '../codes/kernel-pairs.ts'
import { recoding } from '../drop-unread.ts'
import { codedWeights, dropCoded, recode } from './coded-weights.ts'
import { GROUP, inBlocks } from './conv-kernel.ts'
import { type InputForm, narrowForm, type Pair, wideForm } from './input-forms.ts'

export const readInFours = recoding(
  rulePass(
    'readInFours',
    'Integer convolutions over channels that do not come in fours get zeros, or neighbouring pixels, beside them.',
    [{ roots: ['Conv'], apply }],
  ),
)

/** What stands behind the name of a convolution in those of the nodes that lay its pixels. */
export const IN_FOURS = '_fours'

interface Laying {
  /** Channels that there were. */
  readonly before: number
  readonly kernel: readonly number[]
  readonly pads: readonly number[]
  readonly form: InputForm
}

/** Of more channels than these, zeros that fill the last group are a small part. */
const NARROW = 3

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const reader = editor.producer(node.inputs[0]!, 'DequantizeLinear')
  if (!reader || reader.inputs.length < 3) return false
  if (!editor.soleConsumer(node.outputs[0]!, 'QuantizeLinear')) return false
  const weight = codedWeights(node.inputs[1]!, 0, context)
  if (weight?.codes.dims.length !== 4 || intAttribute(node, 'group', 1) !== 1) return false
  const [outputs, channels, height, width] = weight.codes.dims as [number, number, number, number]
  const kernel = [height, width] as const
  if (channels % GROUP === 0 || elementCount(kernel) === 1) return false
  if (!inBlocks(outputs)) return { refused: 'its output channels are no whole blocks' }
  const auto = stringAttribute(node, 'auto_pad', 'NOTSET')
  const pair = (name: string): Pair => {
    const [rows, columns] = intsAttribute(node, name, [1, 1])
    return [rows, columns]
  }
  const pads =
    auto === 'NOTSET' ? intsAttribute(node, 'pads', [0, 0, 0, 0]) : auto === 'VALID' ? [0, 0, 0, 0] : undefined
  const form =
    channels > NARROW
      ? wideForm(channels, outputs, kernel)
      : narrowForm({
          channels,
          outputs,
          kernel,
          strides: pair('strides'),
          dilations: pair('dilations'),
          padsKnown: pads !== undefined,
          size: pictureToWeigh(context.types.get(reader.inputs[0]!)),
          channelsLast: turnedFromChannelsLast(reader, context),
        })
  if (!form) return { refused: 'whole groups of channels would cost it more than they save' }
  const codes = regrouped(weight.codes, form)
  if (!leavesBits(weight.codes) && leavesBits(codes))
    return { refused: 'its weights keep within 16 bits only in the order that they have' }

  const floats = laidOut(node, reader, { before: channels, kernel, pads: pads ?? [], form }, context)
  const attributes = new Map(node.attributes)
  if (copiesOf(form) > 1) {
    attributes.delete('auto_pad')
    attributes.set('pads', ints([0, 0, 0, 0]))
    attributes.set('kernel_shape', ints(form.kernel))
    attributes.set('dilations', ints(form.kernel.map((places, axis) => (places === 1 ? 1 : form.step[axis]!))))
  }
  const inputs = [floats, recode(weight, { codes }, 'fours', context), ...node.inputs.slice(2)]
  editor.replace(node, { ...node, inputs, attributes })
  dropCoded({ weight }, context)
  editor.removeUnused(reader)
  return true
}

/** Whether the picture was channels last until a Transpose, as networks of TensorFlow take it. */
function turnedFromChannelsLast(reader: Node, { editor }: RuleContext): boolean {
  let before: Node | undefined = reader
  while (before?.opType === 'QuantizeLinear' || before?.opType === 'DequantizeLinear')
    before = editor.producer(before.inputs[0]!)
  return before?.opType === 'Transpose' && intsAttribute(before, 'perm', []).join() === '0,3,1,2'
}

const copiesOf = ({ step }: InputForm) => step[0] * step[1]

/** The codes [M, C, h, w] in the order of the form, zeros where the old kernel has no place. */
function regrouped(tensor: Tensor, { step, kernel, channels }: InputForm): Tensor {
  const [outputs, before, height, width] = tensor.dims as [number, number, number, number]
  const old = toNumbers(tensor)
  const [rows, columns] = kernel
  const all = new Float64Array(outputs * channels * rows * columns)
  for (let m = 0; m < outputs; m++)
    for (let c = 0; c < before * step[0] * step[1]; c++) {
      const group = Math.floor(c / before)
      const [a, b] = [Math.floor(group / step[1]), group % step[1]]
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++) {
          const [y, x] = [step[0] * i + a, step[1] * j + b]
          if (y >= height || x >= width) continue
          all[((m * channels + c) * rows + i) * columns + j] =
            old[((m * before + (c % before)) * height + y) * width + x]!
        }
    }
  return fromNumbers(tensor.dtype, [outputs, channels, rows, columns], all)
}

/** Lays the codes that `reader` dequantizes in the order of the form; returns the name of the dequantized value. */
function laidOut(node: Node, reader: Node, { before, kernel, pads, form }: Laying, context: RuleContext): string {
  const { editor } = context
  const [codes, , zero] = reader.inputs as [string, string, string]
  const laid = editor.freshName(`${codes}_fours`)
  // Profiles count what these take as the convolution's own.
  const make = (opType: string, from: readonly string[], to: string, attributes = {}) =>
    makeNode(opType, from, [to], { name: editor.freshName(`${nodeLabel(node)}${IN_FOURS}`), attributes })
  const padded = (amounts: readonly number[], to: string) => {
    const numbers = tensorOf('int64', [amounts.length], BigInt64Array.from(amounts, BigInt))
    return make('Pad', [codes, editor.addConstant(numbers, `${to}_pads`), zero], to)
  }
  const { step, channels } = form
  const copies = copiesOf(form)
  const zeros = channels - before * copies
  const moves: Node[] = []
  if (copies === 1) moves.push(padded([0, 0, 0, 0, 0, zeros, 0, 0], laid))
  else {
    const parts = Array.from({ length: copies }, () => editor.freshName(`${codes}_shifted`))
    for (const [i, part] of parts.entries()) {
      const shift = [Math.floor(i / step[1]), i % step[1]] as const
      const start = shift.map((by, axis) => pads[axis]! - by)
      // Whatever the size and the stride, the copies have as many windows as there were.
      const end = shift.map(
        (by, axis) => pads[axis + 2]! - kernel[axis]! + step[axis]! * (form.kernel[axis]! - 1) + 1 + by,
      )
      moves.push(padded([0, 0, ...start, 0, i === copies - 1 ? zeros : 0, ...end], part))
    }
    moves.push(make('Concat', parts, laid, { axis: int(1) }))
  }
  const floats = editor.freshName(`${reader.outputs[0]}_fours`)
  const name = editor.freshName(`${floats}_DequantizeLinear`)
  editor.insertBefore(node, ...moves, { ...reader, name, inputs: [laid, ...reader.inputs.slice(1)], outputs: [floats] })
  return floats
}
