import { expect, test } from 'vitest'
import { binomialPmf, normalQuantile, randomSource, tango } from './index.ts'

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

/** An unpaired z test of two proportions, the base right in 92 % of the rows: the mistake of other tools on paired rows. */
function unpairedPasses({ baseOnly, candidateOnly, n }: { baseOnly: number; candidateOnly: number; n: number }) {
  const [base, candidate] = [0.92, 0.92 + (candidateOnly - baseOnly) / n]
  const error = Math.sqrt((base * (1 - base) + candidate * (1 - candidate)) / n)
  return (candidate - base + MARGIN) / error > normalQuantile(1 - ALPHA)
}

function passRates(seed: number, runs: number, n: number, pb: number, pc: number) {
  let point = 0
  let paired = 0
  let unpaired = 0
  for (const counts of dataSets(seed, runs, n, pb, pc)) {
    // The gate of the usual tools: "dropped less than a point".
    if (counts.baseOnly - counts.candidateOnly < MARGIN * n) point++
    if (tango({ ...counts, margin: MARGIN, alpha: ALPHA }).lowerBound > -MARGIN) paired++
    if (unpairedPasses(counts)) unpaired++
  }
  return { point: point / runs, paired: paired / runs, unpaired: unpaired / runs }
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

test.each([
  [0.01, 0.6898, 0.0151, 0.98265],
  [0.005, 0.88045, 0.0017, 0.99845],
])(
  'no true loss, %f of the answers differ each way: the paired bound passes, an unpaired test does not',
  (p, ...rates) => {
    const { paired, unpaired, point } = passRates(7, 20_000, 1000, p, p)
    // Rates of an independent simulation of 20,000 runs; four standard errors of the difference of two such.
    for (const [i, rate] of [paired, unpaired, point].entries())
      expect(Math.abs(rate - rates[i]!)).toBeLessThan(4 * Math.sqrt((2 * rates[i]! * (1 - rates[i]!)) / 20_000))
  },
)
