import { type ComparisonReport, grouped } from '../report/index.ts'
import type { Contender, Finalists } from './finalists.ts'
import { byPreference } from './preference.ts'
import { rowsToProve } from './rows-to-prove.ts'

/** A finalist that may be handed out, with its proof. */
export interface Proven {
  readonly id: string
  readonly proof: ComparisonReport
}

export interface Choice {
  readonly id: string
  readonly proof: ComparisonReport | null
  readonly reason: string
  /** Whatever may be handed out, the best first: where that one turns out slower, the next has its turn. */
  readonly ranked: readonly Proven[]
}

/**
 * Proves the finalists in their fixed order and chooses the last that passed (see `provenInOrder`). Only where nothing
 * that gains can be proven with these rows is a `close` one handed out instead: the best in the goal of all finalists
 * that are close, else the first in reserve that is, where there is `timeForMore`. `idle` is one of which no gain was shown,
 * as a lossless model that is as fast and as large as the original: without labels it is for when nothing else is left.
 * `unsafe` is the best in the goal that the selection rows did not allow. `apart` tells whether the proof rows were given
 * by themselves.
 */
export async function chooseByProof(
  { sequence, shared, standby, reserve }: Finalists,
  prove: (id: string) => Promise<ComparisonReport>,
  options: {
    readonly provenOnly: boolean
    readonly idle?: string | undefined
    readonly unsafe?: string | undefined
    /** What there was no time for, where nothing was judged: a sentence without its end. */
    readonly untried?: string | undefined
    readonly apart?: boolean
    readonly timeForMore?: (id: string) => boolean
    /** Where the time was not enough for all proof rows: for how many it was. */
    readonly fewer?: { readonly rows: number; readonly of: number }
  },
): Promise<Choice> {
  if (sequence.length === 0 && reserve.length === 0 && options.untried !== undefined)
    return original(`${options.untried}: the original is handed out. Give it more time (--time).`)
  if (sequence.length === 0 && reserve.length === 0)
    return original(
      options.unsafe === undefined
        ? 'No candidate was measured to be better in the goal without being slower: the original is handed out.'
        : `${options.unsafe} is better in the goal, but on the selection rows neither it nor any other such candidate stayed close enough to the original, which is handed out.`,
    )
  const { proofs, passed } = await provenInOrder(sequence, shared, prove)
  const [best] = passed
  const apart = options.apart ?? false
  const { fewer } = options
  const given = fewer
    ? `the ${grouped(fewer.rows)} of ${grouped(fewer.of)} proof rows that there was time for`
    : 'the rows given'
  const more = (proof: ComparisonReport | undefined) =>
    fewer ? ' More time (--time) proves on more of them.' : need(proof, apart)
  const next = best && proofs.slice(proofs.indexOf(best) + 1).at(-1)
  const byGoal = bestFirst([...sequence, ...standby, ...reserve])
  const close = () =>
    options.provenOnly
      ? []
      : byGoal.flatMap(({ id }) =>
          proofs.filter(({ id: of, proof }) => of === id && proof.grade === 'close' && proof.verdict !== 'regressed'),
        )
  const provenBest = (): Choice => {
    const stopped = next ? ` ${next.id}, better in the goal, was ${wordFor(next.proof, apart)} on the proof rows.` : ''
    const found =
      best!.id === options.idle
        ? `Nothing that is clearly better passed the proof; ${best!.id} did, and gives the same answers in a simpler form.`
        : `${best!.id} is the best in the goal that passed the proof.`
    const reason = `${found}${stopped}`
    return { ...best!, ranked: [...passed, ...close()], reason }
  }
  // Where there are labels, they could have proven more: then what is proven stands.
  const stands = best && (best.id !== options.idle || best.proof.labelled || options.provenOnly)
  if (stands) return provenBest()
  if (options.provenOnly)
    return original(
      `Nothing could be proven with ${given}, and only proven models were asked for: the original is handed out.${foundWorse(proofs)}`,
    )
  const open = (list: readonly Contender[]) => list.filter(({ id }) => !proofs.some((proof) => proof.id === id))
  for (const { id } of open(bestFirst([...sequence, ...standby]))) proofs.push({ id, proof: await prove(id) })
  for (const { id } of open(reserve))
    if (close().length === 0 && (options.timeForMore?.(id) ?? true)) proofs.push({ id, proof: await prove(id) })
  const [nearest] = close()
  if (!nearest && best) return provenBest()
  if (!nearest)
    return original(
      `Nothing could be proven with ${given}, and none of the candidates that were tried on the proof rows stayed close enough: the original is handed out.${foundWorse(proofs) || more(proofs[0]?.proof)}`,
    )
  const unproven = best
    ? `${capital(given)} prove ${best.id} alone, which is neither faster nor smaller`
    : `${capital(given)} cannot prove any candidate`
  return {
    ...nearest,
    ranked: [...close(), ...passed],
    reason: `${unproven}, so the best in the goal that stays close to the original is handed out.${foundWorse(proofs)}${more(nearest.proof)}`,
  }
}

/**
 * Each is tested at α, and the first that does not pass ends the sequence. Where the last two share α, both are proven:
 * what passes at half of it passes, and then the other at all of it.
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
  if (pair.some(({ proof }) => passesAtHalf(proof)))
    for (const made of pair) if (made.proof.verdict === 'pass') passed.unshift(made)
  return { proofs, passed }
}

const passesAtHalf = ({ verdict, nonInferiority, alpha }: ComparisonReport) =>
  verdict === 'pass' && nonInferiority !== null && nonInferiority.p <= alpha / 2

/** Every one once, the best in the goal first. */
const bestFirst = (list: readonly Contender[]) =>
  byPreference(list.filter(({ id }, place) => list.findIndex((other) => other.id === id) === place))

const original = (reason: string): Choice => ({ id: 'original', proof: null, reason, ranked: [] })

const need = (proof: ComparisonReport | undefined, apart: boolean) => {
  const wanted = proof ? rowsToProve(proof, apart) : null
  return wanted === null ? '' : ` ${wanted.charAt(0).toUpperCase()}${wanted.slice(1)} would settle it.`
}

/** What the rows did settle, where they proved nothing good enough. */
function foundWorse(proofs: readonly Proven[]): string {
  const ids = proofs.flatMap(({ id, proof }) => (proof.verdict === 'regressed' ? [id] : []))
  return ids.length === 0 ? '' : ` Found to be worse on the proof rows: ${ids.join(', ')}.`
}

function wordFor(proof: ComparisonReport, apart: boolean): string {
  if (proof.verdict === 'regressed') return 'found to be worse'
  if (proof.verdict === 'pass') return 'not proven surely enough for one of two that were tested side by side'
  const wanted = rowsToProve(proof, apart)
  return wanted === null ? 'not proven' : `not proven (${wanted} would settle it)`
}

/** What a finalist did on the proof rows, of which the figures of the selection rows tell nothing. */
export function whyNotProven(proof: ComparisonReport, apart = false): string {
  const { base, candidate, agreement, metric, n } = proof
  const scores =
    base.value === null || candidate.value === null
      ? null
      : `${metric} ${digits(candidate.value)} against ${digits(base.value)}`
  const found = scores ?? (agreement && `${grouped(agreement.changed)} answers changed`)
  return `${wordFor(proof, apart)} on the ${grouped(n)} proof rows${found ? `: ${found}` : ''}`
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
const digits = (value: number) => String(Number(value.toPrecision(4)))
