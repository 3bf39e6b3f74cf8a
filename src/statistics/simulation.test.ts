import { expect, test } from 'vitest'
import { binomialPmf, randomSource, tango } from './index.ts'

const ALPHA = 0.05
const MARGIN = 0.01

/** Counts of `runs` data sets of n rows, where the base alone is right with probability pb, the candidate alone with pc. */
function* dataSets(seed: number, runs: number, n: number, pb: number, pc: number) {
  const random = randomSource(seed)
  for (let run = 0; run < runs; run++) {
    let baseOnly = 0
    let candidateOnly = 0
    for (let row = 0; row < n; row++) {
      const u = random.uniform()
      if (u < pb) baseOnly++
      else if (u < pb + pc) candidateOnly++
    }
    yield { baseOnly, candidateOnly, n }
  }
}

function passRates(seed: number, runs: number, n: number, pb: number, pc: number) {
  let point = 0
  let paired = 0
  for (const counts of dataSets(seed, runs, n, pb, pc)) {
    // The gate of the usual tools: "dropped less than a point".
    if (counts.baseOnly - counts.candidateOnly < MARGIN * n) point++
    if (tango({ ...counts, margin: MARGIN, alpha: ALPHA }).lowerBound > -MARGIN) paired++
  }
  return { point: point / runs, paired: paired / runs }
}

test('a point gate passes a true 1-point loss about half the time, the paired bound at most 5.5 %', () => {
  // Truth: 2 % of rows only the base answers, 1 % only the candidate; a loss of exactly one point.
  const { point, paired } = passRates(20_240, 20_000, 1000, 0.02, 0.01)
  // 47.3 % in an independent simulation; three standard errors of 20,000 runs are 1.1 %.
  expect(Math.abs(point - 0.473)).toBeLessThan(0.011)
  expect(paired).toBeLessThanOrEqual(0.055)
})

test('with a true loss of exactly the margin the exact pass rate is at most 1.1 α', () => {
  // No sampling: the trinomial is summed, so this bound has no luck in it.
  for (const [n, pb, pc] of [
    [1000, 0.02, 0.01],
    [2000, 0.02, 0.01],
    [4000, 0.015, 0.005],
    [1000, 0.03, 0.02],
  ] as const) {
    let rate = 0
    for (let discordant = 0; discordant <= n * (pb + pc) * 3; discordant++) {
      const weight = binomialPmf(discordant, n, pb + pc)
      if (weight < 1e-12) continue
      for (let baseOnly = 0; baseOnly <= discordant; baseOnly++) {
        const counts = { baseOnly, candidateOnly: discordant - baseOnly, n }
        // Passing is monotone in baseOnly: stop at the first failure.
        if (tango({ ...counts, margin: MARGIN, alpha: ALPHA }).p >= ALPHA) break
        rate += weight * binomialPmf(baseOnly, discordant, pb / (pb + pc))
      }
    }
    expect(rate, `n ${n}, ${pb} against ${pc}`).toBeLessThanOrEqual(1.1 * ALPHA)
    expect(rate).toBeGreaterThan(0.02)
  }
})

test('no true loss at 2 % discordance passes about 69 % of the time at n = 1000', () => {
  const { paired } = passRates(7, 2000, 1000, 0.01, 0.01)
  expect(paired).toBeGreaterThan(0.65)
  expect(paired).toBeLessThan(0.73)
})
