import { type ComparisonReport, grouped, hardlyAMargin } from '../report/index.ts'

/**
 * Whether a margin may not be meant as it is: an error such as `mae` is in the units of the labels, and 0.01 of a price is
 * nothing. Said where it may be what keeps a candidate from passing.
 */
export function marginDoubts(report: Omit<ComparisonReport, 'sentence' | 'story'>, margin: number): readonly string[] {
  const { verdict, base, metric, n } = report
  const small = verdict === 'pass' ? null : hardlyAMargin({ ...report, margin })
  if (!small) return []
  const digits = (number: number) => String(Number(number.toPrecision(3)))
  return [
    `The margin of ${digits(margin)} is in the units of ${metric}, of which the baseline has ${digits(base.value!)} on ${n === 1 ? 'the row' : `the ${grouped(n)} rows`} judged: ${small.percent} % more would be too much. Say what you would accept, ${small.instead}.`,
  ]
}
