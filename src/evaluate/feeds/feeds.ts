import { type Column, canCast, castElements, type Dataset, looksLikeState, type Rows } from '../../data/index.ts'
import { comingFrom, type Feeds, type PortValue, type Session, type TensorValue } from '../../engine/index.ts'
import { arrayTypeOf, type Dim, elementCount, type NumericArray, type Shape, shapeText } from '../../ir/index.ts'
import { didYouMean, UserError } from '../../platform/index.ts'
import { cacheAxis, ROWS } from './decoder-feeds.ts'
import { fixedRows, repeatLast, rowsInRun } from './fixed-rows.ts'

/**
 * The feeds of one batch: for every input of the model, in this order, the column of its name (axis 0 is the row), the
 * data set's constant of its name, or zeros where it is a state (`looksLikeState`) whose size is known.
 *
 * Numbers are cast as `openDataset` casts them for a model that it is told of (see `canCast` and `castNotes`). A row
 * that carries an extra axis of 1, or a single row whose own shape is what the input wants, is reshaped. Where every run
 * holds a fixed number of rows (see `fixedRows`), the last one is there as often as others are missing.
 *
 * @throws UserError `bad-data` for a missing input (with the nearest names), a wrong dtype or a wrong shape.
 */
export function feedsOf(rows: Rows, inputs: readonly PortValue[], data: Dataset): Feeds {
  const feeds: Record<string, TensorValue> = {}
  const symbols = new Map<string, number>()
  const states: PortValue[] = []
  const constants: PortValue[] = []
  const count = rowsInRun(inputs, data, rows.indices.length)
  const columns = repeatLast(rows, inputs, count)
  for (const input of inputs) {
    const column = columns[input.name]
    if (column) feeds[input.name] = fromColumn(column, input, rows, data, symbols)
    else if (data.constants[input.name]) constants.push(input)
    else if (looksLikeState(input.name)) states.push(input)
    else throw missing(input, inputs, data)
  }
  // The symbols that stand for the rows of this run, wherever a model has them.
  const rowSymbols = new Set(inputs.flatMap(({ name, shape }) => (rows.columns[name] ? (shape?.[0] ?? []) : [])))
  for (const input of constants) {
    const constant = repeated(data.constants[input.name]!, input, rowSymbols, count)
    feeds[input.name] = fromConstant(constant, input, data, symbols)
  }
  for (const state of states) feeds[state.name] = startingState(state, count, symbols, data)
  return comingFrom(
    { where: placeOf(rows, data), hint: rows.indices.length > 1 ? `${TOGETHER} ${REFUSED}` : REFUSED },
    feeds,
  )
}

/** The feeds of these rows, one by one. */
export async function* feedsFrom(
  session: Pick<Session, 'inputs'>,
  data: Dataset,
  indices: readonly number[],
): AsyncGenerator<Feeds, void> {
  for await (const row of data.read({ indices, batch: 1 })) yield feedsOf(row, session.inputs, data)
}

/** All of them in memory: for a few rows. */
export async function allFeeds(...asked: Parameters<typeof feedsFrom>): Promise<readonly Feeds[]> {
  const rows: Feeds[] = []
  for await (const row of feedsFrom(...asked)) rows.push(row)
  return rows
}

const TOGETHER =
  'The graph may be written for one row, whatever its first axis is called: run them one by one (a batch of 1).'

const REFUSED =
  'Check the values there: a number beyond its table (of tokens or classes), a length beyond its sequence, shapes that do not belong together. Correct these rows, or leave them out.'

/** The file and the rows in it. */
function placeOf({ indices, places = indices }: Rows, { path }: Dataset): string {
  const [first, last] = [Math.min(...places), Math.max(...places)]
  return first === last ? `${path}, row ${first}` : `${path}, ${places.length} rows from ${first} to ${last}`
}

/**
 * How many rows a run may hold: `wanted`, or one where an input fixes its first dimension at 1, or no more than there is
 * room for where it is fixed at several.
 */
export function rowsPerRun(inputs: readonly PortValue[], data: Dataset, wanted: number): number {
  for (const input of inputs) {
    const field = data.fields.find((candidate) => candidate.name === input.name)
    if (!field || !input.shape) continue
    const first = input.shape[0]
    // A rank equal to the row's own means that the model has no row axis at all.
    if (input.shape.length === 0 || input.shape.length === field.rowShape.length) return 1
    if (first === 1) return 1
  }
  return Math.max(1, Math.min(Math.floor(wanted), fixedRows(inputs, data) ?? Number.POSITIVE_INFINITY))
}

function fromColumn(
  column: Column,
  input: PortValue,
  rows: Rows,
  data: Dataset,
  symbols: Map<string, number>,
): TensorValue {
  const dims = column.dims
  const single = rows.indices.length === 1
  const options = [
    dims,
    ...(dims[1] === 1 ? [[dims[0]!, ...dims.slice(2)]] : []),
    ...(single ? [dims.slice(1), [1, ...dims]] : []),
  ]
  const fitting = options.find((option) => fits(option, input.shape, symbols))
  if (!fitting)
    throw new UserError(
      'bad-data',
      `field "${input.name}" has rows of shape ${show(dims.slice(1))}, and the model's input wants ${show(input.shape)}`,
      {
        where: placeOf(rows, data),
        hint: 'axis 0 of an input is the row; resize or reshape the data, or name the preprocessing in dataset.json',
      },
    )
  bind(fitting, input.shape, symbols)
  return { dtype: input.dtype, dims: fitting, data: elements(column, input, placeOf(rows, data)) }
}

/** A constant that is written for one row, once for every row of the run along the axes that are named like the rows. */
function repeated(constant: Column, { shape }: PortValue, rowSymbols: ReadonlySet<Dim>, rows: number): Column {
  const { dtype, data } = constant
  const written = shape && elementCount(constant.dims) === 1 ? shape.map(() => 1) : constant.dims
  if (written.length !== shape?.length) return constant
  const dims = written.map((size, axis) => (size === 1 && rowSymbols.has(shape[axis]!) ? rows : size))
  if (dims.every((size, axis) => size === written[axis])) return constant
  const sourceOf = (i: number): number => {
    let [left, place, stride] = [i, 0, 1]
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      if (written[axis] !== 1) place += (left % dims[axis]!) * stride
      left = Math.floor(left / dims[axis]!)
      stride *= written[axis]!
    }
    return place
  }
  if (!ArrayBuffer.isView(data))
    return { dtype, dims, data: Array.from({ length: elementCount(dims) }, (_, i) => data[sourceOf(i)]!) }
  const all = new (arrayTypeOf(dtype))(elementCount(dims)) as Float32Array
  for (let i = 0; i < all.length; i++) all[i] = (data as Float32Array)[sourceOf(i)]!
  return { dtype, dims, data: all }
}

function fromConstant(constant: Column, input: PortValue, data: Dataset, symbols: Map<string, number>): TensorValue {
  // `"sr": 16000` is written without a shape; a model may want it as [1].
  const scalar =
    elementCount(constant.dims) === 1 && input.shape && input.shape.every((dim) => typeof dim !== 'number' || dim === 1)
  const dims = scalar && input.shape ? input.shape.map(() => 1) : constant.dims
  if (!fits(dims, input.shape, symbols))
    throw new UserError(
      'bad-data',
      `the constant "${input.name}" has shape ${show(constant.dims)}, and the model's input wants ${show(input.shape)}`,
      { where: data.path, hint: 'give the constant in the shape of the input' },
    )
  return { dtype: input.dtype, dims, data: elements(constant, input, data.path) }
}

function startingState(
  input: PortValue,
  rows: number,
  symbols: ReadonlyMap<string, number>,
  data: Dataset,
): TensorValue {
  const unknown = (input.shape ?? []).filter((dim) => typeof dim !== 'number' && !(dim !== null && symbols.has(dim)))
  const growing = cacheAxis(input)
  const dims = input.shape?.map((dim, axis) => {
    if (typeof dim === 'number') return dim
    // A key/value cache starts with nothing in it, also where its size is called as that of the tokens.
    if (axis === growing) return 0
    if (dim !== null && symbols.has(dim)) return symbols.get(dim)!
    if (dim !== null && /past|cache/i.test(dim)) return 0
    if (axis === 0 || (dim !== null && ROWS.test(dim)) || unknown.length === 1) return rows
    return null
  })
  if (!dims || dims.some((dim) => dim === null))
    throw new UserError(
      'bad-data',
      `the starting value of "${input.name}" has an unknown size (${show(input.shape)})`,
      {
        where: data.path,
        hint: `name it among the constants of dataset.json: "constants": {"${input.name}": …}`,
      },
    )
  const sizes = dims as number[]
  const count = elementCount(sizes)
  if (input.dtype === 'string') return { dtype: input.dtype, dims: sizes, data: new Array<string>(count).fill('') }
  return { dtype: input.dtype, dims: sizes, data: new (arrayTypeOf(input.dtype))(count) }
}

function elements(column: Column, input: PortValue, where: string): NumericArray | readonly string[] {
  if (column.dtype === input.dtype) return column.data
  if (!ArrayBuffer.isView(column.data) || !canCast(column.dtype, input.dtype))
    throw new UserError(
      'bad-data',
      `field "${input.name}" holds ${column.dtype}, and the model's input wants ${input.dtype}`,
      { where, hint: `store the field as ${input.dtype}` },
    )
  return castElements(column.data, column.dtype, input.dtype, `field "${input.name}"`, where)
}

/** A note for each field that is cast where rows become feeds: those of a data set that was not told of the model. */
export function castNotes(inputs: readonly Pick<PortValue, 'name' | 'dtype'>[], data: Dataset): readonly string[] {
  return inputs.flatMap(({ name, dtype }) => {
    const field = data.fields.find((one) => one.name === name)
    return field && field.dtype !== dtype ? [`"${name}" is stored as ${field.dtype} and cast to ${dtype}.`] : []
  })
}

function fits(dims: readonly number[], shape: Shape | null, symbols: ReadonlyMap<string, number>): boolean {
  if (!shape) return true
  return dims.length === shape.length && shape.every((dim, axis) => sizeFits(dim, dims[axis]!, axis, symbols))
}

function sizeFits(dim: Dim, size: number, axis: number, symbols: ReadonlyMap<string, number>): boolean {
  if (typeof dim === 'number') return dim === size
  // Exporters reuse symbols loosely beyond the batch axis; only the row axis must agree between inputs.
  return dim === null || axis > 0 || !symbols.has(dim) || symbols.get(dim) === size
}

function bind(dims: readonly number[], shape: Shape | null, symbols: Map<string, number>): void {
  for (const [axis, dim] of (shape ?? []).entries())
    if (typeof dim === 'string' && !symbols.has(dim)) symbols.set(dim, dims[axis]!)
}

function missing(input: PortValue, inputs: readonly PortValue[], data: Dataset): UserError {
  const known = [...data.fields.map(({ name }) => name), ...Object.keys(data.constants)]
  const listed = known.length === 0 ? 'the data has no fields' : `the data has ${known.slice(0, 12).join(', ')}`
  const unclaimed = known.filter((name) => !inputs.some((other) => other.name === name))
  return new UserError('bad-data', `the model's input "${input.name}" is not in the data`, {
    where: data.path,
    hint: `${didYouMean(input.name, unclaimed)}${listed}; rename the field to "${input.name}" (${input.dtype} ${show(input.shape)}), name it among the "constants" of a dataset.json where it is the same in every row, or open columns that make it up with openDataset(path, { inputs: (await inspect(model)).inputs })`,
  })
}

function show(shape: Shape | null): string {
  return shape ? shapeText(shape) : 'of unknown rank'
}
