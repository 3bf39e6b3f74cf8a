import type { Feeds, Fetched, PortValue, TensorValue } from '../engine/index.ts'
import { arrayTypeOf, elementCount, isFloating, type NumericArray } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { type RowSession, repeatedRow, upToRows } from './feeds/fixed-rows.ts'
import { isRowAxis } from './feeds/random-feeds.ts'
import { floatsOf, largestOf } from './outputs/floats.ts'
import { outputsByRow } from './outputs/row-outputs.ts'

/** The field of that name in a quantization report. */
export interface BatchInvariance {
  readonly all: boolean
  readonly outputs: Readonly<Record<string, boolean>>
  readonly reason?: string
  /** Rows that shared runs; absent where none did. */
  readonly rows?: number
}

/**
 * Differences up to this share of the output's largest value count as none. Float kernels sum in another order for
 * another batch: 6e-8 a term, which depth carries further (1.1e-5 measured on a float32 text classifier of 95 nodes).
 * One activation scale shared by a batch moves answers by steps of 1/255 of their range, forty times this limit.
 */
const REASSOCIATION = 1e-4

/** Rows that share a run: four, or two where they are large, since memory grows with them; no more than there are. */
const batchOf = (rows: readonly Feeds[]) => Math.min(rows.length, bytesOf(rows[0] as Feeds) > LARGE ? 2 : 4)
const LARGE = 2 ** 20
const bytesOf = (row: Feeds) =>
  Object.values(row).reduce((sum, { data }) => sum + (ArrayBuffer.isView(data) ? data.byteLength : 0), 0)
/** Neighbours are scaled by these to act as the outliers that a shared scale or a shared sum would follow. */
const OUTLIERS = [8, -8] as const

/**
 * Whether a row's answer is the same whatever rows share its batch. Each row of `given` (feeds of one row each, at least
 * two) runs alone, then in a batch of four (of two where rows are large, of all where there are fewer), then among the
 * same neighbours with every second one scaled by eight, up and down. An output is invariant if no row's answer moves
 * by more than `REASSOCIATION` of that output's largest magnitude; integers, booleans and strings must be equal. Scaled
 * rows that the model does not accept, such as class numbers beyond its table, are left out. Where no two rows have one
 * shape, as texts of many lengths, the first stands beside itself with its numbers in reverse order: all of them fit.
 *
 * A model whose first dimension is fixed at 1 takes one row a run and is invariant by construction; of one that takes
 * exactly two or more, a row alone is a run of nothing else. An output without a row
 * axis that is the same in every run (anchors, say) holds no row's answer: it counts as invariant, with the reason. One
 * that follows the rows mixes them by design: it counts as not invariant, with the reason.
 *
 * @throws UserError `bad-data` for fewer than two rows of a model that takes several.
 */
export async function measureBatchInvariance(asked: RowSession, asGiven: readonly Feeds[]): Promise<BatchInvariance> {
  const { session, given, most } = openedUp(asked, asGiven)
  const names = session.outputs.map((output) => output.name)
  const axes = new Map(session.inputs.map((input) => [input.name, rowAxis(input)]))
  const invariant = (reason: string) => ({
    all: true,
    outputs: Object.fromEntries(names.map((name) => [name, true])),
    reason,
  })
  if ([...axes.values()].every((axis) => axis < 0))
    return invariant('the model takes one row a run: its first dimension is fixed')
  if (given.length < 2)
    throw new UserError('bad-data', 'Batch invariance needs at least two rows.', { hint: 'Give more rows.' })
  // Inputs that are not per row must be the same for all, or they would be the difference.
  const shared = Object.fromEntries(Object.entries(given[0] as Feeds).filter(([name]) => (axes.get(name) ?? -1) < 0))
  // Only rows of one shape can share a batch: texts differ in length.
  const [first] = given as readonly [Feeds, ...Feeds[]]
  const alike = given.filter((row) => sameShapes(row, first))
  const rows = (alike.length > 1 ? alike : [first, backwards(first)]).map((row) => ({ ...row, ...shared }))
  const alone: Fetched[] = []
  for (const row of rows) alone.push(await session.run(row))
  const notes = new Map<string, string>()
  const constant = new Map<string, string>()
  let compared = 0
  const size = Math.min(batchOf(rows), most)
  for (const members of batches(rows.length, size)) {
    const batch = stack(
      members.map(({ row, scale }) => ({ feeds: rows[row] as Feeds, scale })),
      axes,
    )
    let together: Fetched
    try {
      together = await session.run(batch)
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'bad-data') throw error
      if (members.some(({ scale }) => scale !== 1)) continue
      if (compared > 0) throw error
      return invariant(ONE_ROW_ONLY)
    }
    compared++
    for (const name of names)
      for (const [place, { row, scale }] of members.entries()) {
        if (notes.has(name) || scale !== 1) continue
        const [own, all] = [alone[row]?.[name] as TensorValue, together[name] as TensorValue]
        const same = isSame(own, all)
        if (same) constant.set(name, `has no row axis: the same [${all.dims.join(',')}] in every run`)
        const note = same ? null : difference(own, all, place, size)
        if (note !== null) notes.set(name, note)
      }
    if (notes.size === names.length) break
  }
  const outputs = Object.fromEntries(names.map((name) => [name, !notes.has(name)]))
  const reason = [...new Map([...constant, ...notes])].map(([name, note]) => `${name}: ${note}`).join('; ')
  return { all: notes.size === 0, outputs, ...(reason === '' ? {} : { reason }), rows: rows.length }
}

/**
 * Why these rows must not share a run although no neighbour was seen to change an answer; null where each answer has its
 * place on axis 0. Where no two rows could be run together, nothing was seen.
 */
export async function sharedRunObstacle(asked: RowSession, asGiven: readonly Feeds[]): Promise<string | null> {
  const { session, given, most } = openedUp(asked, asGiven)
  const axes = new Map(session.inputs.map((input) => [input.name, rowAxis(input)]))
  const rows = given.filter((row) => sameShapes(row, given[0] as Feeds)).slice(0, most)
  if (rows.length < 2) return 'no two of the rows that were tried have the same shape'
  const together = stack(
    rows.map((feeds) => ({ feeds, scale: 1 })),
    axes,
  )
  try {
    outputsByRow(await session.run(together), rows.length)
    return null
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    if (error.code === 'unsupported') return error.message
    if (error.code === 'bad-data') return ONE_ROW_ONLY
    throw error
  }
}

/** The session and its rows; one that takes exactly several at a time, of runs filled up with one row each, row by row. */
function openedUp(session: RowSession, given: readonly Feeds[]) {
  const rows = session.inputs.map(({ shape }) => shape?.[0]).find((first) => typeof first === 'number' && first > 1)
  const single = typeof rows === 'number' ? given.map((feeds) => repeatedRow(feeds, session.inputs, rows)) : [null]
  if (single.includes(null)) return { session, given, most: Number.POSITIVE_INFINITY }
  return { session: upToRows(session, rows as number), given: single as readonly Feeds[], most: rows as number }
}

/** Another row of the same shape, of the same values. */
const backwards = (row: Feeds): Feeds =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      { ...value, data: (value.data as Float32Array).slice().reverse() } as TensorValue,
    ]),
  )

const ONE_ROW_ONLY = 'the model accepts one row a run only'

const sameShapes = (a: Feeds, b: Feeds) =>
  Object.entries(a).every(([name, { dims }]) => `${dims}` === `${b[name]?.dims}`)

/** The axis along which an input holds rows, or −1 where it has none. */
function rowAxis(input: PortValue): number {
  if (!input.shape) return 0
  return input.shape.findIndex((_, axis) => isRowAxis(input, axis))
}

interface Member {
  readonly row: number
  readonly scale: number
}

/**
 * Batches in which every row stands unscaled among other rows, and among outliers: of a batch with outliers every second
 * member is one, and their neighbours are looked at.
 */
function* batches(rows: number, size: number): Generator<readonly Member[]> {
  const from = (start: number, scaleAt: (place: number) => number) =>
    Array.from({ length: size }, (_, place) => ({ row: (start + place) % rows, scale: scaleAt(place) }))
  for (let start = 0; start < rows; start += size) {
    yield from(start, () => 1)
    for (const [odd, outlier] of OUTLIERS.entries()) yield from(start, (place) => (place % 2 === odd ? outlier : 1))
  }
}

/** One feed of several rows; inputs without a row axis are taken from the first member. */
function stack(
  members: readonly { readonly feeds: Feeds; readonly scale: number }[],
  axes: ReadonlyMap<string, number>,
): Feeds {
  const first = (members[0] as { feeds: Feeds }).feeds
  return Object.fromEntries(
    Object.entries(first).map(([name, value]) => {
      const axis = axes.get(name) ?? -1
      if (axis < 0) return [name, value]
      return [
        name,
        concat(
          members.map(({ feeds, scale }) => scaled(feeds[name] as TensorValue, scale)),
          axis,
        ),
      ]
    }),
  )
}

function scaled(value: TensorValue, scale: number): TensorValue {
  if (scale === 1 || !(value.data instanceof Float32Array || value.data instanceof Float64Array)) return value
  return { ...value, data: (value.data as Float32Array).map((x) => x * scale) }
}

/** Values of equal shape joined along an axis. */
function concat(values: readonly TensorValue[], axis: number): TensorValue {
  const [first] = values as [TensorValue]
  const dims = first.dims.map((dim, i) => (i === axis ? dim * values.length : dim))
  const inner = elementCount(first.dims.slice(axis))
  const outer = elementCount(first.dims.slice(0, axis))
  const total = elementCount(dims)
  const data =
    first.dtype === 'string'
      ? new Array<string>(total).fill('')
      : (new (arrayTypeOf(first.dtype))(total) as NumericArray | string[])
  let at = 0
  for (let block = 0; block < outer; block++)
    for (const value of values) for (let i = 0; i < inner; i++) data[at++] = value.data[block * inner + i] as never
  return { dtype: first.dtype, dims, data }
}

/** Whether a run of one row and one of several gave the very same; no elements tell nothing. */
const isSame = (alone: TensorValue, together: TensorValue) =>
  alone.data.length > 0 &&
  `${alone.dims}` === `${together.dims}` &&
  alone.data.every((x: unknown, i: number) => x === together.data[i] || Object.is(x, together.data[i]))

/** How the row at `place` of a batch differs from the row alone, or null. */
function difference(alone: TensorValue, together: TensorValue, place: number, size: number): string | null {
  const axis = together.dims.findIndex((dim, i) => dim === (alone.dims[i] ?? 0) * size && dim > 0)
  const rest = together.dims.every((dim, i) => i === axis || dim === alone.dims[i])
  if (axis < 0 || !rest || together.dims.length !== alone.dims.length)
    return `has no row axis ([${alone.dims.join(',')}] alone, [${together.dims.join(',')}] for ${size} rows), so a row has no answer of its own`
  const inner = elementCount(alone.dims.slice(axis))
  const numeric = isFloating(alone.dtype)
  const [left, right] = numeric ? [floatsOf(alone), floatsOf(together)] : [alone.data, together.data]
  let worst = 0
  for (let block = 0; block < left.length; block += inner) {
    // Where the same elements of the row stand among those of the others.
    const ahead = block * (size - 1) + place * inner
    for (let i = block; i < block + inner; i++) {
      const x = left[i]
      const y = right[i + ahead]
      if (x === y || Object.is(x, y)) continue
      if (!numeric) return `${x} alone became ${y} among neighbours`
      const change = Math.abs((x as number) - (y as number))
      if (!(change <= worst)) worst = change
    }
  }
  if (worst === 0) return null
  const peak = largestOf(left as Float32Array)
  if (worst <= REASSOCIATION * peak) return null
  if (peak === 0) return `a row’s answer, zero alone, became ${worst.toPrecision(2)} among neighbours`
  return `a row’s answer moved by ${((100 * worst) / peak).toPrecision(2)} % of the output’s largest value when its neighbours changed`
}
