import type { Model } from '../../ir/index.ts'
import { modelDigest } from '../../onnx/index.ts'
import type { ComparisonReport } from '../../report/index.ts'

/** The comparison with the digests of the two models in it, so that its verdict cannot be read as another model's. */
export function nameModels(
  report: ComparisonReport,
  base: Model | string,
  candidate: Model | string,
): ComparisonReport {
  return {
    ...report,
    base: { ...report.base, ...digestOf(base) },
    candidate: { ...report.candidate, ...digestOf(candidate) },
  }
}

const digestOf = (model: Model | string) => (typeof model === 'string' ? {} : { digest: modelDigest(model) })
