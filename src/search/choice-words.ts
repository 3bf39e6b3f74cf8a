import { askedWords, CLOSE_DB, heard, keptWords } from '../evaluate/index.ts'
import { type ComparisonReport, grouped } from '../report/index.ts'
import { rowsToProve } from './rows-to-prove.ts'
import { capital } from './sentence.ts'

/** A finalist with its proof. */
export interface Proven {
  readonly id: string
  readonly proof: ComparisonReport
}

/** The rows that a proof was made on, as sentences need them. */
export interface ProofRows {
  /** They were given by themselves, and are no half of others. */
  readonly apart?: boolean | undefined
  /** Where the time was not enough for all of them: for how many it was. */
  readonly fewer?: { readonly rows: number; readonly of: number } | undefined
  /** How many candidates gain and were not judged, because the time was up before. */
  readonly unjudged?: number | undefined
}

/** Why the original is handed out, which the sentence of the report says, where there is no finalist. `unsafe` is what the selection rows did not allow. */
export function nobodyToProve(untried: string | undefined, unsafe: string | undefined, unjudged = 0): string {
  if (untried !== undefined) return `${untried}. Give it more time (--time).`
  if (unsafe === undefined) return 'No candidate was measured to be better without being slower.'
  const others = unjudged > 0 ? 'any other that was judged' : 'any other such candidate'
  return `${unsafe} gains, but on the selection rows neither it nor ${others} stayed close enough to the original.${notJudged(unjudged)}`
}

/** Why a proven finalist is handed out. `stopped` is the one that ended the sequence, behind it: better in the goal, or a tie. */
export function provenBest(
  id: string,
  idle: boolean,
  stopped: (Proven & { readonly gainsMore: boolean }) | undefined,
  { apart = false }: ProofRows,
): string {
  const found = idle
    ? `Nothing that is clearly better passed the proof; ${id} did, and gives the same answers in a simpler form.`
    : `${id} was the best of those that passed the proof.`
  if (!stopped) return found
  const near =
    stopped.proof.grade === 'close' ? '; it stays close to the original, and is kept among the candidates' : ''
  const gain = stopped.gainsMore ? 'more' : 'about as much'
  return `${found} On the proof rows ${stopped.id}, which gains ${gain}, was ${wordFor(stopped.proof, apart)}${near}.`
}

/** Why the original is handed out where nothing that gains was proven and what is close is not asked for. */
export function onlyProvenAsked(proofs: readonly Proven[], rows: ProofRows): string {
  const open = proofs.find(({ proof }) => proof.verdict === 'inconclusive')
  return `Nothing could be proven with ${given(rows)}, and only proven models were asked for.${foundWorse(proofs)}${wanted(open?.proof, rows)}`
}

/** Why the original is handed out where no finalist is close either. */
export function nothingClose(proofs: readonly Proven[], rows: ProofRows): string {
  const lost = foundWorse(proofs)
    ? `${foundWorse(proofs)}${notJudged(rows.unjudged ?? 0)}`
    : wanted(proofs[0]?.proof, rows)
  return `Nothing could be proven with ${given(rows)}, and none of the candidates that were tried on the proof rows stayed close enough.${lost}`
}

/** Why a close finalist is handed out; the first line says what would settle it. `idle` is the one that was proven and gains nothing. */
export function closeInstead(idle: Proven | undefined, proofs: readonly Proven[], rows: ProofRows): string {
  const unproven = idle
    ? `${capital(given(rows))} prove ${idle.id} alone, which is neither faster nor smaller`
    : `${capital(given(rows))} cannot prove any candidate`
  return `${unproven}, so the best that stays close to the original is handed out.${foundWorse(proofs)}`
}

/** What a finalist did on the proof rows, of which the figures of the selection rows tell nothing. */
export function whyNotProven(proof: ComparisonReport, apart: boolean): string {
  const { base, candidate, agreement, metric, n } = proof
  const scores =
    base.value === null || candidate.value === null
      ? null
      : `${metric} ${digits(candidate.value)} against ${digits(base.value)}`
  const found = [scores ?? (agreement && `${grouped(agreement.changed)} answers changed`), farthest(proof)]
  const told = found.filter((words) => words !== null)
  return `${wordFor(proof, apart)} on the ${grouped(n)} proof rows${told.length > 0 ? `: ${told.join(', ')}` : ''}`
}

/** The output that is too far off to be close, where that is what a finalist lacks. */
function farthest(proof: ComparisonReport): string | null {
  const { verdict, grade } = proof
  if (verdict !== 'inconclusive' || grade !== null) return null
  const far = heard(proof).filter(({ sqnrDb }) => sqnrDb !== null && sqnrDb < CLOSE_DB)
  const [worst] = far.sort((one, other) => one.sqnrDb! - other.sqnrDb!)
  return worst ? `${worst.name} keeps ${keptWords(worst)} where ${askedWords(worst, CLOSE_DB)} are asked for` : null
}

const given = ({ fewer }: ProofRows): string =>
  fewer ? `the ${grouped(fewer.rows)} of ${grouped(fewer.of)} proof rows that there was time for` : 'the rows given'

/** Rows are not what is missing while there are candidates that nobody looked at. */
const notJudged = (count: number): string =>
  count === 0
    ? ''
    : ` ${grouped(count)} ${count === 1 ? 'candidate that gains was' : 'candidates that gain were'} not judged before the time was up: give it more (--time).`

function wanted(proof: ComparisonReport | undefined, { apart = false, fewer, unjudged = 0 }: ProofRows): string {
  if (unjudged > 0) return notJudged(unjudged)
  if (fewer) return ' More time (--time) proves on more of them.'
  const rows = proof ? rowsToProve(proof, apart) : null
  return rows === null ? '' : ` ${capital(rows)} would settle it.`
}

/** What the rows did settle, where they proved nothing good enough. */
function foundWorse(proofs: readonly Proven[]): string {
  const ids = proofs.flatMap(({ id, proof }) => (proof.verdict === 'regressed' ? [id] : []))
  return ids.length === 0 ? '' : ` Found to be worse on the proof rows: ${ids.join(', ')}.`
}

function wordFor(proof: ComparisonReport, apart: boolean): string {
  if (proof.verdict === 'regressed') return 'found to be worse'
  if (proof.verdict === 'pass') return 'not proven surely enough for the only one of two that passed'
  const rows = rowsToProve(proof, apart)
  return rows === null ? 'not proven' : `not proven (${rows} would settle it)`
}

const digits = (value: number) => String(Number(value.toPrecision(4)))
