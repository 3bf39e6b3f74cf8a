import { type CandidateResult, type ComparisonReport, grouped, isClassOf, type SliceResult } from '../report/index.ts'

/** Numbers as people read them; one place, so that every face says the same thing the same way. */

export const count = grouped

/** 3.14159 → `3.14 ms`; a dash where nothing was measured. */
export function ms(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3
  return `${value >= 1000 ? grouped(Math.round(value)) : value.toFixed(digits)} ms`
}

/** A number with its unit, which no line may part. */
export const unbroken = (text: string): string => text.replaceAll(' ', '\u00a0')

/** 1500000 → `1.5 MB`, in powers of 1000. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–'
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  let scaled = value
  let unit = 0
  // 999,600 would be written as 1000 KB.
  while (Math.round(scaled) >= 1000 && unit < units.length - 1) {
    scaled /= 1000
    unit++
  }
  return `${unit === 0 || scaled >= 99.95 ? scaled.toFixed(0) : scaled.toFixed(1)} ${units[unit]}`
}

/** 0.1234 → `12.3 %`. */
export function percent(share: number, digits = 1): string {
  const text = (share * 100).toFixed(digits)
  // A little less than nothing is nothing.
  return `${Number(text) === 0 ? text.replace('-', '') : text} %`
}

/** A share that somebody named, without digits that he did not: 0.1 → `10 %`. */
export const namedShare = (share: number): string => `${Number((share * 100).toFixed(4))} %`

/** A speed ratio: 3.14 → `3.1×`, 1.043 → `1.04×`. */
export function times(ratio: number | null | undefined): string {
  if (ratio === null || ratio === undefined || !Number.isFinite(ratio)) return '–'
  return `${ratio.toFixed(ratio >= 2 ? 1 : 2)}×`
}

/** A noise ratio; null is no noise at all. */
export function decibels(value: number | null | undefined): string {
  if (value === null) return 'identical'
  return value === undefined ? '–' : `${value.toFixed(1)} dB`
}

/** What was heard of a candidate: of one that was not heard, a dash. */
export const noiseHeard = ({ sqnrDb, identical, boxes }: Pick<CandidateResult, 'sqnrDb' | 'identical' | 'boxes'>) =>
  boxes ? boxesKept(boxes) : decibels(identical ? null : (sqnrDb ?? undefined))

/** Of boxes in sorted lists, those that stayed the same. */
export const boxesKept = ({ compared, changed }: NonNullable<CandidateResult['boxes']>): string =>
  `${count(compared - changed)} of ${count(compared)} boxes the same`

/** Decimal places that a metric deserves: shares as four digits, others by size. */
export function metricValue(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–'
  if (Number.isInteger(value)) return count(value)
  return Math.abs(value) >= 100 ? value.toFixed(1) : value.toFixed(4)
}

/** A difference with its sign and a real minus; what rounds to nothing has no sign. */
export function signed(value: number, digits = 4): string {
  const size = Math.abs(value).toFixed(digits)
  return `${Number(size) === 0 ? '' : value < 0 ? '−' : '+'}${size}`
}

/**
 * The most that the rows let a candidate be worse. Where too few rows differ it is no finding but what is assumed: a
 * hundred margins, or all that there is to lose, though what was seen is far from that.
 */
export function atWorst({ base, candidate, nonInferiority, verdict }: ComparisonReport): string {
  const { lowerBound, margin } = nonInferiority!
  const seen = Math.abs((candidate.value ?? 0) - (base.value ?? 0))
  const assumed = verdict === 'inconclusive' && lowerBound <= -99.9 * margin && seen < -lowerBound / 2
  return assumed ? 'not bounded by so few rows' : signed(lowerBound)
}

export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`

/** Whether groups are the classes under another name (the label was declared as a field): then one table is enough. */
export const repeats = (classes: readonly SliceResult[], slices: readonly SliceResult[]): boolean =>
  classes.every((one) => slices.some((slice) => isClassOf(slice, one)))

/** A field of a report as people say it: `outOfDistribution` → `out of distribution`. */
export const inWords = (field: string): string => field.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)

/** A candidate passed on the rows that choose, and was not among those that were proven on others. */
export const passedUnproven = (
  { verdict, provedRows }: Pick<CandidateResult, 'verdict' | 'provedRows'>,
  chosen: boolean,
): boolean => verdict === 'pass' && provedRows === undefined && !chosen

export const UNPROVEN_PASS = 'pass on selection rows'

/** What a gate says of a model: it may be shut for a size or a time, so that nothing need have regressed. */
export const GATE_WORDS = { pass: 'passes', regressed: 'breaks a limit', inconclusive: 'undecided' } as const

/** An ISO time to the minute: `2026-05-01 12:30`. */
export const minute = (iso: string): string => iso.slice(0, 16).replace('T', ' ')

/** A digest by its first twelve digits, `sha256:0123456789ab`. */
export const shortDigest = (digest: string): string => digest.slice(0, 'sha256:'.length + 12)

/** The last part of a path, for headings. */
export const fileName = (path: string): string => path.split(/[\\/]/).at(-1) ?? path

/** What the file lost, as a percentage with its sign; none where nothing is left of it when rounded. */
export function sizeChange(saved: number): string {
  const words = percent(Math.abs(saved), 0)
  return words === percent(0, 0) ? words : `${saved < 0 ? '+' : '−'}${words}`
}
