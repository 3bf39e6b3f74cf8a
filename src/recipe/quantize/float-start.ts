import type { Model } from '../../ir/index.ts'
import { losslessTrail, unroundedTrail, wasNarrowed } from '../simplify.ts'
import { type LeftOut, startTrail, type Trail } from '../trail.ts'
import { forScheme } from './float-form-choice.ts'
import { provePortable } from './portable.ts'
import type { QuantizeOptions } from './quantize-options.ts'
import { outliersDivided, smoothed } from './smooth.ts'

/** The float model that a quantization begins with. */
export interface FloatStart {
  readonly float: Trail
  /** What must answer as the file does: what rounds nothing in a run answers otherwise than a file that does. */
  readonly provable: Trail
  /** Which of the roundings that the file makes were undone: none, those with ranges of each run, or with any; or float64 that is none now. */
  readonly unrounded: 'none' | 'each run' | 'all' | 'float64'
}

/**
 * The form of a float model that this scheme is best made of, without some passes where these changed answers; the model
 * as it came where it shall not be simplified.
 */
export async function floatStart(
  model: Model,
  { simplify, scheme, target = 'native' }: QuantizeOptions,
  without: LeftOut | undefined,
): Promise<FloatStart> {
  if (simplify === false) {
    const given = startTrail(model)
    return { float: given, provable: given, unrounded: 'none' }
  }
  const lossless = await losslessTrail(model, { without })
  // Codes that leave 16 bits elsewhere are no choice of ranges to be kept.
  const which = target === 'portable' && !provePortable(lossless.model).proven ? 'all' : 'each run'
  const restored = await unroundedTrail(lossless, which)
  const unrounded = restored === lossless ? 'none' : wasNarrowed(restored) ? 'float64' : which
  const float = await forScheme(restored, scheme, target)
  return { float, provable: unrounded === 'none' ? float : lossless, unrounded }
}

/**
 * With outlier channels moved into weights, or divided in front of products, where that was asked for; it looks at rows
 * when `free` says that it may.
 */
export async function easedWhereAsked(float: Trail, options: QuantizeOptions, free: Promise<void>): Promise<Trail> {
  const { scheme, data, smooth: alpha, divideOutliers } = options
  const smooths = scheme === 'static-int8' && alpha !== undefined
  const divides = scheme === 'dynamic-int8' && divideOutliers
  if (!data || !(smooths || divides)) return float
  await free
  return smooths ? smoothed(float, data, { ...options, alpha }) : outliersDivided(float, data, options)
}
