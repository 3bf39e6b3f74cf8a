import type { NumericArray } from '../ir/index.ts'
import { sha256 } from '../platform/index.ts'
import type { Report, TensorRef } from '../report/index.ts'

/** Every tensor that a piece of evidence refers to. */
export function tensorRefsOf(report: Report): readonly TensorRef[] {
  if (report.kind === 'moments')
    return [
      ...Object.values(report.values).flatMap(({ meanAbs, gram }) => (gram ? [meanAbs, gram] : [meanAbs])),
      ...Object.values(report.windows ?? {}).flatMap(({ mean, covariance }) => [mean, covariance]),
    ]
  if (report.kind === 'learned-weights')
    return Object.values(report.weights).flatMap(({ values, codes, scales }) =>
      [values, codes, scales].filter((ref) => ref !== undefined),
    )
  return []
}

/** Tensors by their digest, as evidence holds them. */
export class TensorStore {
  readonly tensors = new Map<string, NumericArray>()

  keep(values: Float32Array | Int8Array, shape: readonly number[]): TensorRef {
    const digest = sha256(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    this.tensors.set(digest, values)
    return { digest, dtype: values instanceof Int8Array ? 'int8' : 'float32', shape: [...shape] }
  }
}
