import { type Infer, integer, list, number, object, oneOf, optional, record, report, text } from './schema.ts'
import { tensorRef } from './tensor-ref.ts'

/**
 * What learning found for the weights of a model, the evidence of `rounding: 'learned'` and of `setWeights`. By the
 * name of the float weights: `values` (float32, trained, in the shape of the weights), `codes` (int8, the code of each
 * weight less its zero point, in that shape) and `scales` (float32, one a channel).
 */
export const learnedWeights = report('learned-weights', {
  samples: integer,
  dataDigest: text,
  weights: record(object({ values: optional(tensorRef), codes: optional(tensorRef), scales: optional(tensorRef) })),
  /**
   * The parts of the model that were reconstructed one after another: power of the error over power of the part's
   * output, with nearest codes and with learned ones, on rows that nothing was learned from; the same of the model's
   * outputs (`outputs`), where the better ones stay.
   */
  blocks: list(
    object({
      weights: list(text),
      nearest: number,
      learned: number,
      kept: oneOf('learned', 'nearest'),
      steps: integer,
      outputs: optional(object({ nearest: number, learned: number })),
    }),
  ),
  /** Weights, or nodes, for which nothing was learned. */
  left: list(object({ name: text, reason: text })),
})
export type LearnedWeightsReport = Infer<typeof learnedWeights>
