import type { Dataset } from '../../data/index.ts'
import { openIsolated } from '../../engine/index.ts'
import { CLOSE_DB, type EquivalenceResult, measureEquivalence } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import type { Equivalence } from '../../report/index.ts'
import { LEAN } from '../lean.ts'
import { together } from '../together.ts'
import { samplesFor } from './samples.ts'

/**
 * How far the answers to a few rows of `data` moved from `before` to `after`, which were not proven equal, and a
 * warning where less is left of them than a model that stays close keeps.
 */
export async function keptAnswers(
  before: Model,
  after: Model,
  data: Dataset,
): Promise<{ readonly equivalence: Equivalence; readonly warnings: readonly string[] }> {
  const opening = [openIsolated(before, LEAN), openIsolated(after, LEAN)] as const
  try {
    const [base, candidate] = await together(...opening)
    const { feeds, real } = await samplesFor(base, { data, random: 0 })
    const result = await measureEquivalence(base, candidate, feeds)
    const { equivalence, equal } = result
    return { equivalence: { ...equivalence, realSamples: real, equal }, warnings: lostAnswers(result) }
  } finally {
    await Promise.allSettled(opening.map(async (session) => (await session).close()))
  }
}

function lostAnswers({ equivalence: { sqnrDb, samples }, equal, worst }: EquivalenceResult): readonly string[] {
  if (equal || (sqnrDb !== null && sqnrDb >= CLOSE_DB)) return []
  const lost =
    sqnrDb === null ? `output "${worst?.name}" changed: ${worst?.mismatch}` : `the outputs keep ${sqnrDb.toFixed(1)} dB`
  return [
    `${lost} (of ${samples} ${samples === 1 ? 'row' : 'rows'} looked at; a model that stays close keeps ${CLOSE_DB} dB): whet optimize finds what suits this model`,
  ]
}
