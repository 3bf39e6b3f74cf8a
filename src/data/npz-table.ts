import { type DType, elementCount } from '../ir/index.ts'
import { openRangeReader, readChunks, UserError } from '../platform/index.ts'
import { LABEL_NAMES } from './assign-roles.ts'
import { npyElements } from './npy-format.ts'
import { type NpzArray, openNpzArray, readWholeArray, rowBytesOf, rowReader } from './npz-member.ts'
import type { Cell, LooseArray, Row, Table } from './table.ts'
import { readZipMembers } from './zip-archive.ts'

/** Rows are handed on in pieces of about so many bytes. */
const PIECE_BYTES = 1 << 20
const PIECE_ROWS = 1024

/**
 * Opens a numpy `.npz` archive as a table. Which axis-0 length is the number of rows depends on what the arrays are
 * for, so the caller chooses it: `rowsOf` gets every array's name and dims.
 *
 * Stored members are read by ranges; deflated ones are inflated while they are read, once a pass. Neither is ever
 * held whole, so a file larger than memory works.
 */
export async function openNpz(
  path: string,
  rowsOf: (arrays: readonly { name: string; dims: readonly number[] }[]) => number,
): Promise<Table> {
  const notes: string[] = []
  const arrays: NpzArray[] = []
  const file = await openRangeReader(path)
  try {
    for (const member of await readZipMembers(file, path)) {
      if (member.name.endsWith('/')) continue
      if (!member.name.endsWith('.npy')) notes.push(`"${member.name}" in "${path}" is no array and is ignored.`)
      else arrays.push(await openNpzArray(path, member))
    }
  } finally {
    await file.close()
  }
  const usable = arrays.filter((array) => {
    if (array.header.type) return true
    // Without its labels the data would be judged by another rule, and a warning is easily overlooked.
    if (LABEL_NAMES.slice(0, 2).includes(array.name))
      throw new UserError('bad-data', `The labels have the numpy type ${array.header.descr}, which cannot be read.`, {
        where: `array "${array.name}" of "${path}"`,
        hint: 'Write them as numbers or texts: labels.astype("int64") or labels.astype("U"); object arrays (pickles) are never loaded.',
      })
    notes.push(`Array "${array.name}" has the numpy type ${array.header.descr}, which cannot be read, and is ignored.`)
    return false
  })
  if (usable.length === 0)
    throw new UserError('bad-data', `"${path}" holds no array that can be read.`, {
      where: path,
      hint: 'Write it with numpy.savez(path, name=array, …); object arrays (pickles) are never loaded.',
    })
  const rows = rowsOf(usable.map(({ name, header }) => ({ name, dims: header.dims })))
  const isColumn = ({ header }: NpzArray) => header.dims.length > 0 && header.dims[0] === rows
  const columns = usable.filter(isColumn)
  return {
    path,
    rows,
    columns: columns.map(({ name, header }) => ({ name, dtype: header.type!.dtype, rowShape: header.dims.slice(1) })),
    loose: usable.filter((array) => !isColumn(array)).map(looseArray),
    randomAccess: columns.every(({ member, header }) => member.method === 'stored' && !header.fortranOrder),
    notes,
    unreadable: arrays
      .filter(({ header }) => !header.type)
      .map(({ name, header }) => ({ name, type: `the numpy type ${header.descr}` })),
    scan: (indices, names) =>
      scanRows(
        path,
        columns.filter(({ name }) => names.includes(name)),
        indices,
        rows,
      ),
    fingerprint: () => readChunks(path),
  }
}

function looseArray(array: NpzArray): LooseArray {
  const dtype = array.header.type!.dtype as DType
  const { dims } = array.header
  const read = async () => ({ dtype, dims, data: npyElements(await readWholeArray(array), array.header.type!) })
  return { name: array.name, dtype, dims, read }
}

async function* scanRows(
  path: string,
  columns: readonly NpzArray[],
  indices: readonly number[] | null,
  rows: number,
): AsyncGenerator<readonly Row[]> {
  const count = indices?.length ?? rows
  const all = count === rows
  const rowBytes = columns.reduce((sum, { header }) => sum + rowBytesOf(header), 0)
  const step = Math.max(1, Math.min(PIECE_ROWS, Math.floor(PIECE_BYTES / Math.max(1, rowBytes))))
  const file = await openRangeReader(path)
  const readers = columns.map((column) => rowReader(column, file, all))
  try {
    for (let from = 0; from < count; from += step) {
      const length = Math.min(step, count - from)
      const places = Array.from({ length }, (_, i) => indices?.[from + i] ?? from + i)
      const blocks: [string, (i: number) => Cell][] = []
      for (const [i, column] of columns.entries())
        blocks.push([column.name, cellsOf(column, await readers[i]!.read(places))])
      yield places.map((index, i) => ({
        index,
        cells: Object.fromEntries(blocks.map(([name, cell]) => [name, cell(i)])),
      }))
    }
    if (all) for (const reader of readers) await reader.finish()
  } finally {
    for (const reader of readers) await reader.close()
    await file.close()
  }
}

function cellsOf({ header }: NpzArray, bytes: Uint8Array): (i: number) => Cell {
  const values = npyElements(bytes, header.type!)
  const dims = header.dims.slice(1)
  const complex = header.type!.dtype.startsWith('complex') ? 2 : 1
  const size = elementCount(dims) * complex
  return typeof values === 'object' && ArrayBuffer.isView(values)
    ? (i) => ({ dims, data: values.subarray(i * size, (i + 1) * size) })
    : (i) => ({ dims, data: values.slice(i * size, (i + 1) * size) })
}
