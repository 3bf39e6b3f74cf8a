import type { Model } from '../ir/index.ts'
import { modelBytes, modelDigest } from '../onnx/index.ts'
import type { RangeMethod, Recipe, Refusal, Scheme } from '../report/index.ts'
import { recipeOf, type Trail } from './trail.ts'

/**
 * How rows decide the rounding of weights: `gptq`, in the products of weight-only schemes, by what these read;
 * `learned`, up or down, so that the outputs of layers are kept.
 */
export type Rounding = 'gptq' | 'learned'

/** A candidate to build: the lossless model, or a quantization of it. */
export interface CandidateSpec {
  readonly id: string
  /** One line that a person reads. */
  readonly words: string
  readonly scheme?: Scheme
  readonly calibration?: RangeMethod
  /** Number of rows that ranges are taken from; `CALIBRATION_ROWS` by default. */
  readonly samples?: number
  /** Noise over signal that the roundings may add up to; it takes measured sensitivities. */
  readonly noiseBudget?: number
  /** Of a mixture of float and integers, the candidate that has all of it in integers, by its id. */
  readonly mixtureOf?: string
  /** Runs that measure sensitivities, where there is no time for the usual number. */
  readonly noiseRuns?: number
  /** Whether integers are placed by measured costs of this model's kernels, not by formulas. */
  readonly measuredCosts?: boolean
  /** How much of the range of outlier channels moves into weights first (SmoothQuant), 0 … 1; nothing by default. */
  readonly smooth?: number
  /** Whether outlier channels are divided down to the others in front of products, for dynamic integers. */
  readonly outliersDivided?: boolean
  /** What decides how weights are rounded; the scheme by default. */
  readonly rounding?: Rounding
  /** Static integers, except for recurrent layers, which are dynamic. */
  readonly recurrent?: boolean
  readonly pass?: Readonly<Record<string, unknown>>
  /** Name of the placement in the plan of a search, where this is one of its calibrations. */
  readonly placement?: string
  /** Without the file's own roundings, in float32; candidates with a scheme always are. */
  readonly unrounded?: boolean
  /**
   * Name of the model that it is made from instead of the lossless one: a trained one, or one without spare channels.
   */
  readonly base?: string
}

/** A candidate as it was made, before it was measured. */
export interface Built {
  readonly spec: CandidateSpec
  readonly model: Model
  readonly recipe: Recipe
  readonly digest: string
  readonly bytes: number
  readonly planned: Readonly<Record<string, number>>
  readonly float: readonly Refusal[]
  /** Noise over signal that the roundings are expected to add up to; null where this was not estimated. */
  readonly expectedNoise: number | null
}

/** The candidate that a trail made of a specification. */
export function builtFrom(
  spec: CandidateSpec,
  trail: Trail,
  planned: Built['planned'],
  float: readonly Refusal[],
  expectedNoise: number | null = null,
): Built {
  return {
    spec,
    model: trail.model,
    recipe: recipeOf(trail),
    digest: modelDigest(trail.model),
    bytes: modelBytes(trail.model),
    planned,
    float,
    expectedNoise,
  }
}
