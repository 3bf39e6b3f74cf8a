import { expect, test } from 'vitest'
import type { ComparisonReport } from '../report/index.ts'
import type { Proven } from './choice-words.ts'
import type { Choice } from './choose.ts'
import { heedEarlierProofs } from './earlier-proofs.ts'
import type { Pool } from './pool.ts'
import { staged } from './staged-kit.ts'

/** Searches one after the other with the same question to the same rows. */
function searches() {
  const kept: ComparisonReport[] = []
  const pool = staged<Pool>({
    bench: {
      earlierProofs: async () => [...kept],
      keepProof: async (proof: ComparisonReport) => {
        if (!kept.some(({ candidate }) => candidate.digest === proof.candidate.digest)) kept.push(proof)
      },
    },
    lossless: { built: { spec: { id: 'lossless' } } },
  })
  /** The proofs of a sequence, which the first failure ends; the last that passed is handed out. */
  return (...verdicts: readonly (readonly [id: string, verdict: 'pass' | 'inconclusive'])[]) => {
    const sequence = verdicts.map(([id, verdict]): Proven => ({ id, proof: proofOf(id, verdict) }))
    const ranked = sequence.filter(({ proof }) => proof.verdict === 'pass').toReversed()
    const choice = staged<Choice>({ ...(ranked[0] ?? { id: 'original', proof: null }), ranked })
    return heedEarlierProofs(pool, sequence, choice)
  }
}

const proofOf = (id: string, verdict: 'pass' | 'inconclusive') =>
  staged<ComparisonReport>({ verdict, alpha: 0.05, candidate: { digest: id }, agreement: { changed: 1 } })

test('a proof behind a failure of an earlier search says which try it was', async () => {
  const search = searches()
  expect(await search(['lossless', 'pass'], ['fast', 'inconclusive'])).toBeNull()
  const told = await search(['lossless', 'pass'], ['other', 'pass'])
  expect(told).toMatch(
    /^Earlier searches failed to prove another candidate on these same proof rows, so other was try 2/,
  )
  expect(told).toContain('up to 10 %, not 5 %')
  // Asked again it is no surer than it was.
  expect(await search(['lossless', 'pass'], ['other', 'pass'])).toBe(told)
  expect(await search(['lossless', 'pass'], ['third', 'inconclusive'])).toBeNull()
  expect(await search(['lossless', 'pass'], ['other', 'pass'])).toMatch(/2 other candidates .* try 3.* up to 15 %/)
})

test('what is always tried first, and what passed before anything failed, rests on no later try', async () => {
  const search = searches()
  expect(await search(['lossless', 'pass'], ['good', 'pass'], ['fast', 'inconclusive'])).toBeNull()
  expect(await search(['lossless', 'pass'], ['good', 'pass'], ['fast', 'inconclusive'])).toBeNull()
  expect(await search(['lossless', 'pass'])).toBeNull()
  expect(await search(['lossless', 'pass'], ['good', 'pass'], ['faster', 'pass'])).toContain('so faster was try 2')
})

test('rows that no answer can be counted on make no try', async () => {
  const kept: unknown[] = []
  const pool = staged<Pool>({
    bench: {
      earlierProofs: async () => [],
      keepProof: async (proof: ComparisonReport) => {
        kept.push(proof)
      },
    },
    lossless: undefined,
  })
  const proof = { ...proofOf('close', 'inconclusive'), agreement: null, nonInferiority: null }
  await heedEarlierProofs(pool, [{ id: 'close', proof }], { id: 'close', proof, reason: '', ranked: [] })
  expect(kept).toEqual([])
})
