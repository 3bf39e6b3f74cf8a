import type { RobustnessReport } from '../../report/index.ts'

const whole = (value: number) => value.toLocaleString('en-US')
const shown = (value: number) => value.toFixed(Math.abs(value) >= 10 ? 1 : 3)
const nameOf = (path: string) => path.split(/[\\/]/).at(-1) ?? path

/** The finding in one plain sentence. */
export function sentenceOf(report: Omit<RobustnessReport, 'sentence'>): string {
  const { models, metric, corruptions, severities, n } = report
  const [base, ...others] = models
  const trials = `${corruptions.length} ${corruptions.length === 1 ? 'corruption' : 'corruptions'} at ${severities.length} ${severities.length === 1 ? 'severity' : 'severities'}`
  if (base!.clean === null || base!.corrupted === null)
    return `${metric} could not be measured on these ${whole(n)} rows.`
  const alone = `${nameOf(base!.path)}: ${metric} ${shown(base!.clean)} on ${whole(n)} clean rows, ${shown(base!.corrupted)} on average under ${trials}.`
  if (others.length === 0) return alone
  return others.map((other) => comparisonOf(base!, other, metric, trials, n)).join(' ')
}

function comparisonOf(
  base: RobustnessReport['models'][number],
  other: RobustnessReport['models'][number],
  metric: string,
  trials: string,
  n: number,
): string {
  const name = nameOf(other.path)
  const place = `under ${trials}, ${metric} on average ${base.corrupted === null ? '?' : shown(base.corrupted)} → ${other.corrupted === null ? '?' : shown(other.corrupted)} (${whole(n)} rows)`
  if (!other.change) return `${name} against ${nameOf(base.path)}: ${place}.`
  const [low, high] = other.change.ci
  const interval = `change ${signed(other.change.delta)}, interval ${signed(low)} to ${signed(high)}`
  const words =
    other.change.verdict === 'pass'
      ? `stands corruptions as well as ${nameOf(base.path)} within the margin`
      : other.change.verdict === 'regressed'
        ? `stands corruptions worse than ${nameOf(base.path)}`
        : `cannot be told from these rows to stand corruptions as well as ${nameOf(base.path)}`
  return `${name} ${words}: ${place}; ${interval}.`
}

const signed = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`
