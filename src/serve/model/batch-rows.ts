import { type ByteTensor, stringBounds } from '../../engine/index.ts'
import { elementCount } from '../../ir/index.ts'

/** What decides whether requests can share a run: everything of their inputs but the number of rows. */
export const shapeKey = (inputs: readonly ByteTensor[]): string =>
  inputs.map(({ dims }) => dims.slice(1).join('x')).join(';')

/** Rows of a request: the first dimension, where all inputs agree on it; null where they do not. */
export function rowsOf(inputs: readonly ByteTensor[]): number | null {
  const rows = inputs[0]?.dims[0]
  return rows !== undefined && inputs.every(({ dims }) => dims[0] === rows) ? rows : null
}

/** The same as they are counted: a request without rows of its own is one. */
export const countedRows = (inputs: readonly ByteTensor[]): number => rowsOf(inputs) ?? 1

/** The inputs of several requests as one, row after row: their bytes follow one another, nothing is copied. */
export function joinRows(requests: readonly (readonly ByteTensor[])[]): readonly ByteTensor[] {
  const [first] = requests as [readonly ByteTensor[]]
  if (requests.length === 1) return first
  return first.map((tensor, i) => ({
    ...tensor,
    dims: [requests.reduce((sum, inputs) => sum + inputs[i]!.dims[0]!, 0), ...tensor.dims.slice(1)],
    pieces: requests.flatMap((inputs) => inputs[i]!.pieces),
  }))
}

/**
 * The outputs of each request from those of their common run: views, in the order of the requests. null where an output
 * has no row for every row of the inputs.
 */
export function splitOutputs(
  outputs: readonly ByteTensor[],
  rows: readonly number[],
): readonly (readonly ByteTensor[])[] | null {
  if (rows.length === 1) return [outputs]
  const total = rows.reduce((sum, count) => sum + count, 0)
  if (outputs.some(({ dims }) => dims[0] !== total)) return null
  const cuts = outputs.map((tensor) => cutter(tensor, total))
  let from = 0
  return rows.map((count) => {
    const to = from + count
    const own = outputs.map((tensor, i) => ({
      ...tensor,
      dims: [count, ...tensor.dims.slice(1)],
      pieces: [cuts[i]!(from, to)],
    }))
    from = to
    return own
  })
}

/** Gives the bytes of rows [from, to). */
function cutter({ name, dtype, dims, pieces }: ByteTensor, total: number): (from: number, to: number) => Uint8Array {
  const bytes = pieces[0] ?? new Uint8Array(0)
  if (dtype !== 'string') {
    const size = bytes.byteLength / total
    return (from, to) => bytes.subarray(from * size, to * size)
  }
  const bounds = stringBounds(bytes, name)
  const per = elementCount(dims.slice(1))
  const start = (row: number) => (row * per < bounds.length ? bounds[row * per]![0] - 4 : bytes.byteLength)
  return (from, to) => bytes.subarray(start(from), start(to))
}
