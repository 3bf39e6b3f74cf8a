import { UserError } from '../../platform/index.ts'
import type { Metric, MetricRow } from './metric.ts'

const ROW_HINT =
  'its score gets { outputs, label, row, fields }, the outputs of one row by name as { dtype, dims, data }'
const ALL_HINT = 'it gets the summaries of the rows: [score] each, where the metric has no summary of its own'

const SUMMARY_HINT = 'a summary is a list of numbers of the same length for every row'

/**
 * A metric held to its word. Most metrics are a user's own: what one throws, and what it gives against its own
 * description, is an error that names the metric and the row, never a verdict on something else.
 */
export function checkedMetric(metric: Metric): Metric {
  const { name, higherIsBetter, rightOrWrong, bounds, range, unit, answer, summary, stratum, strataApart, parts } =
    metric
  const { aggregate, overDraws, pieces, scoreAll, summarizeAll, answerAll, flattery, company } = metric
  let width: number | null = null
  return {
    name,
    higherIsBetter,
    ...(rightOrWrong === undefined ? {} : { rightOrWrong }),
    ...(bounds ? { bounds } : {}),
    ...(range ? { range } : {}),
    ...(unit ? { unit } : {}),
    score: (row) =>
      kept(
        metric,
        numberOf(metric, placeOf(row), ROW_HINT, () => metric.score(row)),
        row,
      ),
    ...(answer && { answer: (row) => String(attempt(metric, placeOf(row), ROW_HINT, () => answer.call(metric, row))) }),
    ...(summary && {
      summary(row) {
        const numbers = attempt(metric, placeOf(row), ROW_HINT, () => summary.call(metric, row))
        width = metric.ragged ? lengthOf(numbers) : (width ?? lengthOf(numbers))
        if (width !== null && lengthOf(numbers) === width && isNumbers(numbers))
          // It may be a view of the outputs, which go when the row has been scored.
          return ArrayBuffer.isView(numbers) ? Array.from(numbers) : numbers
        const wanted = width === null ? 'a list of numbers' : `a list of ${width} as for the rows before`
        throw broken(
          metric,
          placeOf(row),
          `gave ${kindOf(numbers)} as the summary of ${placeOf(row)}, not ${wanted}`,
          SUMMARY_HINT,
        )
      },
    }),
    ...(aggregate && {
      aggregate: (all) => numberOf(metric, 'aggregate', ALL_HINT, () => aggregate.call(metric, all)),
    }),
    ...(overDraws && {
      overDraws(all) {
        const over = attempt(metric, 'overDraws', ALL_HINT, () => overDraws.call(metric, all))
        return (rows) => numberOf(metric, 'overDraws', ALL_HINT, () => over(rows))
      },
    }),
    ...(company && {
      company: (all) => attempt(metric, 'company', ALL_HINT, () => company.call(metric, all)),
    }),
    ...(flattery && {
      flattery: (first, other) => attempt(metric, 'flattery', ALL_HINT, () => flattery.call(metric, first, other)),
    }),
    ...(stratum && { stratum: (one) => numberOf(metric, 'stratum', ALL_HINT, () => stratum.call(metric, one)) }),
    ...(strataApart ? { strataApart } : {}),
    ...(pieces && { pieces: (one) => attempt(metric, 'pieces', ALL_HINT, () => pieces.call(metric, one)) }),
    ...(parts && { parts: (all) => oneEach(metric, 'parts', all.length, () => parts.call(metric, all)) }),
    ...(scoreAll && {
      scoreAll: (all, first) => oneEach(metric, 'scoreAll', all.length, () => scoreAll.call(metric, all, first)),
    }),
    ...(summarizeAll && {
      summarizeAll: (all, first) =>
        attempt(metric, 'summarizeAll', ALL_HINT, () => summarizeAll.call(metric, all, first)),
    }),
    ...(answerAll && {
      answerAll: (all, first) => attempt(metric, 'answerAll', ALL_HINT, () => answerAll.call(metric, all, first)),
    }),
  }
}

const placeOf = ({ row }: MetricRow) => `row ${row}`

function attempt<T>({ name }: Metric, where: string, hint: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    const place = where.startsWith('row ') ? `on ${where}` : `in its ${where}`
    throw new UserError('bad-argument', `the metric "${name}" failed ${place}: ${message}`, { where, hint, cause })
  }
}

function numberOf(metric: Metric, where: string, hint: string, work: () => unknown): number {
  const value = attempt(metric, where, hint, work)
  if (typeof value === 'number') return value
  throw broken(metric, where, `gave ${kindOf(value)} for ${where}, not one number`)
}

function oneEach(metric: Metric, what: 'parts' | 'scoreAll', rows: number, work: () => readonly number[]) {
  const numbers = attempt(metric, what, ALL_HINT, work)
  if (lengthOf(numbers) === rows && isNumbers(numbers)) return numbers
  throw broken(
    metric,
    what,
    `gave ${kindOf(numbers)} as the ${what === 'parts' ? 'parts' : 'scores'} of ${rows} rows`,
    `${what} gives one number a row, in the order of the summaries`,
  )
}

const broken = ({ name }: Metric, where: string, what: string, hint = 'return one number') =>
  new UserError('bad-argument', `the metric "${name}" ${what}`, {
    where,
    hint,
  })

/** Scores that a verdict counts on: 0 or 1, or within the bounds that the metric names. NaN is no score. */
function kept({ name, rightOrWrong, bounds }: Metric, score: number, row: MetricRow): number {
  if (Number.isNaN(score)) return score
  const [least, most] = bounds ?? [-Infinity, Infinity]
  // Sums of floats may end a little beside a whole number.
  const slack = bounds ? 1e-6 * (most - least) : 0
  const said =
    rightOrWrong && score !== 0 && score !== 1
      ? 'every score is 0 or 1 (rightOrWrong)'
      : score < least - slack || score > most + slack
        ? `scores lie between ${least} and ${most} (bounds)`
        : null
  if (said === null) return score
  throw new UserError('bad-argument', `the metric "${name}" says that ${said}, and gave ${score} for ${placeOf(row)}`, {
    where: placeOf(row),
    hint: 'verdicts rest on what a metric says of itself: make it true, or leave it out',
  })
}

const lengthOf = (value: unknown): number | null =>
  typeof value === 'object' && value !== null && 'length' in value && typeof value.length === 'number'
    ? value.length
    : null

function isNumbers(values: ArrayLike<unknown>): boolean {
  for (let i = 0; i < values.length; i++) if (typeof values[i] !== 'number') return false
  return true
}

function kindOf(value: unknown): string {
  const length = lengthOf(value)
  if (length !== null) return `a list of ${length}`
  return value === null || value === undefined ? String(value) : value instanceof Promise ? 'a promise' : typeof value
}
