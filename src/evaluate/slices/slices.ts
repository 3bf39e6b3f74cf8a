import type { Column } from '../../data/index.ts'
import { nearestRank } from '../../statistics/index.ts'

/** Values beyond this many distinct numbers are cut into quarters; beyond this many distinct texts, joined. */
const MOST_VALUES = 20

/** Rows (places among the judged ones) by slice name, as `field=value`. */
export interface Slice {
  readonly field: string
  readonly name: string
  readonly rows: readonly number[]
}

/**
 * The value of a slice field for every row of a column; arrays of a row are joined. Integers are numbers, but for a column
 * with one beyond 2^53: those are names, which as numbers would become equal.
 */
export function sliceValues(column: Column, rows: number): readonly (string | number)[] {
  const size = rows === 0 ? 0 : column.data.length / rows
  const { data } = column
  const long = data instanceof BigInt64Array || data instanceof BigUint64Array
  const names = long && [...data].some((value) => !Number.isSafeInteger(Number(value)))
  return Array.from({ length: rows }, (_, row) => {
    if (size === 1) {
      const value = column.data[row]!
      return typeof value !== 'bigint' ? value : names ? String(value) : Number(value)
    }
    return Array.from(column.data.slice(row * size, (row + 1) * size), String).join(' ')
  })
}

/** As whole words, or with a capital: `customer_id`, `customerId`, `uuid`. */
const NAMES_ROWS = /(^|[^a-z])(id|uuid|guid)$|[a-z]I[dD]$/

/**
 * Whether a field does nothing but name its rows, so that its groups would mean nothing: another text in every row, or another
 * whole number under such a name. Other numbers may differ in every row and still tell groups (a time, an income).
 */
export function namesRows(field: string, values: readonly (string | number)[]): boolean {
  if (values.length <= MOST_VALUES || new Set(values).size < values.length) return false
  if (values.every((value) => typeof value === 'string')) return true
  return values.every(Number.isInteger) && (NAMES_ROWS.test(field) || NAMES_ROWS.test(field.toLowerCase()))
}

/**
 * The slices of a field: one a value; a numeric field with more than 20 distinct values is cut at its quartiles (equal
 * values stay together); of more than 20 distinct texts, the 20 most frequent have a slice and the rest share one.
 * Numbers that are not finite make a slice of their own.
 */
export function slicesOf(field: string, values: readonly (string | number)[]): readonly Slice[] {
  const distinct = new Set(values)
  const numeric = values.every((value) => typeof value === 'number')
  if (distinct.size <= MOST_VALUES || !numeric) return byValue(field, values)
  const finite = values.filter(Number.isFinite).sort((a, b) => a - b)
  const cuts = [...new Set([0.25, 0.5, 0.75].map((p) => nearestRank(finite, p)))]
  const bins = cuts.map((cut, i) =>
    i === 0 ? `${field}≤${short(cut)}` : `${short(cuts[i - 1]!)}<${field}≤${short(cut)}`,
  )
  bins.push(`${field}>${short(cuts.at(-1)!)}`)
  const names = values.map((value) => {
    if (!Number.isFinite(value)) return `${field}=${value}`
    const place = cuts.findIndex((cut) => value <= cut)
    return bins[place < 0 ? cuts.length : place]!
  })
  const order = [...bins, ...names]
  return [...group(field, names)].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
}

function byValue(field: string, values: readonly (string | number)[]): readonly Slice[] {
  const slices = group(
    field,
    values.map((value) => `${field}=${value}`),
  )
  if (slices.length <= MOST_VALUES) return slices
  const bySize = [...slices].sort((a, b) => b.rows.length - a.rows.length)
  const rest = bySize.slice(MOST_VALUES).flatMap(({ rows }) => rows)
  return [
    ...bySize.slice(0, MOST_VALUES),
    { field, name: `${field}: ${slices.length - MOST_VALUES} other values`, rows: rest.sort((a, b) => a - b) },
  ]
}

function group(field: string, names: readonly string[]): readonly Slice[] {
  const groups = new Map<string, number[]>()
  for (const [row, name] of names.entries()) {
    const rows = groups.get(name)
    if (rows) rows.push(row)
    else groups.set(name, [row])
  }
  return [...groups]
    .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .map(([name, rows]) => ({ field, name, rows }))
}

/**
 * Which of these fields a slice is of, by its name as `slicesOf` gives it, or a field by its own: of several that it may be
 * (names may hold any of these signs) the longest. Where it is none of them, what stands before the sign.
 */
export function fieldOfSlice(name: string, fields: readonly string[]): string {
  const fitting = fields.filter(
    (field) =>
      name === field ||
      ['=', '≤', '>', ': '].some((sign) => name.startsWith(`${field}${sign}`)) ||
      (name.includes(`<${field}≤`) && Number.isFinite(Number(name.slice(0, name.indexOf(`<${field}≤`))))),
  )
  if (fitting.length > 0) return fitting.reduce((longest, field) => (field.length > longest.length ? field : longest))
  return /^(?:[^=≤<>]+<)?([^=≤<>]+)/.exec(name)?.[1]?.trim() ?? name
}

const short = (value: number) => String(Number(value.toPrecision(4)))
