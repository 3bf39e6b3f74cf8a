import type { ComparisonReport } from '../report/index.ts'
import type { Contender } from './finalists.ts'

export interface Choice {
  readonly id: string
  readonly proof: ComparisonReport | null
  readonly reason: string
}

/**
 * Proves the finalists in their fixed order and chooses. Each is tested at α and the first that does not pass ends the
 * sequence, so the last that passed is handed out. Only where not even the first, the lossless model, can be proven
 * with these rows is a `close` one handed out instead: the best in the goal among those that are close.
 */
export async function chooseByProof(
  chain: readonly Contender[],
  prove: (id: string) => Promise<ComparisonReport>,
  options: { readonly provenOnly: boolean },
): Promise<Choice> {
  if (chain.length === 0)
    return {
      id: 'original',
      proof: null,
      reason: 'No candidate was measured to be better in the goal without being slower: the original is handed out.',
    }
  const proofs: { id: string; proof: ComparisonReport }[] = []
  let passed: Choice | null = null
  for (const { id } of chain) {
    const proof = await prove(id)
    proofs.push({ id, proof })
    if (proof.verdict !== 'pass') {
      if (passed)
        return {
          ...passed,
          reason: `${passed.reason} The next faster one, ${id}, was ${wordFor(proof)} on the proof rows.`,
        }
      break
    }
    passed = { id, proof, reason: `${id} is the best in the goal that passed the proof.` }
  }
  if (passed) return passed
  if (options.provenOnly)
    return {
      id: 'original',
      proof: null,
      reason:
        'Nothing could be proven with the rows given, and only proven models were asked for: the original is handed out.',
    }
  for (const { id } of chain.slice(proofs.length)) proofs.push({ id, proof: await prove(id) })
  const close = proofs.filter(({ proof }) => proof.grade === 'close' && proof.verdict !== 'regressed').at(-1)
  if (!close)
    return {
      id: 'original',
      proof: null,
      reason: `Nothing could be proven with the rows given, and no candidate stayed close enough: the original is handed out.${need(proofs[0]?.proof)}`,
    }
  return {
    ...close,
    reason: `The rows given cannot prove any candidate, so the best in the goal that stays close to the original is handed out.${need(close.proof)}`,
  }
}

const need = (proof: ComparisonReport | undefined) =>
  proof?.requiredN ? ` About ${proof.requiredN} rows would settle it.` : ''

const wordFor = (proof: ComparisonReport) =>
  proof.verdict === 'regressed'
    ? 'found to be worse'
    : `not proven${proof.requiredN ? ` (about ${proof.requiredN} rows would settle it)` : ''}`
