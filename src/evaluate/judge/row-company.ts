import { designEffect } from '../../statistics/index.ts'
import type { PairedScores } from './paired-scores.ts'
import { FEWEST_CHANGES } from './unseen-cost.ts'

/**
 * How many rows tell as much as one independent row would, where scores rest on other rows: near rows share their
 * neighbours, and are lost and found together. 1 where scores need no others. The rows that a row leans on by either model
 * are linked to it. By simulation a link to the rows which share a neighbour adds noise and nothing else, and leaving out one
 * row after the other (the jackknife) doubles the standard error of recall. Where fewer than 5 rows changed, these do not
 * tell: rows that the base finds by each other and by no other are then taken to change by two.
 */
export function effectOfCompany({ base, candidate, company }: PairedScores): number {
  if (!company) return 1
  const [before, after] = [company('base'), company('candidate')]
  const differences = Float64Array.from({ length: base.length }, (_, i) => candidate[i]! - base[i]!)
  const effect = designEffect(
    differences,
    before.map(({ near }, i) => [...near, ...after[i]!.near]),
  )
  if (differences.filter((difference) => difference !== 0).length >= FEWEST_CHANGES) return effect
  const pairs = before.filter(({ only }, i) => only !== null && before[only]!.only === i)
  return Math.max(effect, 1 + pairs.length / before.length)
}
