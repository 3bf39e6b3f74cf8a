import type { ObservedChannels } from '../units/observed.ts'
import type { ScaledReader } from './input-scales.ts'

/**
 * The noise power of 8-bit codes at the outputs of products, with the scales over without: each rounding of a step Δ is
 * worth Δ²/12, the steps are those of the whole range of x and of each column of the weights, and a channel of x has the
 * power of its mean and of a sixth of its range.
 */
export function noiseLeft(
  { min, max, mean }: Pick<ObservedChannels, 'min' | 'max' | 'mean'>,
  products: readonly Pick<ScaledReader, 'values' | 'columns'>[],
  scales: Float32Array,
): number {
  const noise = (scaleOf: (channel: number) => number) => {
    const ends = [...max.map((high, i) => high / scaleOf(i)), ...min.map((low, i) => low / scaleOf(i)), 0]
    const range = ends.reduce((most, end) => Math.max(most, end)) - ends.reduce((least, end) => Math.min(least, end))
    const power = mean.map((middle, i) => (middle ** 2 + ((max[i]! - min[i]!) / 6) ** 2) / scaleOf(i) ** 2)
    const energy = power.reduce((sum, each) => sum + each, 0)
    let all = 0
    for (const { values, columns } of products) {
      const largest = new Float64Array(columns)
      for (let i = 0; i < values.length; i++) {
        const weight = Math.abs(values[i]!) * scaleOf(Math.floor(i / columns))
        all += (range * weight) ** 2
        if (weight > largest[i % columns]!) largest[i % columns] = weight
      }
      for (const weight of largest) all += (2 * weight) ** 2 * energy
    }
    return all
  }
  const before = noise(() => 1)
  return before > 0 ? noise((channel) => scales[channel]!) / before : 1
}
