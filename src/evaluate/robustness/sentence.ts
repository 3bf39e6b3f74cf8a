import { grouped, type RobustnessReport, shortPaths } from '../../report/index.ts'

const shown = (value: number) => value.toFixed(Math.abs(value) >= 10 ? 1 : 3)

/** The finding in one plain sentence. */
export function sentenceOf(report: Omit<RobustnessReport, 'sentence'>): string {
  const { models, metric, corruptions, severities, n } = report
  const names = shortPaths(models.map(({ path }) => path))
  const [base, ...others] = models.map((model) => ({ ...model, name: names.get(model.path)! }))
  const trials = `${corruptions.length} ${corruptions.length === 1 ? 'corruption' : 'corruptions'} at ${severities.length} ${severities.length === 1 ? 'severity' : 'severities'}`
  if (base!.clean === null || base!.corrupted === null)
    return `${metric} could not be measured on these ${grouped(n)} rows.`
  const alone = `${base!.name}: ${metric} ${shown(base!.clean)} on ${grouped(n)} clean rows, ${shown(base!.corrupted)} on average under ${trials}.`
  if (others.length === 0) return alone
  return others.map((other) => comparisonOf(base!, other, metric, trials, n)).join(' ')
}

const fall = ({ clean, corrupted }: RobustnessReport['models'][number]) =>
  `${clean === null ? '?' : shown(clean)} on clean rows to ${corrupted === null ? '?' : shown(corrupted)}`

type Named = RobustnessReport['models'][number] & { readonly name: string }

function comparisonOf(base: Named, other: Named, metric: string, trials: string, n: number): string {
  const means = `${metric} goes from ${fall(other)} on average under ${trials}, with ${base.name} from ${fall(base)} (${grouped(n)} rows)`
  const verdict = other.change?.verdict
  const words =
    verdict === 'pass'
      ? ` stands corruptions as well as ${base.name}, within the margin`
      : verdict === 'regressed'
        ? ` stands corruptions worse than ${base.name}`
        : verdict === 'inconclusive'
          ? `: these rows cannot tell whether it stands corruptions as well as ${base.name}`
          : ` against ${base.name}`
  return `${other.name}${words}: ${means}.`
}
