import type { Range } from '../codes/affine.ts'

/** What calibration saw of a value; `elements` of one row, where it was counted. */
export interface ObservedRange extends Range {
  readonly elements?: number | undefined
}

/** What was seen of each channel of a value, which lie on axis 1, or on the last one where a matrix product reads it. */
export interface ObservedChannels {
  readonly axis: number
  readonly min: readonly number[]
  readonly max: readonly number[]
  readonly mean: readonly number[]
  /** What magnitudes of other rows are expected to stay below. */
  readonly reach: readonly number[]
}

/** The largest magnitude that was seen in each channel. */
export const peaksOf = ({ min, max }: Pick<ObservedChannels, 'min' | 'max'>): Float64Array =>
  Float64Array.from(max, (high, c) => Math.max(Math.abs(high), Math.abs(min[c]!)))
