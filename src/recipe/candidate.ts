import type { Model } from '../ir/index.ts'
import { modelBytes, modelDigest } from '../onnx/index.ts'
import type { RangeMethod, Recipe, Refusal, Scheme } from '../report/index.ts'
import { recipeOf, type Trail } from './trail.ts'

/**
 * How rows decide what weights are rounded to: `gptq`, in the products of weight-only schemes, by what they read;
 * `learned` up or down, as keeps the layers' outputs.
 */
export type Rounding = 'gptq' | 'learned'

/** A candidate to build: the lossless model, or a quantization of it. */
export interface CandidateSpec {
  readonly id: string
  /** One line that a person reads. */
  readonly words: string
  readonly scheme?: Scheme
  readonly calibration?: RangeMethod
  /** Rows that ranges are taken from; `CALIBRATION_ROWS` by default. */
  readonly samples?: number
  /** Noise over signal that the roundings may add up to; the calibration's sensitivities are measured for it. */
  readonly noiseBudget?: number
  /** Runs that tell what roundings do, where fewer than usual must do. */
  readonly noiseRuns?: number
  /** Whether integers are placed by what this model's kernels cost here, not by formulas. */
  readonly measuredCosts?: boolean
  /** How much of what outlier channels need moves into weights before (SmoothQuant), 0 … 1; nothing by default. */
  readonly smooth?: number
  /** Whether outlier channels are divided down to others in front of products, for dynamic integers. */
  readonly outliersDivided?: boolean
  /** What decides how weights are rounded; as the scheme does it by default. */
  readonly rounding?: Rounding
  /** Static integers with recurrent layers in dynamic ones. */
  readonly recurrent?: boolean
  readonly pass?: Readonly<Record<string, unknown>>
  /** The placement in the plan of a search that it is a calibration of, by name. */
  readonly placement?: string
  /** Without the roundings that the file makes, in float32; whatever has a scheme is made of that in any case. */
  readonly unrounded?: boolean
  /** What it is made of instead of the lossless model: a trained one, or one without spare channels, by its name. */
  readonly base?: string
}

/** A candidate as it was made, before anything of it was measured. */
export interface Built {
  readonly spec: CandidateSpec
  readonly model: Model
  /** How it was made. */
  readonly recipe: Recipe
  readonly digest: string
  readonly bytes: number
  readonly planned: Readonly<Record<string, number>>
  readonly float: readonly Refusal[]
  /** Noise over signal that the roundings were foretold to add up to; null where this was not foretold. */
  readonly expectedNoise: number | null
}

/** What the steps of a trail made of a specification. */
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
