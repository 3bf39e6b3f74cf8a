import type { Dataset, Rows } from '../../data/index.ts'
import type { Feeds, PortValue, Session, TensorValue } from '../../engine/index.ts'
import { elementCount, shapeText } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'

/**
 * How many rows every run holds, of a model whose inputs fix their first dimension at more than 1; null of all others,
 * among them one for which each row of the data is a whole run. Runs of fewer rows repeat the last one.
 */
export function fixedRows(inputs: readonly Sized[], data: Pick<Dataset, 'fields'>): number | null {
  const first = inputFixed(inputs, data)?.shape?.[0]
  return typeof first === 'number' ? first : null
}

type Sized = Pick<PortValue, 'name' | 'shape'>

function inputFixed(inputs: readonly Sized[], { fields }: Pick<Dataset, 'fields'>): Sized | undefined {
  return inputs.find(({ name, shape }) => {
    const first = shape?.[0]
    if (typeof first !== 'number' || first < 2) return false
    // A row of the input's own rank is a whole run.
    const field = fields.find((one) => one.name === name)
    return field !== undefined && field.rowShape.length !== shape!.length
  })
}

/** How many rows the outputs of a run of `rows` rows hold. */
export const rowsInRun = (inputs: readonly PortValue[], data: Pick<Dataset, 'fields'>, rows: number): number =>
  fixedRows(inputs, data) ?? rows

/**
 * For work that is not made for runs of a fixed number of rows, such as training.
 *
 * @throws UserError `unsupported` where the model takes exactly so many rows, more than one.
 */
export function requireOpenRows(inputs: readonly PortValue[], data: Pick<Dataset, 'fields'>): void {
  const input = inputFixed(inputs, data)
  if (!input) return
  throw new UserError(
    'unsupported',
    `input "${input.name}" takes exactly ${input.shape![0]} rows at a time (shape ${shapeText(input.shape!)})`,
    {
      where: input.name,
      hint: `export the model with a dynamic first dimension, or with a first dimension of 1; or let each row of the data be a whole run, ${shapeText(input.shape!)}`,
    },
  )
}

/** The columns of the inputs with their last row once more until there are `wanted`; what is there where there are so many. */
export function repeatLast(rows: Rows, inputs: readonly PortValue[], wanted: number): Rows['columns'] {
  if (rows.indices.length >= wanted) return rows.columns
  const padded = inputs.flatMap(({ name }) => {
    const column = rows.columns[name]
    return column ? [[name, withRows(column, wanted)] as const] : []
  })
  return { ...rows.columns, ...Object.fromEntries(padded) }
}

/** The rows of axis 0 up to `wanted`, the last one again where there are fewer. */
function withRows<T extends Pick<TensorValue, 'dims' | 'data'>>(value: T, wanted: number): T {
  const { dims, data } = value
  const dimsThen = [wanted, ...dims.slice(1)]
  const size = elementCount(dims.slice(1))
  if (!ArrayBuffer.isView(data)) {
    const last = data.slice((dims[0]! - 1) * size)
    const repeats = Array.from({ length: Math.max(0, wanted - dims[0]!) }, () => last)
    return { ...value, dims: dimsThen, data: [...data, ...repeats.flat()].slice(0, wanted * size) }
  }
  const all = data as Float32Array
  const filled = new (all.constructor as Float32ArrayConstructor)(wanted * size)
  filled.set(all.subarray(0, Math.min(all.length, filled.length)))
  for (let row = dims[0]!; row < wanted; row++) filled.set(all.subarray(all.length - size), row * size)
  return { ...value, dims: dimsThen, data: filled }
}

/** What is asked of a session that runs single rows. */
export type RowSession = Pick<Session, 'inputs' | 'outputs' | 'run'>

/**
 * A session that takes exactly `rows` rows at a time as one that takes any number up to that: what is missing is filled
 * with the last row, and its answers are left out.
 */
export function upToRows(session: RowSession, rows: number): RowSession {
  const opened = (port: PortValue): PortValue =>
    port.shape?.[0] === rows ? { ...port, shape: [null, ...port.shape.slice(1)] } : port
  const perRow = new Set(session.inputs.filter(({ shape }) => shape?.[0] === rows).map(({ name }) => name))
  return {
    inputs: session.inputs.map(opened),
    outputs: session.outputs.map(opened),
    async run(feeds, fetch) {
      const given = Object.entries(feeds).find(([name]) => perRow.has(name))![1].dims[0]!
      const full = Object.entries(feeds).map(([name, value]) => [
        name,
        perRow.has(name) ? withRows(value, rows) : value,
      ])
      const fetched = await session.run(Object.fromEntries(full) as Feeds, fetch)
      return Object.fromEntries(
        Object.entries(fetched).map(([name, value]) => [name, value.dims[0] === rows ? withRows(value, given) : value]),
      )
    },
  }
}

/** Feeds of the one row that a run of `rows` rows was filled up with; null where its rows are not all the same. */
export function repeatedRow(feeds: Feeds, inputs: readonly PortValue[], rows: number): Feeds | null {
  const perRow = new Set(inputs.filter(({ shape }) => shape?.[0] === rows).map(({ name }) => name))
  const same = ({ dims, data }: TensorValue) => {
    const size = elementCount(dims.slice(1))
    return (data as Float32Array).every((value, i) => Object.is(value, data[i % size]))
  }
  if (!Object.entries(feeds).every(([name, value]) => !perRow.has(name) || same(value))) return null
  return Object.fromEntries(
    Object.entries(feeds).map(([name, value]) => [name, perRow.has(name) ? withRows(value, 1) : value]),
  )
}
