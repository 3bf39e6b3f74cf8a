import type { Feeds } from '../engine/index.ts'
import type { Model } from '../ir/index.ts'
import type { CalibrationReport, CostsReport, Report, Target } from '../report/index.ts'
import type { CandidateSpec } from './candidate.ts'
import type { EvidenceCache } from './evidence/evidence-cache.ts'
import { kernelCosts } from './evidence/kernel-costs.ts'
import { curvesOn } from './evidence/processor.ts'
import { rangesOf } from './evidence/ranges.ts'
import { sensitivityOf } from './evidence/sensitivity.ts'
import type { Metered } from './meter.ts'
import { rangesWithChannels } from './quantize/ranges-and-channels.ts'
import { outliersDivided, smoothed } from './quantize/smooth.ts'
import type { RowsOf } from './share-rows.ts'
import type { Trail } from './trail.ts'

/** What evidence for candidates is measured with; `data` and `indices` are the rows to calibrate on. */
export interface EvidenceOptions extends RowsOf, Metered {
  readonly target: Target
  readonly threads: number
  readonly workers?: number | undefined
  readonly cache: EvidenceCache
  /** What the kernels are timed on. */
  readonly feeds: Feeds
  /** Milliseconds that one run of the original took. */
  readonly runMs: number
}

/**
 * What the passes of a candidate must know. Static integers need the ranges and channels of values. A noise budget needs
 * ranges and what each rounding does to the outputs; for dynamic integers these are the full ranges, which no scale that
 * is computed in a run exceeds.
 */
export async function evidenceFor(
  model: Model,
  spec: CandidateSpec,
  options: EvidenceOptions,
): Promise<readonly Report[]> {
  const { scheme, noiseBudget, noiseRuns, measuredCosts, calibration = 'minmax', samples } = spec
  const isStatic = scheme === 'static-int8'
  if (!isStatic && (scheme !== 'dynamic-int8' || noiseBudget === undefined)) return []
  const [ranges, channels] = isStatic
    ? await rangesWithChannels(model, options.data, calibration, { ...options, samples })
    : [await rangesFor(model, spec, options), null]
  const sensitivity = noiseBudget
    ? await sensitivityOf(model, options.data, ranges, { ...options, runs: noiseRuns })
    : null
  const costs = measuredCosts ? await costsOn(model, ranges, options) : null
  return [ranges, channels, sensitivity, costs].filter((report) => report !== null)
}

/** What each node of a model costs in float and in integers under the ranges of a candidate; null as in `costsOn`. */
export async function costsFor(
  model: Model,
  spec: CandidateSpec,
  options: EvidenceOptions,
): Promise<CostsReport | null> {
  return costsOn(model, await rangesFor(model, spec, options), options)
}

/** A float model with its outlier channels eased as the candidate wants them, by what the calibration rows show. */
export async function easedOutliers(
  trail: Trail,
  { smooth: alpha, outliersDivided: divided }: CandidateSpec,
  { data, indices, cache, signal, onProgress }: EvidenceOptions,
): Promise<Trail> {
  const looked = { indices, cache, signal, onProgress }
  if (divided) return outliersDivided(trail, data, looked)
  return alpha === undefined ? trail : smoothed(trail, data, { alpha, ...looked })
}

const rangesFor = (model: Model, { calibration = 'minmax', samples }: CandidateSpec, options: EvidenceOptions) =>
  rangesOf(model, options.data, calibration, { ...options, samples })

/** Null where nothing can become integer, and in browsers, whose runtime gives no profile: whole candidates are timed there. */
async function costsOn(
  model: Model,
  ranges: CalibrationReport,
  { threads, cache, signal, target, feeds, runMs }: EvidenceOptions,
): Promise<CostsReport | null> {
  if (target === 'web') return null
  const curves = await curvesOn(target, model, cache)
  return kernelCosts(model, ranges, feeds, { threads, cache, signal, curves, runMs })
}
