import type { Dataset } from '../../data/index.ts'
import type { CompareOptions } from '../../evaluate/index.ts'
import { countParameters, type Model } from '../../ir/index.ts'
import { modelBytes, modelDigest, oldestRuntime } from '../../onnx/index.ts'
import type { ComparisonReport, LearnedModel } from '../../report/index.ts'
import { bench } from '../judge/bench.ts'
import { compareModels } from '../judge/compare.ts'
import { type LearningRows, type ProofOptions, rowMacs, rowsOfRun } from './proof-rows.ts'

/** The largest accepted loss, in units of the metric, by default: one point. */
export const DEFAULT_MARGIN = 0.01
const SECONDS = 4

/** How a model that has learned stands against the one before, on rows that nothing has learned from. */
export interface LearningProof {
  readonly comparison: ComparisonReport
  readonly sides: readonly [LearnedModel, LearnedModel]
  /** How many times as fast it is; null where none was timed. */
  readonly speedup: number | null
  /** Milliseconds that a row takes less; null where none was timed or the interval of the ratio holds 1. */
  readonly savedMs: number | null
}

/** How models that have learned are compared: for the verdict, without the mined slices and stories of `whet compare`. */
export const comparing = ({ margin = DEFAULT_MARGIN, seed = 0, label, signal }: ProofOptions): CompareOptions => ({
  margin,
  seed,
  deep: false,
  label,
  signal,
})

/** The two models held against each other on rows that nothing has learned from. */
export async function learningProof(
  models: readonly [
    base: { readonly path: string; readonly model: Model },
    candidate: { readonly path: string; readonly model: Model },
  ],
  rows: LearningRows,
  options: ProofOptions,
): Promise<LearningProof> {
  const [base, candidate] = models
  options.onProgress?.('proving on rows that nothing has learned from')
  const comparison = await compareModels(base.model, candidate.model, rows.prove, comparing(options))
  options.onProgress?.('timing the two by turns')
  const latency =
    options.timed === false
      ? null
      : await bench(
          [
            { label: base.path, model: base.model },
            { label: candidate.path, model: candidate.model },
          ],
          { data: rows.prove, maxSeconds: SECONDS, seed: options.seed ?? 0, signal: options.signal },
        )
  const side = (i: 0 | 1, metric: number | null) =>
    learnedModel(models[i], rows.prove, latency?.models[i]?.p50Ms ?? null, metric)
  const [ratio] = latency?.ratios ?? []
  const sides = [side(0, comparison.base.value), side(1, comparison.candidate.value)] as const
  const [before, after] = sides.map(({ p50Ms }) => p50Ms)
  const told = ratio && (ratio.ci[1] < 1 || ratio.ci[0] > 1)
  return {
    comparison,
    sides,
    speedup: ratio ? 1 / ratio.median : null,
    savedMs: told && before && after ? before - after : null,
  }
}

/**
 * What a report on learning says of one of its models.
 *
 * @param runMs Milliseconds of a run, which may hold several rows; null where it was not timed.
 */
export function learnedModel(
  { path, model }: { readonly path: string; readonly model: Model },
  rows: Dataset,
  runMs: number | null,
  metric: number | null,
): LearnedModel {
  return {
    path,
    digest: modelDigest(model),
    parameters: countParameters(model).count,
    macs: rowMacs(model, rows),
    bytes: modelBytes(model),
    p50Ms: runMs === null ? null : runMs / rowsOfRun(model, rows),
    metric,
    runtime: oldestRuntime(model),
  }
}
