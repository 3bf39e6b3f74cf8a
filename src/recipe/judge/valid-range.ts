import type { Dataset } from '../../data/index.ts'
import type { AttackSubject } from '../../evaluate/index.ts'
import { UserError } from '../../platform/index.ts'
import type { AttackReport } from '../../report/index.ts'

/**
 * The values that are valid, as they were given. Rows are float32, and so must the limits be that they are held to: a
 * value that is cut to 0.3 is stored as 0.30000001, and would count as beyond 0.3.
 */
export function validRange(
  { rows }: AttackSubject,
  data: Dataset,
  given: readonly [number, number] | undefined,
): { range: readonly [number, number]; from: AttackReport['rangeFrom'] } {
  const [low, high] = rows.extent
  const declared = data.domains[rows.plan.input]
  const range = given ?? declared ?? (low >= 0 && high <= 1 ? ([0, 1] as const) : undefined)
  if (!range)
    throw new UserError('bad-data', `rows go from ${shortest(low)} to ${shortest(high)}: what values are valid?`, {
      where: data.path,
      hint: `give --range LOW,HIGH, or "domains": {"${rows.plan.input}": [LOW, HIGH]} in dataset.json`,
    })
  if (low < Math.fround(range[0]) || high > Math.fround(range[1]))
    throw new UserError(
      'bad-data',
      `rows go from ${shortest(low)} to ${shortest(high)}, beyond the valid range [${range.join(', ')}]`,
      {
        where: data.path,
        hint: 'give the range that the rows really have with --range LOW,HIGH',
      },
    )
  return { range, from: given ? 'option' : declared ? 'data set' : 'rows' }
}

/** The fewest digits that a float32 is read back from. */
function shortest(value: number): string {
  for (let digits = 1; digits < 9; digits++)
    if (Math.fround(Number(value.toPrecision(digits))) === value) return String(Number(value.toPrecision(digits)))
  return String(Number(value.toPrecision(9)))
}
