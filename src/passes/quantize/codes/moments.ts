import type { NumericArray } from '../../../ir/index.ts'
import type { Evidence } from '../../../rewrite/index.ts'

/** What the rows say of a value [.., K] that products read: the mean of its magnitudes [K], and XᵀX over the vectors [K, K]. */
export interface InputMoments {
  readonly meanAbs: NumericArray
  /** Undefined where it was too large to be summed. */
  readonly gram: NumericArray | undefined
}

/** What the rows say of the windows of one convolution: `mean` [parts, size], `covariance` [parts, size, size]. */
export interface WindowMoments {
  readonly mean: NumericArray
  readonly covariance: NumericArray
}

/** Of the values that products read, by their names; empty without a report. */
export function inputMoments(evidence: readonly Evidence[]): ReadonlyMap<string, InputMoments> {
  const found = new Map<string, InputMoments>()
  for (const { report, tensors } of evidence)
    if (report.kind === 'moments')
      for (const [name, { meanAbs, gram }] of Object.entries(report.values)) {
        const held = tensors?.get(meanAbs.digest)
        if (held) found.set(name, { meanAbs: held, gram: gram && tensors?.get(gram.digest) })
      }
  return found
}

/** Of convolutions, by the name of their weights; empty where their windows were not looked at. */
export function windowMoments(evidence: readonly Evidence[]): ReadonlyMap<string, WindowMoments> {
  const found = new Map<string, WindowMoments>()
  for (const { report, tensors } of evidence)
    if (report.kind === 'moments')
      for (const [weight, { mean, covariance }] of Object.entries(report.windows ?? {})) {
        const [own, moving] = [mean, covariance].map(({ digest }) => tensors?.get(digest))
        if (own && moving) found.set(weight, { mean: own, covariance: moving })
      }
  return found
}
