/*
 * x = Mul(h, g)  y = MatMul(x, w)   ⇒   x = Mul(h, g / s)  y = MatMul(x, s · w)
 * The same function, with weights that lose less when they become codes: channels of x that are large get larger
 * weights, hence finer codes. s = mean|x|^α, for all products that read x; α is the one of 20 whose codes cost the
 * outputs least, Σ eᵀ·XᵀX·e over the columns e of the error, and 0 (nothing done) where none helps. The scales go into
 * what makes x: the factor of a normalization, a Mul or the columns of the weights of a product, so that nothing is
 * added to the graph. Needs a `moments` report.
 * Illegal: somebody else reads x, or it is an output of the graph; nothing in front of it can take the scales.
 * Source: J. Lin et al., AWQ, MLSys 2024, section 3.2.
 */
import { inferTypes, type NumericArray, nodeLabel } from '../../../ir/index.ts'
import { boolean, exactly, oneOf, optional, type Refusal } from '../../../report/index.ts'
import { GraphEditor, outputPower, type Pass, type PassResult, refusedWhole } from '../../../rewrite/index.ts'
import { type InputMoments, inputMoments } from '../codes/moments.ts'
import { edited } from '../drop-unread.ts'
import { KEEP_FLOAT, KEPT, keptAsAsked } from '../kept-as-asked.ts'
import type { WeightedProduct } from '../products/weighted-product.ts'
import { dequantizeBlocks, quantizeBlocks } from './block-codes.ts'
import { GROUPS, USUAL_BLOCK } from './block-grid.ts'
import type { Around } from './channels-of-parts.ts'
import { type ScaledReader, scalable, scaleWeights } from './input-scales.ts'
import { scaleTaker } from './scale-taker.ts'

/** The codes that scales are searched for: those that `quantizeWeights` is asked for next. */
export interface ScaleInputsOptions {
  /** The codes that the weights will get: see `quantizeWeights`. */
  readonly bits: 4 | 8
  /** Weights that share a scale, along the axis that a product sums over. */
  readonly block?: number | undefined
  readonly symmetric?: boolean | undefined
  /** Node names, first outputs or operator names that stay as they are. */
  readonly keepFloat?: readonly string[] | undefined
}

/** Exponents that are tried: s = mean|x|^α. */
const STEPS = 20
/** Wider inputs are judged by their own energy alone: the cost of their covariance grows with the third power. */
const WIDEST_GRAM = 1024

export const scaleWeightInputs: Pass<ScaleInputsOptions> = {
  id: 'scaleWeightInputs',
  summary: 'moves the size of large activations into the weights, which then lose less in few bits (AWQ)',
  options: exactly<ScaleInputsOptions>({
    bits: oneOf(4, 8),
    block: optional(oneOf(...GROUPS)),
    symmetric: optional(boolean),
    keepFloat: KEEP_FLOAT,
  }),
  run(model, options, evidence): PassResult {
    const id = 'scaleWeightInputs'
    const observed = inputMoments(evidence)
    if (observed.size === 0)
      return refusedWhole(model, id, 'no moments of the products’ inputs are among the evidence', options)
    const editor = new GraphEditor(model.graph)
    const types = inferTypes(model)
    const refused: Refusal[] = []
    let applied = 0
    for (const [name, moments] of observed) {
      const [first] = editor.consumers(name)
      if (!first) continue
      const reason = scaleInput(name, moments, options, { editor, types })
      if (reason === undefined) applied++
      else refused.push({ node: nodeLabel(first), reason })
    }
    return { model: edited(model, editor), report: { id, applied, refused, options } }
  },
}

/** Moves the size of the channels of a value into the weights of the products that read it, or says why it does not. */
function scaleInput(
  name: string,
  moments: InputMoments,
  options: ScaleInputsOptions,
  around: Around,
): string | undefined {
  const { editor } = around
  const readers = editor.consumers(name)
  if (editor.isOutput(name)) return 'its input is an output of the graph'
  if (readers.some(keptAsAsked(options.keepFloat))) return KEPT.refused
  const products: ScaledReader[] = []
  for (const node of readers) {
    const product = scalable(node, name, editor)
    if ('refused' in product) return product.refused
    products.push(product)
  }
  const divide = scaleTaker(name, moments.meanAbs.length, around)
  if (typeof divide === 'string') return divide
  const coded = products.filter((product) => product.coded)
  const scales = coded.length > 0 ? bestScales(coded, moments, options) : null
  if (!scales) return 'no scale of its inputs makes the codes better'
  divide(scales)
  for (const node of editor.consumers(name)) scaleWeights(node, name, scales, editor)
  return undefined
}

function bestScales(
  products: readonly WeightedProduct[],
  { meanAbs, gram }: InputMoments,
  { bits, block = USUAL_BLOCK, symmetric = false }: ScaleInputsOptions,
): Float32Array | null {
  const width = meanAbs.length
  const full = gram !== undefined && width <= WIDEST_GRAM
  const energy = Float64Array.from({ length: width }, (_, k) =>
    gram ? Number(gram[k * width + k]) : Number(meanAbs[k]) ** 2,
  )
  const costOf = (scales: Float32Array | null) => {
    let cost = 0
    for (const { values, rows, columns } of products) {
      const scaled = scales ? values.map((value, i) => value * scales[Math.floor(i / columns)]!) : values
      const coded = quantizeBlocks(scaled, rows, columns, block, { bits, symmetric, fit: 'rtn' })
      const back = dequantizeBlocks(coded, rows, columns)
      const error = back.map((value, i) => {
        const scale = scales ? scales[Math.floor(i / columns)]! : 1
        return value / scale - values[i]!
      })
      if (full) cost += outputPower(gram as Float32Array, error, rows)
      else for (let i = 0; i < error.length; i++) cost += energy[Math.floor(i / columns)]! * error[i]! ** 2
    }
    return cost
  }
  let least = costOf(null)
  let best: Float32Array | null = null
  for (let step = 1; step <= STEPS; step++) {
    const scales = scalesOf(meanAbs, step / STEPS)
    const cost = costOf(scales)
    if (cost >= least) continue
    least = cost
    best = scales
  }
  return best
}

/** mean|x|^α around 1; channels that were never seen keep 1. */
function scalesOf(meanAbs: NumericArray, alpha: number): Float32Array {
  const raw = Float64Array.from({ length: meanAbs.length }, (_, k) => Math.max(Number(meanAbs[k]), 0) ** alpha)
  const seen = raw.filter((scale) => scale > 0)
  const middle = Math.sqrt(seen.reduce((a, b) => Math.max(a, b), 0) * seen.reduce((a, b) => Math.min(a, b), Infinity))
  return Float32Array.from(raw, (scale) => (scale > 0 ? Math.max(scale / middle, 1e-4) : 1))
}
