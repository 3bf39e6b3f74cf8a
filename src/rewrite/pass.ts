import type { Model, NumericArray } from '../ir/index.ts'
import type { PassRun, Report, Schema } from '../report/index.ts'

/** A report that a pass uses, with the tensors that stand in it as references already resolved, by digest. */
export interface Evidence {
  readonly report: Report
  readonly tensors?: ReadonlyMap<string, NumericArray>
}

/**
 * Spreads pure functions over workers. `job` names a function of a module that every worker knows; where no map is
 * injected the pass computes in place, with the same result.
 */
export type ParallelMap = <I, O>(job: string, items: readonly I[]) => Promise<readonly O[]>

/** The new model, and what was applied, refused and planned. Nothing here was measured. */
export interface PassResult {
  readonly model: Model
  readonly report: PassRun
}

/** What a pass gives that has nothing to do with any part of this model, for this reason. */
export const refusedWhole = (model: Model, id: string, reason: string, options?: object): PassResult => ({
  model,
  report: { id, applied: 0, refused: [{ node: model.graph.name || 'graph', reason }], ...(options && { options }) },
})

/**
 * A transformation of a model. `run` never executes the model: ranges, sensitivities, timings reach it as evidence,
 * so the same model, options and evidence give the same bytes.
 */
export type Pass<O = Record<string, never>> = Transformation<O> &
  // What takes options says what they may be: recipes are written by hand as well.
  ([O] extends [Record<string, never>] ? unknown : { readonly options: Schema<O> })

/** What makes a model of a model without running it. */
export interface Transformation<O> {
  /** Equal to the file's name in camel case; stands in recipes and reports. */
  readonly id: string
  /** One line for people: what it does and why that is worth doing. */
  readonly summary: string
  /** What the options may be; absent where there are none. */
  readonly options?: Schema<unknown>
  run(model: Model, options: O, evidence: readonly Evidence[], map?: ParallelMap): PassResult | Promise<PassResult>
}
