import { expect, test } from 'vitest'
import type { ComparisonReport } from '../../report/index.ts'
import { randomSource, tango } from '../../statistics/index.ts'
import { foretell } from './foretell.ts'

const report = (part: Partial<ComparisonReport>) =>
  ({
    verdict: 'inconclusive',
    alpha: 0.05,
    margin: 0.01,
    higherIsBetter: true,
    base: { value: null },
    candidate: { value: null },
    discordant: null,
    nonInferiority: null,
    agreement: null,
    outputs: [],
    ...part,
  }) as ComparisonReport
const counted = (baseOnly: number, candidateOnly: number, n: number) =>
  report({ discordant: { baseOnly, candidateOnly }, n })

test('odds of a pass are the share of fresh rows, drawn by what is known of the rates, that pass', () => {
  const [n, rows] = [300, 600]
  const source = randomSource(5)
  const random = () => source.uniform()
  /** Beta(a, b) for whole b and a = k + ½ by gamma sums; the half by a squared normal. */
  const gamma = (shape: number) => {
    let sum = 0
    for (let i = 0; i < Math.floor(shape); i++) sum -= Math.log(1 - random())
    if (shape % 1 !== 0) {
      const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
      sum += normal ** 2 / 2
    }
    return sum
  }
  const binomial = (p: number) => {
    let count = 0
    for (let i = 0; i < rows; i++) if (random() < p) count++
    return count
  }
  const draw = (k: number) => {
    const [a, b] = [gamma(k + 0.5), gamma(n - k + 0.5)]
    return binomial(a / (a + b))
  }
  for (const [lost, won] of [
    [2, 1],
    [4, 0],
    [0, 0],
  ] as const) {
    let [passed, atHalf] = [0, 0]
    const draws = 1500
    for (let i = 0; i < draws; i++) {
      const { p } = tango({ baseOnly: draw(lost), candidateOnly: draw(won), n: rows, margin: 0.01, alpha: 0.05 })
      if (p < 0.05) passed++
      if (p < 0.025) atHalf++
    }
    // Four standard errors of the share.
    const odds = foretell(counted(lost, won, n), rows)
    expect(Math.abs(odds.pass - passed / draws)).toBeLessThan(0.052)
    expect(Math.abs(odds.passAtHalf - atHalf / draws)).toBeLessThan(0.052)
  }
})

const noisy = (comparison: ComparisonReport, sqnrDb: number) => ({
  ...comparison,
  outputs: [{ name: 'y', sqnrDb, maxAbs: 1 }],
})

test('more noise is not safer, whatever a few rows say', () => {
  const lucky = noisy(counted(0, 0, 64), 17)
  const quiet = noisy(counted(2, 1, 360), 22)
  const alone = (comparison: ComparisonReport) => foretell(comparison, 600, [comparison]).pass
  expect(alone(lucky)).toBeGreaterThan(alone(quiet))
  const both = [lucky, quiet]
  expect(foretell(lucky, 600, both).pass).toBeLessThan(foretell(quiet, 600, both).pass)
  // What agrees with the rule stays as it is, and a third takes no part in the two.
  const loud = noisy(counted(30, 3, 64), 11)
  expect(foretell(quiet, 600, [quiet, loud]).pass).toBeCloseTo(alone(quiet), 12)
  expect(foretell(quiet, 600, [...both, loud])).toEqual(foretell(quiet, 600, both))
  // Of one that is no rounding nothing of the kind is known.
  expect(foretell(lucky, 600, [quiet])).toEqual(foretell(lucky, 600))
})

test('twice the noise is taken to change twice the answers', () => {
  // Six decibels are twice the amplitude: with the same answers lost, one of them had half as much to lose them by.
  const [quiet, loud] = [noisy(counted(4, 4, 400), 26.0206), noisy(counted(4, 4, 400), 20)]
  const pooled = foretell(loud, 600, [quiet, loud]).pass
  expect(pooled).toBeCloseTo(foretell(counted(8, 8, 600), 600).pass, 4)
  expect(foretell(quiet, 600, [quiet, loud]).pass).toBeCloseTo(foretell(counted(8, 8, 1200), 600).pass, 4)
})

test('where nothing was lost, a louder one that lost nothing says more, and more than once counts once', () => {
  // Ten decibels are √10 times the amplitude: as many times the rows.
  const [quiet, loud, equal] = [
    noisy(counted(0, 0, 240), 40),
    noisy(counted(0, 0, 240), 30),
    noisy(counted(0, 0, 240), 30),
  ]
  const sure = foretell(counted(0, 0, Math.round(240 * Math.sqrt(10))), 400).pass
  expect(foretell(quiet, 400, [quiet, loud]).pass).toBeCloseTo(sure, 3)
  expect(foretell(quiet, 400, [quiet, loud, equal]).pass).toBeCloseTo(sure, 3)
  expect(foretell(loud, 400, [quiet, loud]).pass).toBeCloseTo(foretell(counted(0, 0, 240), 400).pass, 12)
  // One that did lose says nothing of the kind.
  const loser = noisy(counted(3, 0, 240), 30)
  expect(foretell(quiet, 400, [quiet, loser])).toEqual(foretell(quiet, 400, [quiet]))
})

test('a rounding wins no more than it loses', () => {
  const winner = noisy(counted(0, 4, 360), 22)
  expect(foretell(winner, 600, [winner]).pass).toBeCloseTo(foretell(counted(2, 2, 360), 600).pass, 12)
  expect(foretell(winner, 600).pass).toBeGreaterThan(foretell(winner, 600, [winner]).pass)
})

test('much lost is hopeless, nothing lost on many rows is nearly sure', () => {
  expect(foretell(counted(0, 0, 360), 600).pass).toBeGreaterThan(0.85)
  expect(foretell(counted(20, 0, 360), 600).pass).toBeLessThan(0.01)
})

test('too few rows to pass on, none at all, a loss that was shown', () => {
  expect(foretell(counted(0, 0, 360), 100).pass).toBeLessThan(0.05)
  expect(foretell(counted(0, 0, 360), 0)).toEqual({ pass: 0, passAtHalf: 0, close: 0 })
  expect(foretell({ ...counted(40, 0, 360), verdict: 'regressed' }, 600)).toEqual({ pass: 0, passAtHalf: 0, close: 0 })
  expect(foretell({ ...counted(0, 0, 360), nothingToLose: true }, 600).pass).toBe(0)
})

test('without labels it is answers that must not change', () => {
  const agreement = (changed: number, n: number) =>
    report({ n, agreement: { rate: 1 - changed / n, changed, changedUpperBound: 1 } })
  expect(foretell(agreement(0, 1000), 1000).pass).toBeGreaterThan(0.95)
  expect(foretell(agreement(10, 1000), 1000).pass).toBeLessThan(0.1)
  expect(foretell(agreement(0, 1000), 200).pass).toBe(0)
  expect(foretell(report({ n: 10, outputs: [{ name: 'y', sqnrDb: 30, maxAbs: 1 }] }), 600).pass).toBe(0)
})

test('close by decibels or by answers that agree; a reserve counts for less on few rows', () => {
  const noisy = (sqnrDb: number | null, n = 100) => report({ n, outputs: [{ name: 'y', sqnrDb, maxAbs: 1 }] })
  expect(foretell(noisy(null), 10).close).toBeGreaterThan(0.95)
  expect(foretell(noisy(25), 10).close).toBeCloseTo(0.5)
  expect(foretell(noisy(27), 10).close).toBeGreaterThan(0.95)
  expect(foretell(noisy(27, 4), 10).close).toBeLessThan(0.9)
  const agreeing = { ...noisy(12, 1000), agreement: { rate: 1, changed: 0, changedUpperBound: 0.003 } }
  expect(foretell(agreeing, 500).close).toBeGreaterThan(0.95)
})

test('other metrics by their bound: the same loss, better known, is safer', () => {
  const values = (lowerBound: number, n: number) =>
    report({
      n,
      base: { value: 0.8 },
      candidate: { value: 0.799 },
      nonInferiority: { margin: 0.01, z: 0, p: 1, ci: [0, 0], lowerBound },
    })
  const [unsure, sure] = [foretell(values(-0.03, 50), 400).pass, foretell(values(-0.004, 400), 400).pass]
  expect(unsure).toBeLessThan(sure)
  expect(sure).toBeGreaterThan(0.95)
  expect(foretell(values(-0.004, 400), 10).pass).toBe(0)
})

test('many rows take no longer than few, and probabilities add up', () => {
  const started = performance.now()
  const odds = foretell(counted(600, 590, 10_000), 100_000)
  expect(performance.now() - started).toBeLessThan(1000)
  expect(odds.pass).toBeGreaterThan(0.95)
  // A margin that everything keeps: what is left of 1 is what was left out.
  expect(foretell({ ...counted(30, 30, 100), margin: 0.999 }, 1000).pass).toBeGreaterThan(0.999)
  // More lost than there are rows, as pooling can have it: hopeless, and no error.
  const pooled = [noisy(counted(90, 0, 100), 40), noisy(counted(0, 0, 10), 3)]
  expect(foretell(pooled[1]!, 600, pooled).pass).toBe(0)
})

test('answers are lost by the noise of a typical row, not by what ranges cut off on a few', () => {
  const clipped = { ...noisy(counted(0, 0, 64), 1), outputs: [{ name: 'y', sqnrDb: 1, typicalDb: 37, maxAbs: 1 }] }
  const loud = { ...noisy(counted(2, 1, 64), 26), outputs: [{ name: 'y', sqnrDb: 26, typicalDb: 16, maxAbs: 1 }] }
  const pass = (comparison: ComparisonReport) => foretell(comparison, 500, [clipped, loud]).pass
  expect(pass(clipped)).toBeGreaterThan(2 * pass(loud))
  // By the noise of all rows together the cut one would be held the more dangerous of the two.
  const both = [noisy(counted(0, 0, 64), 1), noisy(counted(2, 1, 64), 26)] as const
  expect(foretell(both[0], 500, both).pass).toBeLessThan(foretell(both[1], 500, both).pass)
})

test('noise that is nearly all of a few rows foretells little of other rows', () => {
  const close = (noiseRows: number) => {
    const outputs = [{ name: 'y', sqnrDb: 28, typicalDb: 28, noiseRows, maxAbs: 1 }]
    return foretell(report({ n: 300, discordant: { baseOnly: 9, candidateOnly: 9 }, outputs }), 500).close
  }
  expect(close(300)).toBe(foretell(noisy(counted(9, 9, 300), 28), 500).close)
  expect([close(1), close(2), close(10), close(100)]).toEqual([close(1), close(2), close(10), close(100)].sort())
  expect(close(1)).toBeLessThan(0.8)
  expect(close(100)).toBeGreaterThan(0.95)
})
