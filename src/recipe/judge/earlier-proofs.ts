import type { ComparisonReport } from '../../report/index.ts'
import type { EvidenceCache } from '../evidence/evidence-cache.ts'

/** What proof rows are asked: of which original, by which metric and labels. */
type Question = Readonly<Record<string, unknown>>

/** The proofs by which searches with the same question went, in the order in which they were kept. */
export async function earlierProofs(cache: EvidenceCache, question: Question): Promise<readonly ComparisonReport[]> {
  const proofs: ComparisonReport[] = []
  for (;;) {
    const next = await cache.find(keyOf(question, proofs.length))
    if (next?.kind !== 'comparison') return proofs
    proofs.push(next)
  }
}

/** Keeps a proof behind those before it, unless its candidate is among them. */
export async function keepProof(cache: EvidenceCache, question: Question, proof: ComparisonReport): Promise<void> {
  const known = await earlierProofs(cache, question)
  if (known.some(({ candidate }) => candidate.digest === proof.candidate.digest)) return
  await cache.get(keyOf(question, known.length), async () => proof)
}

const keyOf = (question: Question, place: number) => ({ measure: 'proof that a search went by', ...question, place })
