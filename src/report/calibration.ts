import { CHANNEL_BLOCKS, RANGE_METHODS } from './choices.ts'
import { boolean, type Infer, integer, list, number, object, oneOf, optional, record, report, text } from './schema.ts'

/** How a range is taken from the numbers that were seen; see `clipRange`. */
const calibrationMethod = oneOf('minmax', 'percentile', 'entropy', 'mse', 'most-rows')
export type CalibrationMethod = Infer<typeof calibrationMethod>

const rangeMethod = oneOf(...RANGE_METHODS)
export type RangeMethod = Infer<typeof rangeMethod>

/** Observed ranges of float values, the evidence that static quantization needs. */
export const calibration = report('calibration', {
  /** `learned`: what tuning made of them. */
  method: oneOf(...RANGE_METHODS, 'learned'),
  samples: integer,
  dataDigest: text,
  /** By value name, in real units; `elements` of one row, where rows differ the mean. */
  ranges: record(object({ min: number, max: number, elements: optional(number) })),
  unseen: list(object({ name: text, reason: text })),
})
export type CalibrationReport = Infer<typeof calibration>

/** What each node costs in float and in integers, as measured inside of two runs of the whole model. */
export const costs = report('costs', {
  cpu: text,
  runtime: text,
  threads: integer,
  nodes: list(object({ name: text, floatMs: number, integerMs: number })),
  /** Nanoseconds of an element that goes from float to integers or back, beyond calling the kernels. */
  borderNs: optional(number),
})
export type CostsReport = Infer<typeof costs>

/** How the runtime's kernels compute on a processor, as far as it was asked. */
export const processor = report('processor', {
  cpu: text,
  runtime: text,
  /** Whether sums of two products of codes saturate in 16 bits. */
  saturates: optional(boolean),
  /** Channels that blocked float kernels compute at once. */
  block: optional(oneOf(...CHANNEL_BLOCKS)),
  /** Whether codes are held between two limits in less time than looked up in a table. */
  limits: optional(boolean),
})
export type ProcessorReport = Infer<typeof processor>

/** One rounding: of a value, or inside of a node (its weights, its gate). */
const noiseSource = object({ kind: oneOf('value', 'node'), name: text })
export type NoiseSource = Infer<typeof noiseSource>

/** A rounding whose effect is unknown, and why. */
const unknownNoise = object({ kind: oneOf('value', 'node'), name: text, reason: text })
export type UnknownNoise = Infer<typeof unknownNoise>

/** What each rounding alone does to the outputs: power of the difference over power of the output that suffers most. */
export const sensitivity = report('sensitivity', {
  sources: list(object({ kind: oneOf('value', 'node'), name: text, noise: number })),
  /** What cannot be followed to the outputs: with a budget of noise it stays in float. */
  unknown: optional(list(unknownNoise)),
  samples: integer,
  dataDigest: optional(text),
})
export type SensitivityReport = Infer<typeof sensitivity>
