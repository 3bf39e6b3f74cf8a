import type { ObservedChannels } from '../units/observed.ts'
import { type ScaledReader, weightScale } from './input-scales.ts'

/**
 * The noise power of 8-bit codes at the outputs of products, with the scales over without: each rounding of a step Δ is
 * worth Δ²/12, the steps are those of the whole range of x and of each column of the weights, and a channel of x has the
 * power of its mean and of a sixth of its range.
 *
 * @returns What is left of it under scales of x, one a channel; of a channel whose scale is infinite nothing is coded.
 */
export function noiseLeft(
  { min, max, mean }: Pick<ObservedChannels, 'min' | 'max' | 'mean'>,
  products: readonly Pick<ScaledReader, 'values' | 'columns'>[],
): (scales: Float32Array) => number {
  const powers = mean.map((middle, i) => middle ** 2 + ((max[i]! - min[i]!) / 6) ** 2)
  const energies = mean.map((_, row) => products.reduce((sum, product) => sum + energyOf(product, row), 0))
  const noise = (scales: Float32Array) => {
    let [high, low, power, energy] = [0, 0, 0, 0]
    for (const [i, scale] of scales.entries()) {
      high = Math.max(high, max[i]! / scale)
      low = Math.min(low, min[i]! / scale)
      power += powers[i]! / scale ** 2
      energy += energies[i]! * weightScale(scale) ** 2
    }
    const largest = products.reduce((sum, product) => sum + energyOfPeaks(product, scales), 0)
    return (high - low) ** 2 * energy + 4 * largest * power
  }
  const before = noise(new Float32Array(mean.length).fill(1))
  return (scales) => (before > 0 ? noise(scales) / before : 1)
}

type Weights = Pick<ScaledReader, 'values' | 'columns'>

function energyOf({ values, columns }: Weights, row: number): number {
  let sum = 0
  for (let i = row * columns; i < (row + 1) * columns; i++) sum += values[i]! ** 2
  return sum
}

/** The squares of the largest scaled weight of each column, added up. */
function energyOfPeaks({ values, columns }: Weights, scales: Float32Array): number {
  const peaks = new Float32Array(columns)
  for (const [row, scale] of scales.entries()) {
    const factor = weightScale(scale)
    for (let column = 0; column < columns; column++) {
      const weight = Math.abs(values[row * columns + column]!) * factor
      if (weight > peaks[column]!) peaks[column] = weight
    }
  }
  return peaks.reduce((sum, peak) => sum + peak ** 2, 0)
}
