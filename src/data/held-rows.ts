import { arrayTypeOf, type DType, elementCount, type NumericArray } from '../ir/index.ts'
import type { Column, Dataset, Rows } from './dataset.ts'
import { DEFAULT_BATCH } from './table-dataset.ts'

/** What may be held, in bytes. */
const BUDGET = 1 << 28

interface Held {
  readonly dtype: DType
  readonly rowShape: readonly number[]
  readonly size: number
  readonly data: NumericArray
}

/**
 * The data set with these fields of these rows read once and held in memory, for loops that come back to them in
 * another order each time: a file is then not asked row by row, and a picture is decoded once. Whatever else is asked
 * for comes from the set itself, and so does everything where the rows would take more than `budget` bytes (256 MiB),
 * differ in their sizes or are text.
 */
export async function heldRows(
  dataset: Dataset,
  rows: readonly number[],
  fields: readonly string[],
  budget = BUDGET,
): Promise<Dataset> {
  const own = dataset.fields.filter(({ name }) => fields.includes(name))
  const fixed = own.every(({ dtype, rowShape }) => dtype !== 'string' && !rowShape.includes(null))
  const ascending = [...new Set(rows)].sort((a, b) => a - b)
  const held = new Map<string, Held>()
  let bytes = 0
  for (const { name, dtype, rowShape } of fixed ? own : []) {
    const size = elementCount(rowShape as readonly number[])
    bytes += ascending.length * size * arrayTypeOf(dtype).BYTES_PER_ELEMENT
    if (bytes > budget) return dataset
    const data = new (arrayTypeOf(dtype))(ascending.length * size)
    held.set(name, { dtype, rowShape: rowShape as readonly number[], size, data })
  }
  if (held.size === 0) return dataset
  const places = new Map<number, number>()
  for await (const part of dataset.read({ indices: ascending, batch: 256, fields: [...held.keys()] })) {
    for (const [name, { size, data }] of held) {
      const values = part.columns[name]!.data as Float32Array
      if (values.length !== size * part.indices.length) return dataset
      ;(data as Float32Array).set(values, places.size * size)
    }
    for (const index of part.indices) places.set(index, places.size)
  }
  const wanted = new Set(ascending)
  return {
    ...dataset,
    // These tell what reading has found so far.
    get notes() {
      return dataset.notes
    },
    get skipped() {
      return dataset.skipped
    },
    read(options = {}) {
      const { indices, batch = DEFAULT_BATCH, fields: asked } = options
      if (!indices?.every((index) => wanted.has(index)) || !asked?.every((name) => held.has(name)))
        return dataset.read(options)
      return fromMemory(held, places, indices, batch, asked)
    },
  }
}

async function* fromMemory(
  held: ReadonlyMap<string, Held>,
  places: ReadonlyMap<number, number>,
  indices: readonly number[],
  batch: number,
  fields: readonly string[],
): AsyncGenerator<Rows> {
  // A row that could not be read is left out here as it is there.
  const there = indices.filter((index) => places.has(index))
  for (let from = 0; from < there.length; from += batch) {
    const part = there.slice(from, from + batch)
    const columns: Record<string, Column> = {}
    for (const name of fields) {
      const { dtype, rowShape, size, data } = held.get(name)!
      const values = new (arrayTypeOf(dtype))(part.length * size) as Float32Array
      for (const [i, index] of part.entries()) {
        const at = places.get(index)! * size
        values.set((data as Float32Array).subarray(at, at + size), i * size)
      }
      columns[name] = { dtype, dims: [part.length, ...rowShape], data: values }
    }
    yield { indices: part, columns }
  }
}
