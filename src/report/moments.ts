import { type Infer, integer, list, object, optional, record, report, text } from './schema.ts'
import { tensorRef } from './tensor-ref.ts'

/**
 * What the rows say about the values that weighted products read, the evidence of rounding (GPTQ) and scaling (AWQ).
 * The numbers stand in blobs: `meanAbs` float32 [K], the mean magnitude of each channel; `gram` float32 [K, K], XᵀX
 * divided by the number of vectors seen. `windows`, by the weights of a convolution, are moments of what its kernels lie over,
 * in parts of some channels: `mean` [parts, size] and `covariance` [parts, size, size]. `judged`: rows behind those of
 * `samples` by which the whole model told whether its convolutions shall be rounded by them.
 */
export const moments = report('moments', {
  samples: integer,
  dataDigest: text,
  values: record(object({ vectors: integer, meanAbs: tensorRef, gram: optional(tensorRef) })),
  windows: optional(record(object({ vectors: integer, mean: tensorRef, covariance: tensorRef }))),
  judged: optional(integer),
  unseen: list(object({ name: text, reason: text })),
})
export type MomentsReport = Infer<typeof moments>
