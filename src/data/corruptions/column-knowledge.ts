import { isFloating } from '../../ir/index.ts'
import type { Column, Dataset } from '../dataset.ts'
import { numbersIn } from './pixel-space.ts'

/** What some rows tell about one number of a row (or about its text). */
export interface PlaceKnowledge {
  readonly mean: number
  readonly deviation: number
  readonly low: number
  readonly high: number
  readonly hasMissing: boolean
  /** The values that occur, where they are few: a category rather than a quantity. */
  readonly categories: readonly (number | string)[] | null
}

/** More different values than this are a quantity. */
const MOST_CATEGORIES = 12

/**
 * Looks at the rows at `indices` and tells, for every place of every named field, its mean, spread, range and categories.
 * Whole numbers and texts of few different values are categories; so are floating numbers that are all whole.
 */
export async function knowColumns(
  data: Dataset,
  names: readonly string[],
  indices: readonly number[],
): Promise<Readonly<Record<string, readonly PlaceKnowledge[]>>> {
  const places = new Map<string, Gathered[]>()
  for await (const rows of data.read({ indices, batch: 32, fields: names }))
    for (const name of names) gather(rows.columns[name]!, rows.indices.length, placesOf(places, name))
  return Object.fromEntries(
    names.map((name) => [name, (places.get(name) ?? []).map((gathered) => known(gathered, typeOf(data, name)))]),
  )
}

interface Gathered {
  count: number
  sum: number
  squares: number
  low: number
  high: number
  missing: boolean
  readonly values: Set<number | string>
}

const placesOf = (places: Map<string, Gathered[]>, name: string): Gathered[] => {
  const found = places.get(name) ?? []
  places.set(name, found)
  return found
}

const typeOf = (data: Dataset, name: string) => data.fields.find((field) => field.name === name)!.dtype

function gather(column: Column, rows: number, places: Gathered[]): void {
  const size = column.data.length / rows
  const values = ArrayBuffer.isView(column.data) ? numbersIn(column.data as never, column.dtype) : column.data
  for (let i = 0; i < values.length; i++) {
    const place = (places[i % size] ??= {
      count: 0,
      sum: 0,
      squares: 0,
      low: Infinity,
      high: -Infinity,
      missing: false,
      values: new Set(),
    })
    const value = values[i]!
    if (typeof value === 'number' && Number.isNaN(value)) {
      place.missing = true
      continue
    }
    if (place.values.size <= MOST_CATEGORIES) place.values.add(value)
    if (typeof value === 'string') continue
    place.count++
    place.sum += value
    place.squares += value * value
    place.low = Math.min(place.low, value)
    place.high = Math.max(place.high, value)
  }
}

function known({ count, sum, squares, low, high, missing, values }: Gathered, dtype: Column['dtype']): PlaceKnowledge {
  const mean = count > 0 ? sum / count : 0
  const few = values.size > 1 && values.size <= MOST_CATEGORIES
  const whole = [...values].every((value) => typeof value === 'string' || Number.isInteger(value))
  return {
    mean,
    deviation: count > 0 ? Math.sqrt(Math.max(0, squares / count - mean * mean)) : 0,
    low: Number.isFinite(low) ? low : 0,
    high: Number.isFinite(high) ? high : 0,
    hasMissing: missing,
    categories: few && (whole || !isFloating(dtype)) ? [...values].sort() : null,
  }
}
