import { expect, test } from 'vitest'
import type { ComparisonReport } from '../../report/index.ts'
import { type RandomSource, randomSource } from '../../statistics/index.ts'
import { foretell } from './foretell.ts'
import { boxesStay, type LouderMixture } from './foretell-boxes.ts'

interface Row {
  readonly boxes: number
  readonly changed: number
}

/** Pictures of one to seventeen boxes; now and then one to three of them change together. */
function drawnRows(random: RandomSource, rows: number, rate: number): readonly Row[] {
  const [mean, meanSquare] = [9, 2]
  return Array.from({ length: rows }, () => {
    const boxes = 1 + random.below(2 * mean - 1)
    let changed = 0
    for (let box = 0; box < boxes; box++) if (random.uniform() < rate / meanSquare) changed += 1 + random.below(3)
    return { boxes, changed: Math.min(boxes, changed) }
  })
}

const sumOf = (rows: readonly Row[], what: (row: Row) => number) => rows.reduce((sum, row) => sum + what(row), 0)
const stays = (rows: readonly Row[]) =>
  sumOf(rows, ({ changed }) => changed) <= 0.01 * sumOf(rows, ({ boxes }) => boxes)

/** What `compare` would say of these rows. */
function reportOf(rows: readonly Row[]): ComparisonReport {
  const [compared, changed] = [sumOf(rows, ({ boxes }) => boxes), sumOf(rows, (row) => row.changed)]
  const sqnrDb = changed === 0 ? 300 : 25 + 20 * Math.log10((0.01 * compared) / changed)
  const noiseRows = changed ** 2 / sumOf(rows, (row) => row.changed ** 2)
  const spread = changed === 0 ? {} : { noiseRows }
  const outputs = [{ name: 'decoded', sqnrDb, maxAbs: 1, boxes: { compared, changed }, ...spread }]
  const nothing = { discordant: null, nonInferiority: null, agreement: null }
  return { n: rows.length, alpha: 0.05, verdict: 'inconclusive', ...nothing, outputs } as unknown as ComparisonReport
}

test('odds that boxes stay come true, also those of the loudest mixture that looks safe', () => {
  const random = randomSource(11)
  const chosen: { readonly claimed: number; readonly kept: boolean }[] = []
  const all: typeof chosen = []
  for (let search = 0; search < 1500; search++) {
    // From loud to quiet, the first that is secure is taken, as a search does.
    let rate = 0.03 * 0.5 ** random.uniform()
    let taken = false
    let louder: readonly LouderMixture[] = []
    for (let mixture = 0; mixture < 12; mixture++, rate *= Math.SQRT1_2) {
      const comparison = reportOf(drawnRows(random, 38, rate))
      const claimed = foretell(comparison, 64, [], louder).close
      // Half of the amplitude and less is six decibels and more.
      louder = [{ comparison, amplitude: 1 }, ...louder]
        .slice(0, 2)
        .map((one) => ({ ...one, amplitude: one.amplitude * Math.SQRT1_2 }))
      const outcome = { claimed, kept: stays(drawnRows(random, 64, rate)) }
      all.push(outcome)
      if (taken || claimed < 0.8) continue
      taken = true
      chosen.push(outcome)
    }
  }
  const claimedOf = (list: typeof chosen) => list.reduce((sum, { claimed }) => sum + claimed, 0) / list.length
  const keptOf = (list: typeof chosen) => list.filter(({ kept }) => kept).length / list.length
  expect(chosen.length).toBeGreaterThan(1000)
  // The worst case: real mixtures change some of the same boxes, and are lucky together. By decibels the gap is 0.4.
  expect(Math.abs(claimedOf(chosen) - keptOf(chosen))).toBeLessThan(0.12)
  // What is called unlikely mostly fails, and what is called sure does not.
  expect(keptOf(all.filter(({ claimed }) => claimed < 0.2))).toBeLessThan(0.3)
  expect(keptOf(all.filter(({ claimed }) => claimed > 0.9))).toBeGreaterThan(0.9)
})

test('one changed box of a few hundred is not nearly sure, and none of them surer', () => {
  const seen = { compared: 307, changed: 1, noiseRows: 1, rows: 38 }
  const one = boxesStay(seen, 65)
  const none = boxesStay({ ...seen, changed: 0, noiseRows: 38 }, 65)
  expect(one).toBeGreaterThan(0.5)
  expect(one).toBeLessThan(0.85)
  expect(none).toBeGreaterThan(one)
  expect(none).toBeLessThan(0.97)
  // More rows of the same tell more.
  expect(boxesStay({ compared: 3070, changed: 10, noiseRows: 10, rows: 380 }, 650)).toBeGreaterThan(0.97)
})

test('boxes that change together foretell less than as many that change apart', () => {
  const apart = boxesStay({ compared: 2000, changed: 12, noiseRows: 12, rows: 200 }, 400)
  const together = boxesStay({ compared: 2000, changed: 12, noiseRows: 2, rows: 200 }, 400)
  expect(together).toBeLessThan(apart - 0.05)
})

test('of few boxes one that changes is too much', () => {
  const few = boxesStay({ compared: 20, changed: 0, noiseRows: 4, rows: 4 }, 6)
  expect(few).toBeGreaterThan(0.2)
  expect(few).toBeLessThan(0.8)
  expect(boxesStay({ compared: 20, changed: 10, noiseRows: 4, rows: 4 }, 6)).toBeLessThan(0.01)
})
