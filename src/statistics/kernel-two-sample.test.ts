import { describe, expect, test } from 'vitest'
import { kernelTwoSample, randomSource } from './index.ts'

/** Vectors of four numbers around 0; `make` turns uniform draws into one. */
function sample(seed: number, count: number, make: (draws: number[]) => number[] = (draws) => draws) {
  const random = randomSource(seed)
  return Array.from({ length: count }, () => make(Array.from({ length: 4 }, () => random.uniform() - 0.5)))
}

describe('a kernel test of two samples', () => {
  test('alarms on samples of one source at most as often as its level says', () => {
    let alarms = 0
    for (let trial = 0; trial < 300; trial++)
      if (kernelTwoSample(sample(2 * trial + 1, 120), sample(2 * trial + 2, 60)).p < 0.05) alarms++
    // 15 expected; more than 27 has probability 0.002.
    expect(alarms).toBeLessThanOrEqual(27)
    expect(alarms).toBeGreaterThan(0)
  })

  test('sees a change of the mean, and one of the dependence that no single number shows', () => {
    const before = sample(1, 400)
    const moved = kernelTwoSample(
      before,
      sample(2, 200, (draws) => draws.map((x) => x + 0.3)),
    )
    expect(moved.p).toBeLessThan(1e-9)
    const tied = kernelTwoSample(
      before,
      sample(3, 200, ([x, y, z]) => [x!, x!, y!, z!]),
    )
    expect(tied.p).toBeLessThan(1e-4)
    expect(kernelTwoSample(before, sample(4, 200)).statistic).toBeLessThan(moved.statistic / 2)
  })

  test('vectors that do not vary: the same are the same, others are not', () => {
    const still = (value: number, count: number) => Array.from({ length: count }, () => [value, value])
    expect(kernelTwoSample(still(1, 50), still(1, 30)).p).toBe(1)
    expect(kernelTwoSample(still(1, 50), still(2, 30)).p).toBeLessThan(1e-6)
  })

  test('refuses what it cannot judge', () => {
    expect(() => kernelTwoSample(sample(1, 11), sample(2, 50))).toThrow(RangeError)
    expect(() =>
      kernelTwoSample(
        sample(1, 50),
        sample(2, 50, ([x]) => [x!]),
      ),
    ).toThrow('length')
  })
})
