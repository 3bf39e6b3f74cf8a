import { type ComparisonReport, grouped, isClassOf, rowsWanted, type SliceResult } from '../report/index.ts'
import { mcnemar } from '../statistics/index.ts'
import { amountText, rowsOf, short, valueText } from './amounts.ts'
import type { Metric } from './metric/metric.ts'
import { metricInWords } from './metric/words.ts'

/** What the plain words of a report are made from. */
type StoryInput = Omit<ComparisonReport, 'sentence' | 'story'>

/** The comparison told to a person without statistics: a few short paragraphs, the most important first. */
export function storyOf(report: StoryInput, margin: number, unit: Metric['unit']): readonly string[] {
  return [
    ...whatWasDone(report, unit),
    ...whatItMeans(report, margin, unit),
    ...whereItHurts(report, unit),
    ...howSure(report),
  ]
}

function whatWasDone(report: StoryInput, unit: Metric['unit']): readonly string[] {
  const { n, flipRates, errorRatio, agreement, base, candidate, metric } = report
  if (flipRates && errorRatio) {
    const { negative, positive } = flipRates
    const right = (wrong: number) => `${grouped(n - Math.round(wrong * n))} (${share(1 - wrong, n)})`
    const flips =
      negative.count + positive.count === 0
        ? 'Not one answer changed in being right or wrong.'
        : `${answers(negative.count)} that ${were(negative.count)} right became wrong, and ${positive.count === 0 ? 'none' : grouped(positive.count)} that ${were(positive.count)} wrong became right.`
    const change = sameNumbers(report) || errorsChanged(errorRatio)
    const other = (agreement?.changed ?? 0) - negative.count - positive.count
    const astray = other > 0 && metric === 'top1' ? ` ${answers(other)} went from one mistake to another.` : ''
    return [
      `Both models answered the same ${rowsOf(n)}. The old one got ${right(errorRatio.base)} right, the new one ${right(errorRatio.candidate)}. ${flips}${astray}${change}`,
    ]
  }
  if (base.value !== null && candidate.value !== null)
    return [
      `Both models answered the same ${rowsOf(n)}. ${metric} was ${valueText(base.value, unit)} with the old one and is ${valueText(candidate.value, unit)} with the new one${report.higherIsBetter ? '' : ' (lower is better)'}.${spaced(metricInWords(metric))}`,
    ]
  const met = `Both models answered the same ${rowsOf(n)}, ${report.labelled ? `on which ${metric} has no value` : 'whose right answers nobody gave'}.`
  if (agreement)
    return [
      `${met} ${agreement.changed === 0 ? 'They answered alike on every one.' : `They answered differently on ${grouped(agreement.changed)} of them (${share(1 - agreement.rate, n)}).`}`,
    ]
  return [met]
}

const spaced = (sentence: string | null) => (sentence === null ? '' : ` ${sentence}`)

/**
 * Answers that do not change may still stand on other numbers; where not one differs, that is the news. Bare answers
 * (a class number, a name) are no such numbers: what they stand on was not seen.
 */
const sameNumbers = ({ outputs, n, agreement }: StoryInput): string =>
  n > 0 &&
  (agreement?.changed ?? 0) === 0 &&
  outputs.some(({ answer }) => !answer) &&
  outputs.every(({ maxAbs }) => maxAbs === 0)
    ? ' Nor does any number that they give differ: on these rows the two compute the same.'
    : ''

function errorsChanged({ ratio, ci }: NonNullable<StoryInput['errorRatio']>): string {
  if (ratio === null || ratio === 1 || Math.abs(ratio - 1) < 0.05) return ''
  const sure = ci !== null && (ci[0] > 1 || ci[1] < 1)
  return ` For every 100 mistakes of the old model the new one makes ${Math.round(ratio * 100)}${sure ? '' : ', a difference that chance alone could make'}.`
}

function whatItMeans(report: StoryInput, margin: number, unit: Metric['unit']): readonly string[] {
  const { verdict, nonInferiority, flipRates, measurablyWorse, discordant } = report
  const counted = (flipRates !== undefined && discordant !== null) || report.metric === 'agreement'
  const amount = (value: number) => (counted ? outOf(Math.abs(value)) : amountText(Math.abs(value), unit))
  const accepted = amount(margin)
  if (verdict === 'pass' && nonInferiority) {
    const loss = -nonInferiority.lowerBound
    const worst =
      loss <= 0
        ? 'the new model is not behind.'
        : `the new model loses at most ${counted ? lossOutOf(loss, margin) : `${amount(loss)}; the margin accepts up to ${accepted}.`}`
    return [
      `The rows are only a sample of what will come. Allowing for that, ${worst}${measurablyWorse ? ' It is worse, and that is no accident, but by less than you accept.' : ''}`,
    ]
  }
  if (verdict === 'pass')
    return ['So few answers changed that, whatever is right, no more could be lost than you accept.']
  if (verdict === 'regressed')
    return nonInferiority && nonInferiority.lowerBound <= -margin
      ? [`The margin accepts a loss of up to ${accepted}. This is more, and chance does not explain it.`]
      : []
  const wanted = rowsWanted({ ...report, margin })
  const more = wanted === null ? '' : ` About ${wanted} would settle it.`
  if (report.nothingToLose)
    return [
      margin >= 0.5
        ? `These rows cannot tell: a loss of up to ${accepted} is accepted, and the old model has no more to lose, so that any model would pass. One point is a margin of 0.01.`
        : `These rows cannot tell: the old model does so badly on them that even the worst possible answers would lose no more than you accept (${accepted}).${more} That is not a pass.`,
    ]
  return [
    `These rows cannot tell: a loss of more than ${accepted} is neither shown nor ruled out.${more} That is not a pass.`,
  ]
}

function whereItHurts(report: StoryInput, unit: Metric['unit']): readonly string[] {
  const { slices, everySlice, mined, gaps } = report
  const text = sliceText(report, unit)
  const told: string[] = []
  const declared = slices.filter((slice) => slice.declared)
  const bad = declared.filter(({ verdict }) => verdict === 'regressed')
  const open = declared.filter(({ verdict }) => verdict === 'inconclusive')
  if (bad.length > 0) told.push(`Worse for ${bad.map(text).join('; ')}.`)
  if (everySlice?.holds) told.push(`Every one of the ${everySlice.of} groups that you named stays within its margin.`)
  else if (open.length > 0)
    told.push(
      `For ${open.length === 1 ? 'one group' : `${open.length} groups`} there are too few rows to tell: ${names(open.map(({ name }) => name))}.`,
    )
  const hidden = (mined?.slices ?? []).filter(
    ({ name, verdict, adjustedP }) =>
      (verdict === 'regressed' || adjustedP < report.alpha) &&
      !bad.some(
        (slice) =>
          slice.name === name ||
          (report.classes ?? []).some((one) => `class=${one.name}` === name && isClassOf(slice, one)),
      ),
  )
  if (mined && hidden.length > 0)
    told.push(`A search for weak spots found, and rows that it had not seen confirmed: ${hidden.map(text).join('; ')}.`)
  told.push(
    ...classesText(
      report,
      hidden.map(({ name }) => name),
      bad,
    ),
  )
  if (mined && hidden.length === 0 && bad.length === 0 && mined.searched > 0)
    told.push(
      mined.slices.length === 0
        ? `A search through ${grouped(mined.searched)} ${mined.searched === 1 ? 'group' : 'groups'} of rows found none that stood out as a weak spot.`
        : `A search through ${grouped(mined.searched)} ${mined.searched === 1 ? 'group' : 'groups'} of rows found no weak spot that held up on rows that it had not looked at.`,
    )
  for (const gap of gaps ?? []) {
    const { field, change, ci } = gap
    const by = amountText(Math.abs(change), 'points')
    if (report.flipRates)
      told.push(
        ci[0] > 0
          ? `The difference between groups of ${field} grew by ${by}.`
          : ci[1] < 0
            ? `The difference between groups of ${field} shrank by ${by}.`
            : `The difference between groups of ${field} did not measurably change.`,
      )
  }
  return told
}

/** `told`: names of hidden groups; `declared`: groups that were told as well. */
function classesText(report: StoryInput, told: readonly string[], declared: readonly SliceResult[]): readonly string[] {
  const { classes, alpha } = report
  const text = sliceText(report, 'points')
  const seen = (classes ?? []).filter(({ n }) => n > 0)
  const known = (one: SliceResult) =>
    told.includes(`class=${one.name}`) || declared.some((slice) => isClassOf(slice, one))
  const worse = seen.filter(({ verdict }) => verdict === 'regressed')
  const bad = worse.filter((slice) => !known(slice))
  const lines: string[] = []
  if (bad.length > 0)
    lines.push(
      `Worse for the class ${bad.map((slice) => `“${slice.name}”${text({ ...slice, name: '' })}`).join('; ')}.`,
    )
  else if (seen.length > 1 && worse.length === 0) {
    const worst = [...seen].sort((a, b) => lossOf(b) - lossOf(a))[0]!
    if (lossOf(worst) > 0)
      lines.push(
        `The class that lost most is “${worst.name}”${text({ ...worst, name: '' })}${chanceOf(worst) * seen.length < alpha ? '' : ', but chance alone could do that'}.`,
      )
    else lines.push('No class lost an answer on balance.')
  }
  return lines
}

/** How probable such a loss is where there is none, whatever the margin; of several, the worst is as many times as likely. */
const chanceOf = ({ discordant }: SliceResult) => (discordant ? mcnemar(discordant).midPWorse : 1)

const lossOf = ({ base, candidate }: SliceResult) => (base ?? 0) - (candidate ?? 0)

function howSure({ confidence }: StoryInput): readonly string[] {
  if (!confidence) return []
  const points = (value: number) => (value * 100).toFixed(1)
  const { base, candidate } = confidence
  const change = candidate.ece - base.ece
  const off = `Where a model says that it is 90 % sure, it should be right nine times in ten. The new one misses that by ${points(candidate.ece)} points on average (${points(base.ece)} before)`
  if (Math.abs(change) < 0.01) return [`${off}: what it says of itself is as trustworthy as it was.`]
  return [`${off}: what it says of itself is ${change > 0 ? 'less' : 'more'} trustworthy than it was.`]
}

type NamedRows = Pick<SliceResult, 'name' | 'n' | 'base' | 'candidate'>

/** Rates are told in per cent. */
function sliceText({ flipRates }: StoryInput, unit: Metric['unit']): (slice: NamedRows) => string {
  const value = (of: number) => (flipRates || unit === 'points' ? `${(of * 100).toFixed(1)} %` : short(of))
  return ({ name, n, base, candidate }) =>
    base === null || candidate === null
      ? `${name} (${grouped(n)} rows)`
      : `${name} (${value(base)} → ${value(candidate)} on ${grouped(n)} rows)`
}

function names(list: readonly string[]): string {
  return list.length <= 6 ? list.join(', ') : `${list.slice(0, 5).join(', ')} and ${list.length - 5} more`
}

const answers = (count: number) =>
  count === 0 ? 'No answer' : count === 1 ? 'One answer' : `${grouped(count)} answers`
const were = (count: number) => (count === 1 || count === 0 ? 'was' : 'were')

/** A share as per cent, with one more digit where the rows carry it. */
function share(value: number, n: number): string {
  return `${(value * 100).toFixed(n >= 10_000 ? 2 : 1)} %`
}

/** A small share as people say it: `4 answers in 1,000`. */
function outOf(value: number): string {
  const base = value >= 0.01 ? 100 : value >= 0.001 ? 1_000 : 10_000
  const count = Number((value * base).toPrecision(2))
  return `${count} ${count === 1 ? 'answer' : 'answers'} in ${grouped(base)}`
}

/** A loss and what is accepted, in answers of the same number, so that the eye can compare them; the loss rounded up. */
function lossOutOf(loss: number, accepted: number): string {
  const base = [100, 1_000, 10_000].find((rows) => loss * rows >= 10) ?? 100_000
  const lost = Math.ceil(loss * base)
  const fine = Number(short(accepted * base))
  return `${lost === 1 ? '1 answer' : `${grouped(lost)} answers`} in ${grouped(base)}; the margin accepts up to ${fine < 10 ? fine : grouped(Math.round(fine))}.`
}
