import { grouped, type RobustnessReport } from '../../report/index.ts'

const shown = (value: number) => value.toFixed(Math.abs(value) >= 10 ? 1 : 3)
const nameOf = (path: string) => path.split(/[\\/]/).at(-1) ?? path

/** The finding in one plain sentence. */
export function sentenceOf(report: Omit<RobustnessReport, 'sentence'>): string {
  const { models, metric, corruptions, severities, n } = report
  const [base, ...others] = models
  const trials = `${corruptions.length} ${corruptions.length === 1 ? 'corruption' : 'corruptions'} at ${severities.length} ${severities.length === 1 ? 'severity' : 'severities'}`
  if (base!.clean === null || base!.corrupted === null)
    return `${metric} could not be measured on these ${grouped(n)} rows.`
  const alone = `${nameOf(base!.path)}: ${metric} ${shown(base!.clean)} on ${grouped(n)} clean rows, ${shown(base!.corrupted)} on average under ${trials}.`
  if (others.length === 0) return alone
  return others.map((other) => comparisonOf(base!, other, metric, trials, n)).join(' ')
}

const fall = ({ clean, corrupted }: RobustnessReport['models'][number]) =>
  `${clean === null ? '?' : shown(clean)} on clean rows to ${corrupted === null ? '?' : shown(corrupted)}`

function comparisonOf(
  base: RobustnessReport['models'][number],
  other: RobustnessReport['models'][number],
  metric: string,
  trials: string,
  n: number,
): string {
  const name = nameOf(other.path)
  const means = `${metric} goes from ${fall(other)} on average under ${trials}, with ${nameOf(base.path)} from ${fall(base)} (${grouped(n)} rows)`
  const verdict = other.change?.verdict
  const words =
    verdict === 'pass'
      ? ` stands corruptions as well as ${nameOf(base.path)}, within the margin`
      : verdict === 'regressed'
        ? ` stands corruptions worse than ${nameOf(base.path)}`
        : verdict === 'inconclusive'
          ? `: these rows cannot tell whether it stands corruptions as well as ${nameOf(base.path)}`
          : ` against ${nameOf(base.path)}`
  return `${name}${words}: ${means}.`
}
