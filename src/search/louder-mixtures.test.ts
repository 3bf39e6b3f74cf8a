import { expect, test } from 'vitest'
import { louderMixtures } from './louder-mixtures.ts'
import type { Trial } from './trial.ts'

const mixture = (expectedNoise: number | null, spec: object = { mixtureOf: 'int8-minmax' }, judged = true) =>
  ({ built: { spec, expectedNoise }, comparison: judged ? { n: 38 } : null }) as unknown as Trial

test('mixtures of the same candidate tell of quieter ones, up to six decibels', () => {
  const own = mixture(0.01)
  const near = mixture(0.04)
  const others = [
    mixture(0.009),
    mixture(0.05),
    mixture(0.02, { mixtureOf: 'int8-mse' }),
    mixture(0.02, { mixtureOf: 'int8-minmax', base: 'spare30' }),
    mixture(0.02, undefined, false),
    mixture(null),
  ]
  expect(louderMixtures(own, [own, near, ...others])).toEqual([{ comparison: near.comparison, amplitude: 0.5 }])
  expect(louderMixtures(mixture(0.01, {}), [near])).toEqual([])
  expect(louderMixtures(mixture(null), [near])).toEqual([])
})
