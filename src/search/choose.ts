import { staysClose } from '../evaluate/index.ts'
import type { ComparisonReport } from '../report/index.ts'
import {
  closeInstead,
  nobodyToProve,
  nothingClose,
  onlyProvenAsked,
  type ProofRows,
  type Proven,
  provenBest,
} from './choice-words.ts'
import type { Contender, Finalists } from './finalists.ts'
import { beats, byPreference } from './preference.ts'

/** What is handed out, and why; `proof` is null where nothing was held against the proof rows. */
export interface Choice {
  readonly id: string
  readonly proof: ComparisonReport | null
  readonly reason: string
  /** Whatever may be handed out, the best first: where that one turns out slower, the next has its turn. */
  readonly ranked: readonly Proven[]
}

interface ChoiceOptions extends ProofRows {
  /** What is close alone is not handed out. */
  readonly provenOnly: boolean
  /**
   * One of which no gain was shown, as a lossless model that is as fast and as large as the original: without labels it
   * is for when nothing else is left.
   */
  readonly idle?: string | undefined
  /** The lossless model, where it may be handed out: it stays close by what it is, and ends no looking for what gains more. */
  readonly lossless?: string | undefined
  /** The best in the goal that the selection rows did not allow. */
  readonly unsafe?: string | undefined
  /** What there was no time for, where nothing was judged: a sentence without its end. */
  readonly untried?: string | undefined
  /** Whether there is time to prove one more of those in reserve; always by default. */
  readonly timeForMore?: ((id: string) => boolean) | undefined
}

/**
 * Proves the finalists in their fixed order and chooses the last that passed (see `provenInOrder`). Only where nothing
 * that gains can be proven with these rows is a `close` one handed out instead: the best in the goal of all finalists
 * that are close, else the first in reserve that is, where there is `timeForMore`.
 */
export async function chooseByProof(
  finalists: Finalists,
  prove: (id: string) => Promise<ComparisonReport>,
  options: ChoiceOptions,
): Promise<Choice> {
  const { sequence, shared, standby, reserve } = finalists
  if (sequence.length === 0 && reserve.length === 0)
    return original(nobodyToProve(options.untried, options.unsafe, options.unjudged))
  const { proofs, passed } = await provenInOrder(sequence, shared, prove)
  const byGoal = bestFirst([...sequence, ...standby, ...reserve])
  const close = () => (options.provenOnly ? [] : closeAmong(proofs, passed, byGoal))
  const [best] = passed
  const idle = best?.id === options.idle
  const last = best && proofs.slice(proofs.indexOf(best) + 1).at(-1)
  const standing = (id: string) => sequence.find((contender) => contender.id === id)!
  // Of finalists that tie, either may be tried behind the other.
  const stopped = last && { ...last, gainsMore: idle || beats(standing(last.id), standing(best.id)) }
  const handOut = (found: Proven): Choice => ({
    ...found,
    ranked: [...passed, ...close()],
    reason: provenBest(found.id, idle, stopped, options),
  })
  // Where there are labels, they could have proven more: then what is proven stands.
  if (best && (!idle || best.proof.labelled || options.provenOnly)) return handOut(best)
  if (options.provenOnly) return original(onlyProvenAsked(proofs, options))
  const found = () => close().some(({ id }) => id !== options.lossless)
  await proveOthers(finalists, proofs, prove, (id) => !found() && (options.timeForMore?.(id) ?? true))
  const [nearest] = close()
  if (nearest) return { ...nearest, ranked: [...close(), ...passed], reason: closeInstead(best, proofs, options) }
  return best ? handOut(best) : original(nothingClose(proofs, options))
}

/** What did not pass in its turn and stays close to the original on the proof rows, in the order of `byGoal`. */
function closeAmong(
  proofs: readonly Proven[],
  passed: readonly Proven[],
  byGoal: readonly Contender[],
): readonly Proven[] {
  const others = proofs.filter((proven) => !passed.includes(proven))
  const isClose = ({ proof }: Proven) => proof.grade === 'close' && proof.verdict !== 'regressed'
  const close = others.map(({ id, proof }) => ({ id, proof: outOfTurn(proof) })).filter(isClose)
  return byGoal.flatMap(({ id }) => close.filter((proven) => proven.id === id))
}

/**
 * What a proof counts for that is not among those handed out as passed. A pass behind one that failed, or not surely
 * enough beside another, is no proof: so many tries on the same rows would hand out a worse model more often than α says.
 * It is close where it is that, and as many new rows would settle it.
 */
export function outOfTurn(proof: ComparisonReport): ComparisonReport {
  if (proof.verdict !== 'pass') return proof
  return { ...proof, verdict: 'inconclusive', grade: staysClose(proof) ? 'close' : null, requiredN: proof.n }
}

/** Proves what the sequence left open and all on standby, and of those in reserve one by one while `more` says so. */
async function proveOthers(
  { sequence, standby, reserve }: Finalists,
  proofs: Proven[],
  prove: (id: string) => Promise<ComparisonReport>,
  more: (id: string) => boolean,
): Promise<void> {
  const open = (list: readonly Contender[]) => list.filter(({ id }) => !proofs.some((proof) => proof.id === id))
  for (const { id } of open(bestFirst([...sequence, ...standby]))) proofs.push({ id, proof: await prove(id) })
  for (const { id } of open(reserve)) if (more(id)) proofs.push({ id, proof: await prove(id) })
}

/**
 * Each is tested at α, and the first that does not pass ends the sequence. Where the last two share α, both are proven:
 * both pass where both do at α, and one alone where it does at half of it.
 *
 * @returns All proofs in their order, and what passed, the last first.
 */
async function provenInOrder(
  sequence: readonly Contender[],
  shared: boolean,
  prove: (id: string) => Promise<ComparisonReport>,
): Promise<{ readonly proofs: Proven[]; readonly passed: readonly Proven[] }> {
  const proofs: Proven[] = []
  const passed: Proven[] = []
  const proveNext = async ({ id }: Contender) => {
    const made = { id, proof: await prove(id) }
    proofs.push(made)
    return made
  }
  const alone = shared ? sequence.slice(0, -2) : sequence
  for (const contender of alone) {
    const made = await proveNext(contender)
    if (made.proof.verdict !== 'pass') return { proofs, passed }
    passed.unshift(made)
  }
  const pair: Proven[] = []
  for (const contender of sequence.slice(alone.length)) pair.push(await proveNext(contender))
  const passing = pair.filter(({ proof }) => proof.verdict === 'pass')
  if (passing.length > 1 || passing.some(({ proof }) => passesAtHalf(proof))) passed.unshift(...passing.toReversed())
  return { proofs, passed }
}

const passesAtHalf = ({ nonInferiority, alpha }: ComparisonReport) =>
  nonInferiority !== null && nonInferiority.p <= alpha / 2

/** Every one once, the best in the goal first. */
const bestFirst = (list: readonly Contender[]) =>
  byPreference(list.filter(({ id }, place) => list.findIndex((other) => other.id === id) === place))

const original = (reason: string): Choice => ({ id: 'original', proof: null, reason, ranked: [] })
