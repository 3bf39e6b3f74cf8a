import type { ComparisonReport } from '../report/index.ts'
import type { Proven } from './choice-words.ts'
import type { Choice } from './choose.ts'
import type { Pool } from './pool.ts'

/**
 * Keeps the proofs of this search's sequence, and says what those of earlier searches do to what this one proved. Each
 * search keeps to α by itself, but a search that is run again after a failed proof tries once more on the same rows: of k
 * tries a worse model passes one with a chance of up to k·α, the sum of their chances.
 *
 * @param sequence The proofs that were made of it, in their order.
 * @returns The warning; null where what is handed out rests on no later try.
 */
export async function heedEarlierProofs(
  { bench, lossless }: Pick<Pool, 'bench' | 'lossless'>,
  sequence: readonly Proven[],
  { id, proof, ranked }: Choice,
): Promise<string | null> {
  const earlier = await bench.earlierProofs()
  const failed = earlier.filter(({ verdict }) => verdict !== 'pass')
  const passed = (one: Proven) => ranked.some((other) => other.id === one.id && other.proof.verdict === 'pass')
  for (const one of sequence)
    if (isTest(one.proof) && (one.proof.verdict !== 'pass' || (failed.length === 0 && passed(one))))
      await bench.keepProof(one.proof)
  // Every search begins with the lossless model, and what passed before anything had failed did so at the first try.
  const first = ({ candidate, verdict }: ComparisonReport) =>
    verdict === 'pass' && candidate.digest === proof?.candidate.digest
  if (proof?.verdict !== 'pass' || id === lossless?.built.spec.id || earlier.some(first)) return null
  const tries = failed.filter(({ candidate }) => candidate.digest !== proof.candidate.digest).length + 1
  if (tries === 1) return null
  const chance = (share: number) => `${Number((100 * share).toPrecision(3))} %`
  const others = tries === 2 ? 'another candidate' : `${tries - 1} other candidates`
  return `Earlier searches failed to prove ${others} on these same proof rows, so ${id} was try ${tries}: in ${tries} tries a worse model passes by luck with a chance of up to ${chance(Math.min(1, tries * proof.alpha))}, not ${chance(proof.alpha)}. Rows that no search has proven on yet (--proof) make it a first try again.`
}

/** Whether the rows were asked a question that they could have answered with a pass. */
const isTest = ({ nonInferiority, agreement }: ComparisonReport) => nonInferiority !== null || agreement !== null
