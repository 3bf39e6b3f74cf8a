import type { Model, NumericArray } from '../../ir/index.ts'
import type { QuantizationReport, Recipe } from '../../report/index.ts'
import { recipeOf, type Trail } from '../trail.ts'

/** A quantized model with its report, and what makes it again. */
export interface Quantized {
  readonly model: Model
  readonly report: QuantizationReport
  /** Made when it is asked for: it takes the digest of every model on the way. */
  readonly recipe: Recipe
  /** What the recipe's evidence refers to, by digest; see `writeRecipe`. */
  readonly tensors: ReadonlyMap<string, NumericArray>
}

/** What a trail came to. */
export function quantized(
  trail: Trail,
  report: QuantizationReport,
  tensors: Quantized['tensors'] = new Map(),
): Quantized {
  return {
    model: trail.model,
    report,
    tensors,
    get recipe() {
      return recipeOf(trail)
    },
  }
}
