/*
 * y = Conv(Concat(p, q), w, b)      with C channels joined, C no multiple of 4, those of q fewer than 8
 *   ⇒  y = Add(Conv(p, w_p, b), Conv(q, w_q))
 * Decoders join the picture itself, of three channels, with what they have made. The runtime has no blocked kernel for
 * numbers of channels that are no multiple of 4, and convolves 35 of them with a copy of every window. Of the two parts
 * one has whole quarters of blocks, the other few enough channels to be read in plain order; the sum, with the
 * activation behind it, is a part of the kernel, and nothing is joined (32 and 3 channels to 16, 3×3 at 160×256, and
 * what reads them: 9.2 ms, then 5.4; 56 and 3 to 32 at 80×128: 5.1 and 4.1, by processor time; with blocks of 8, 8 and 3
 * to 16 at 80×128: 1.01 and 0.76, 12 and 3 to 32 2.1 and 1.6).
 * Illegal: groups; channels that are not known; another axis. Left alone: what is read by others as well; windows of one
 * tap, which are not copied; fewer channels than a block in the larger part.
 * Source: a convolution is a sum over its channels. Which numbers of channels have blocked kernels:
 * `nchwc_transformer.cc` of ONNX Runtime.
 */
import { intAttribute, type Node, type Tensor, tensorOf, tensorShape, tensorValues } from '../../ir/index.ts'
import type { ChannelBlock } from '../../report/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome } from '../../rewrite/index.ts'
import { blockPass } from './block-pass.ts'
import { QUARTER } from './blocks.ts'

export const splitBrokenJoints = blockPass(
  'splitBrokenJoints',
  'A convolution over channels that break its blocks, joined of several values, becomes a sum of two.',
  { roots: ['Conv'], apply },
)

/** Fewer channels than a block of the narrowest vectors are read in plain order. */
const NARROWEST = 8
const RANK = 4

/** A value that is joined: how many channels it has, behind how many others. */
interface Part {
  readonly name: string
  readonly from: number
  readonly channels: number
}

function apply(node: Node, context: RuleContext, block: ChannelBlock): RuleOutcome {
  const { editor, constant } = context
  const weight = constant(node.inputs[1]!)
  if (weight?.dtype !== 'float32' || weight.dims.length !== RANK || intAttribute(node, 'group', 1) !== 1) return false
  const [, channels, height, width] = weight.dims as [number, number, number, number]
  if (channels % QUARTER === 0 || height * width === 1) return false
  const joint = editor.producer(node.inputs[0]!, 'Concat')
  if (!joint || editor.soleConsumer(node.inputs[0]!) !== node) return false
  const parts = partsOf(joint, context)
  if (!parts || channelsIn(parts) !== channels) return false
  const broken = parts.filter((part) => part.channels % QUARTER !== 0)
  const whole = parts.filter((part) => part.channels % QUARTER === 0)
  if (channelsIn(broken) >= NARROWEST || channelsIn(whole) < block) return false

  const output = node.outputs[0]!
  const { values, make } = piecesOf(output, editor)
  const [most, few] = values('most', 'few')
  const joining: Node[] = []
  const read = (some: readonly Part[], hint: string) => {
    if (some.length === 1) return some[0]!.name
    const joined = editor.freshName(`${output}_${hint}`)
    joining.push({
      ...make(
        'Concat',
        some.map(({ name }) => name),
        joined,
      ),
      attributes: joint.attributes,
    })
    return joined
  }
  const convolve = (some: readonly Part[], hint: string, to: string): Node => ({
    ...make(
      'Conv',
      [read(some, `${hint}_joined`), editor.addConstant(weightsOf(weight, some), `${node.inputs[1]}_${hint}`)],
      to,
    ),
    attributes: node.attributes,
  })
  const large = convolve(whole, 'most', most)
  const small = convolve(broken, 'few', few)
  editor.replace(
    node,
    ...joining,
    // Under the name that profiles know it by.
    { ...large, name: node.name || large.name, inputs: [...large.inputs, ...node.inputs.slice(2)] },
    small,
    make('Add', [most, few], output),
  )
  editor.removeUnused(joint)
  return true
}

function partsOf(joint: Node, { types }: RuleContext): readonly Part[] | undefined {
  if (![1, 1 - RANK].includes(intAttribute(joint, 'axis', 0))) return undefined
  const parts: Part[] = []
  let from = 0
  for (const name of joint.inputs) {
    const channels = tensorShape(types.get(name))?.[1]
    if (typeof channels !== 'number') return undefined
    parts.push({ name, from, channels })
    from += channels
  }
  return parts
}

const channelsIn = (parts: readonly Part[]): number => parts.reduce((sum, { channels }) => sum + channels, 0)

/** Of weights [M, C, h, w] those of the channels of some parts. */
function weightsOf(weight: Tensor, parts: readonly Part[]): Tensor {
  const [outputs, channels, height, width] = weight.dims as [number, number, number, number]
  const taps = height * width
  const values = tensorValues(weight) as Float32Array
  const some = new Float32Array(outputs * channelsIn(parts) * taps)
  let to = 0
  for (let m = 0; m < outputs; m++)
    for (const part of parts) {
      const start = (m * channels + part.from) * taps
      some.set(values.subarray(start, start + part.channels * taps), to)
      to += part.channels * taps
    }
  return tensorOf('float32', [outputs, channelsIn(parts), height, width], some)
}
