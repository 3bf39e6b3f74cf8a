import { type ComparisonReport, forSuchAMargin, grouped } from '../report/index.ts'
import { amountText, rowsOf, short, valueText } from './amounts.ts'
import type { Judgement } from './judge/judge.ts'
import type { Metric } from './metric/metric.ts'
import { CLOSE_DB } from './noise/close.ts'
import { askedWords, keptWords, worstOutput } from './noise/lowest-sqnr.ts'

/** What a sentence is made of besides the judgement. */
interface SentenceContext {
  readonly metric: Pick<Metric, 'name' | 'unit' | 'higherIsBetter'>
  readonly margin: number
  readonly alpha: number
  readonly labelled: boolean
  /** Rows whose top answer changed; null where answers cannot be counted. */
  readonly changed: number | null
}

/** The verdict on labelled rows in one plain sentence. */
export function sentenceOf(judgement: Judgement, context: SentenceContext): string {
  const { metric, margin, alpha } = context
  if (!Number.isFinite(judgement.delta))
    return `Not settled: ${metric.name} is undefined on these ${grouped(judgement.n)} rows.`
  const amount = (value: number) => amountText(Math.abs(value), metric.unit)
  const level = `${short((1 - alpha) * 100)} %`
  const { base, candidate, n } = judgement
  const change = `${metric.name} ${valueText(base, metric.unit)} → ${valueText(candidate, metric.unit)} on ${rowsOf(n)}`
  const pairs = judgement.discordant
  const changed = context.changed ?? (pairs ? pairs.baseOnly + pairs.candidateOnly : null)
  const answers = changed === null ? change : `${grouped(changed)} of ${grouped(n)} answers changed`
  const bound =
    judgement.lowerBound >= 0
      ? `the candidate is no worse at all (${level})`
      : `the candidate is at most ${amount(judgement.lowerBound)} worse (${level})`
  if (judgement.verdict === 'pass') {
    if (judgement.measurablyWorse)
      return `Measurably worse, within the margin of ${amount(margin)}: ${change}; ${bound}.`
    if (judgement.measurablyBetter) return `Measurably better: ${change}; ${bound}.`
    return `No measurable loss: ${answers}; ${bound}.`
  }
  if (judgement.verdict === 'regressed')
    return `Regressed: ${change}, a loss of ${amount(judgement.delta)} against a margin of ${amount(margin)}${
      pairs ? ` (${grouped(pairs.baseOnly)} answers lost, ${grouped(pairs.candidateOnly)} gained)` : ''
    }.`
  const small = forSuchAMargin({
    ...context,
    higherIsBetter: metric.higherIsBetter,
    metric: metric.name,
    base: { value: base },
  })
  const more =
    judgement.requiredN === null ? '' : `; about ${grouped(judgement.requiredN)} rows${small} would settle it`
  if (judgement.nothingToLose)
    return `Not settled: ${change}; on these rows the baseline has less to lose than the margin of ${amount(margin)}, so any candidate would pass${more}.`
  return `Not settled: ${change}; a loss of more than ${amount(margin)} is neither shown nor ruled out${more}.`
}

/** The verdict on rows without labels in one plain sentence. */
export function agreementSentence(
  report: Pick<ComparisonReport, 'verdict' | 'grade' | 'agreement' | 'outputs' | 'n' | 'requiredN'>,
  margin: number,
  alpha: number,
  { broken, far }: { readonly broken: number; readonly far: ComparisonReport['outputs'] },
): string {
  const { verdict, grade, agreement, outputs, n, requiredN } = report
  const level = `${short((1 - alpha) * 100)} %`
  const worst = worstOutput({ outputs })
  const distance = !worst
    ? 'all outputs are identical'
    : worst.equal === undefined && !worst.boxes
      ? `the outputs keep ${short(worst.sqnrDb!)} dB of signal over difference`
      : `${worst.name} keeps ${keptWords(worst)}`
  const answers = agreement
    ? `${grouped(agreement.changed)} of ${grouped(n)} answers changed, at most ${short(agreement.changedUpperBound * 100)} % (${level})`
    : `${distance} on ${rowsOf(n)}`
  if (verdict === 'pass') return `No measurable change: ${answers}, so no accuracy can differ by more.`
  if (verdict === 'regressed')
    return `Regressed: the candidate gives no number on ${grouped(broken)} of ${grouped(n)} rows where the baseline does.`
  const missing = requiredN
    ? `${agreement?.changed === 0 ? '' : 'labels for '}about ${grouped(requiredN)} rows would settle it`
    : 'without labels nothing here tells what that does to the task'
  const start = grade === 'close' ? 'Close, not proven' : 'Not settled'
  // Enough answers were seen: it is another output that holds it back.
  if (far.length > 0 && agreement && agreement.changedUpperBound <= margin)
    return `${start}: ${answers}, but ${far.map((output) => `${output.name} keeps ${keptWords(output)}, where ${askedWords(output, CLOSE_DB)} are asked for`).join(', ')}; only labels or a metric can tell what that does.`
  if (!agreement && worst?.boxes)
    return `${start}: ${answers}${keepsWhatIsAsked(worst) ? '' : `, where ${askedWords(worst, CLOSE_DB)} are asked for`}; only labels or a metric can tell what that does to the task.`
  if (!agreement)
    return `${start}: ${answers}; such outputs hold no answers to count, so only labels or a metric can tell what that does to the task.`
  return `${start}: ${answers}, and a margin of ${short(margin * 100)} % needs more; ${missing}.`
}

const keepsWhatIsAsked = ({ sqnrDb }: ComparisonReport['outputs'][number]) => sqnrDb === null || sqnrDb >= CLOSE_DB
