import { type ComparisonReport, grouped } from '../report/index.ts'

/** Share of the baseline's error below which hardly any change keeps a margin. */
const HARDLY_ANYTHING = 0.01

/**
 * Whether a margin may not be meant as it is: an error such as `mae` is in the units of the labels, and 0.01 of a price is
 * nothing. Said where it may be what keeps a candidate from passing.
 */
export function marginDoubts(
  { verdict, labelled, higherIsBetter, base, metric, n }: Omit<ComparisonReport, 'sentence' | 'story'>,
  margin: number,
): readonly string[] {
  const { value } = base
  if (verdict === 'pass' || !labelled || higherIsBetter || value === null || margin >= HARDLY_ANYTHING * value)
    return []
  const digits = (number: number, count: number) => String(Number(number.toPrecision(count)))
  return [
    `The margin of ${digits(margin, 3)} is in the units of ${metric}, of which the baseline has ${digits(value, 3)} on ${n === 1 ? 'the row' : `the ${grouped(n)} rows`} judged: ${digits((100 * margin) / value, 2)} % more would be too much. Say what you would accept, such as --margin ${digits(HARDLY_ANYTHING * value, 2)} for 1 %.`,
  ]
}
