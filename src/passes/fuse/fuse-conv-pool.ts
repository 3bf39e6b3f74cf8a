/*
 * y = AveragePool<p, t>(Conv<k, s>(x, W, b))   ⇒   y = Conv<(p − 1)·s + k, s·t>(x, W', b)   W' = means of W, shifted
 * y = AveragePool(Conv<1×1>(x, W, b))          ⇒   y = Conv<1×1>(AveragePool(x), W, b)
 * y = GlobalAveragePool(Conv<1×1>(x, W, b))    ⇒   y = Conv<1×1>(GlobalAveragePool(x), W, b)      also a ReduceMean
 * A convolution of 3×3 with a mean of 2×2 behind it is one of 4×4 and stride 2, with 16 products in the place of 36, and
 * the picture between them is never written (64 to 32 channels at 28×28: 0.18 ms, then 0.12). One of a single tap makes
 * fewer pixels where the mean comes first (96 to 48 channels at 20×20: 0.066 ms, then 0.056).
 * Illegal: the convolution is read elsewhere or is an output; weights that are not constant; padding that the mean counts,
 * where there is a bias, for that would count as well. Into the weights also: other padding of the mean, a ceiling for its
 * size, padding that the runtime chooses, and gaps in either window. Left alone where more would be multiplied, where
 * weights would more than double, and where many more channels would be averaged than were.
 * Source: a mean of sums is the sum of the means; its weights add up to 1, so that a bias passes through.
 */
import {
  averagesPicture,
  elementCount,
  fromNumbers,
  hasGaps,
  intAttribute,
  ints,
  intsAttribute,
  isFloating,
  isPadded,
  isPointwise,
  makeNode,
  type Node,
  stringAttribute,
  type Tensor,
  toNumbers,
} from '../../ir/index.ts'
import { BLOCK, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const fuseConvPool = rulePass(
  'fuseConvPool',
  'A mean over windows behind a convolution goes into its weights, or in front of it.',
  [
    { roots: ['AveragePool'], apply: average },
    { roots: ['GlobalAveragePool', 'ReduceMean'], apply: averageAll },
  ],
)

/** Channels averaged in the place of one, and channels that pay for averaging whatever they are made of. */
const MOST_AVERAGED = 2
const LEAST_MADE = 4
/** Times as many weights as before, where they are more than one a channel. */
const MOST_GROWTH = 2

interface Before {
  readonly conv: Node
  readonly weight: Tensor
}

/** The convolution in front of a mean, that nothing else reads. */
function convBefore(pool: Node, { editor }: RuleContext): Before | { refused: string } | undefined {
  const conv = editor.producer(pool.inputs[0]!, 'Conv')
  if (!conv) return undefined
  const weight = editor.constant(conv.inputs[1]!)
  if (!weight || !isFloating(weight.dtype))
    return { refused: 'the weights of the Conv in front are no constant floats' }
  if (editor.soleConsumer(pool.inputs[0]!) !== pool) return { refused: 'the Conv in front is also read elsewhere' }
  return { conv, weight }
}

function averageAll(pool: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const before = convBefore(pool, context)
  if (!before || 'refused' in before) return before ?? false
  if (!isPointwise(before.conv, before.weight) || before.weight.dims[0]! < LEAST_MADE) return false
  if (pool.opType === 'GlobalAveragePool') return swap(pool, before, context)
  const keeps = intAttribute(pool, 'keepdims', 1) !== 0
  if (!averagesPicture(pool, before.weight.dims.length, context.constant)) return false
  const output = pool.outputs[0]!
  const [mean, made] = [editor.freshName(`${output}_mean`), keeps ? output : editor.freshName(`${output}_pixel`)]
  const { conv } = before
  editor.replace(
    pool,
    makeNode('GlobalAveragePool', [conv.inputs[0]!], [mean], { name: pool.name }),
    { ...conv, inputs: [mean, ...conv.inputs.slice(1)], outputs: [made] },
    ...(keeps ? [] : [makeNode('Flatten', [made], [output], { name: editor.freshName(`${output}_Flatten`) })]),
  )
  editor.remove(conv)
  return true
}

function average(pool: Node, context: RuleContext): RuleOutcome {
  const before = convBefore(pool, context)
  if (!before || 'refused' in before) return before ?? false
  const { conv, weight } = before
  const [makes, reads] = weight.dims as [number, number]
  const steps = intsAttribute(pool, 'strides', [1])
  if (!isPointwise(before.conv, before.weight)) return intoWeights(pool, before, context)
  // Means of broken blocks are slow.
  const few = reads <= makes || (reads <= MOST_AVERAGED * makes && reads % BLOCK === 0)
  if (!few || steps.every((step) => step === 1)) return false
  const leaves = isPadded(pool) || intAttribute(pool, 'ceil_mode', 0) !== 0
  if (leaves && intAttribute(pool, 'count_include_pad', 0) !== 0 && conv.inputs[2])
    return { refused: 'its mean counts padding, where the bias of the Conv in front would count, too' }
  return swap(pool, before, context)
}

function swap(pool: Node, { conv }: Before, { editor }: RuleContext): RuleOutcome {
  const mean = editor.freshName(`${pool.outputs[0]}_mean`)
  editor.replace(
    pool,
    { ...pool, inputs: [conv.inputs[0]!], outputs: [mean] },
    { ...conv, inputs: [mean, ...conv.inputs.slice(1)], outputs: pool.outputs },
  )
  editor.remove(conv)
  return true
}

function intoWeights(pool: Node, { conv, weight }: Before, { editor }: RuleContext): RuleOutcome {
  const kernel = weight.dims.slice(2)
  const ones = kernel.map(() => 1)
  const [window, hops] = [intsAttribute(pool, 'kernel_shape', ones), intsAttribute(pool, 'strides', ones)]
  const steps = intsAttribute(conv, 'strides', ones)
  const grown = kernel.map((size, i) => (window[i]! - 1) * steps[i]! + size)
  if (elementCount(grown) > elementCount(kernel) * elementCount(hops)) return false
  const narrow = weight.dims[1] === 1
  if (!narrow && elementCount(grown) > MOST_GROWTH * elementCount(kernel)) return false
  if (isPadded(pool) || intAttribute(pool, 'ceil_mode', 0) !== 0)
    return { refused: 'some of its windows reach beyond what the Conv in front makes' }
  if (hasGaps(pool) || hasGaps(conv)) return { refused: 'windows with gaps make none without' }
  if (stringAttribute(conv, 'auto_pad', 'NOTSET').startsWith('SAME'))
    return { refused: 'the padding of the Conv in front hangs on the size of its window' }
  const values = averaged(weight, window, steps, grown)
  const tensor = fromNumbers(weight.dtype, [...weight.dims.slice(0, 2), ...grown], values)
  const inputs = [conv.inputs[0]!, editor.addConstant(tensor, `${conv.inputs[1]}_averaged`), ...conv.inputs.slice(2)]
  const attributes = new Map(conv.attributes)
    .set('kernel_shape', ints(grown))
    .set('strides', ints(steps.map((step, i) => step * hops[i]!)))
  editor.replace(pool, { ...conv, inputs, attributes, outputs: pool.outputs })
  editor.remove(conv)
  return true
}

/** The mean of the filters [M, C, …kernel], each shifted by the steps of one place of the window, in `grown` filters. */
function averaged(
  weight: Tensor,
  window: readonly number[],
  steps: readonly number[],
  grown: readonly number[],
): Float64Array {
  const kernel = weight.dims.slice(2)
  const [taps, wide] = [elementCount(kernel), elementCount(grown)]
  const places = elementCount(window)
  const old = toNumbers(weight)
  const sums = new Float64Array((old.length / taps) * wide)
  const shifts = offsets(window, grown, steps)
  const inside = offsets(
    kernel,
    grown,
    kernel.map(() => 1),
  )
  for (let filter = 0; filter < old.length / taps; filter++)
    for (const shift of shifts)
      for (const [tap, at] of inside.entries()) sums[filter * wide + shift + at]! += old[filter * taps + tap]! / places
  return sums
}

/** Where each place of a grid, in order, lies in one of `sizes`, `steps` apart along each axis. */
function offsets(grid: readonly number[], sizes: readonly number[], steps: readonly number[]): readonly number[] {
  let found = [0]
  for (const [axis, count] of grid.entries()) {
    const stride = elementCount(sizes.slice(axis + 1)) * steps[axis]!
    found = found.flatMap((from) => Array.from({ length: count }, (_, i) => from + i * stride))
  }
  return found
}
