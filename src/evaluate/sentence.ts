import type { ComparisonReport } from '../report/index.ts'
import { CLOSE_DB } from './agreement.ts'
import type { Judgement } from './judge/judge.ts'
import type { Metric } from './metric/metric.ts'

/** What a sentence is made of besides the judgement. */
interface SentenceContext {
  readonly metric: Pick<Metric, 'name' | 'unit'>
  readonly margin: number
  readonly alpha: number
  /** Rows whose top answer changed; null where answers cannot be counted. */
  readonly changed: number | null
}

/** The verdict on labelled rows in one plain sentence. */
export function sentenceOf(judgement: Judgement, context: SentenceContext): string {
  const { metric, margin, alpha } = context
  if (!Number.isFinite(judgement.delta))
    return `Not settled: ${metric.name} is undefined on these ${whole(judgement.n)} rows.`
  const amount = (value: number) => amountText(Math.abs(value), metric.unit)
  const level = `${text((1 - alpha) * 100)} %`
  const { base, candidate, n } = judgement
  const change = `${metric.name} ${valueText(base, metric.unit)} → ${valueText(candidate, metric.unit)} on ${rowsOf(n)}`
  const pairs = judgement.discordant
  const changed = context.changed ?? (pairs ? pairs.baseOnly + pairs.candidateOnly : null)
  const answers = changed === null ? change : `${whole(changed)} of ${whole(n)} answers changed`
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
      pairs ? ` (${whole(pairs.baseOnly)} answers lost, ${whole(pairs.candidateOnly)} gained)` : ''
    }.`
  const more = judgement.requiredN === null ? '' : `; about ${whole(judgement.requiredN)} rows would settle it`
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
  const level = `${text((1 - alpha) * 100)} %`
  const worst = outputs.reduce<number | null>(
    (least, { sqnrDb }) => (sqnrDb === null ? least : Math.min(least ?? sqnrDb, sqnrDb)),
    null,
  )
  const distance =
    worst === null ? 'all outputs are identical' : `the outputs keep ${text(worst)} dB of signal over difference`
  const answers = agreement
    ? `${whole(agreement.changed)} of ${whole(n)} answers changed, at most ${text(agreement.changedUpperBound * 100)} % (${level})`
    : `${distance} on ${rowsOf(n)}`
  if (verdict === 'pass') return `No measurable change: ${answers}, so no accuracy can differ by more.`
  if (verdict === 'regressed')
    return `Regressed: the candidate gives no number on ${whole(broken)} of ${whole(n)} rows where the baseline does.`
  const missing = requiredN
    ? `${agreement?.changed === 0 ? '' : 'labels for '}about ${whole(requiredN)} rows would settle it`
    : 'without labels nothing here tells what that does to the task'
  const start = grade === 'close' ? 'Close, not proven' : 'Not settled'
  // Enough answers were seen: it is another output that holds it back.
  if (far.length > 0 && agreement && agreement.changedUpperBound <= margin)
    return `${start}: ${answers}, but ${far.map(({ name, sqnrDb }) => `${name} keeps ${text(sqnrDb!)} dB`).join(', ')} of signal over difference, where ${CLOSE_DB} are asked for; only labels or a metric can tell what that does.`
  return `${start}: ${answers}, and a margin of ${text(margin * 100)} % needs more; ${missing}.`
}

/** A number of rows: `1 row`, `4,000 rows`. */
export const rowsOf = (n: number): string => `${whole(n)} ${n === 1 ? 'row' : 'rows'}`

/** 1234567 as 1,234,567. */
export function whole(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** An amount of the metric, as people say it: 0.02 of a rate is `2 points`. */
export function amountText(value: number, unit: Metric['unit']): string {
  if (unit !== 'points') return text(value)
  const points = text(value * 100)
  return `${points} ${points === '1' ? 'point' : 'points'}`
}

/** A value of the metric, a rate in per cent. */
export function valueText(value: number, unit: Metric['unit']): string {
  return unit === 'points' ? `${(value * 100).toFixed(2)} %` : text(value)
}

/** Three significant digits, no trailing zeros. */
function text(value: number): string {
  return String(Number(value.toPrecision(3)))
}
