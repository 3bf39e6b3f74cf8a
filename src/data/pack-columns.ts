import { arrayTypeOf, type DType, elementCount, isFloating } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { fitsRow, ID_NAMES, type InputWish, LABEL_NAMES } from './assign-roles.ts'
import { listNames } from './list-names.ts'
import { type Row, type Table, type TableColumn, untypedTogether } from './table.ts'

interface PackWishes {
  readonly inputs?: readonly InputWish[] | undefined
  readonly label?: string | undefined
  readonly slices?: readonly string[] | undefined
}

/** Whether a column holds one value a row, of the kind that the input takes: text for one of strings, else a number. */
const fillsPart = ({ dtype, rowShape }: TableColumn, input: Pick<InputWish, 'dtype'>) =>
  rowShape.length === 0 && (dtype === 'string') === (input.dtype === 'string')

/**
 * Gathers columns of single values into the model's inputs, texts for an input of strings and numbers for any other:
 * columns named `x0, x1, …`, `x_0, …`, `x.0, …` or `x[0], …` after an input `x`, in the order of their numbers; a column
 * of single values named like an input of [n, 1]; or, where the model has a single input of shape [n, k] and no column
 * that fills it by its name, all such columns that are no label, slice field or id, in the order of the file.
 */
export function packColumns(table: Table, wishes: PackWishes): Table {
  // Arrays of an .npz come as they are meant to be fed.
  if (table.path.toLowerCase().endsWith('.npz')) return table
  let packed = table
  for (const input of wishes.inputs ?? []) {
    const own = table.columns.find(({ name }) => name === input.name)
    if (own && (!fillsPart(own, input) || fitsRow(own.rowShape, input.shape))) continue
    const width = widthOf(input)
    const single = wishes.inputs!.length === 1 && input.shape?.length === 2
    const numbered = numberedColumns(table, input)
    const alone = own && width === 1
    const free = alone
      ? [own]
      : numbered.length > 0
        ? numbered
        : single
          ? notTaken(table, wishes).filter((column) => fillsPart(column, input))
          : []
    const lost = single && !own && textAmong(table, wishes, input).length > 0
    if (free.length === 0 && !lost) continue
    if (free.length === 0 || (width !== null && free.length !== width))
      throw new UserError(
        'bad-data',
        `The model's input "${input.name}" takes ${width === null ? '' : `${width} `}${input.dtype === 'string' ? 'texts' : 'numbers'} a row, but "${table.path}" has ${free.length} ${free.length === 1 ? 'column' : 'columns'} for it.`,
        {
          where: table.path,
          hint: [
            ...(free.length > 0 ? [`These would be used: ${listNames(free.map(({ name }) => name))}.`] : []),
            ...textAmong(table, wishes, input),
            'Name the column of right answers (--label NAME); other columns are taken out, or named as "slices" in a dataset.json (or with --slice).',
          ].join(' '),
        },
      )
    packed = pack(packed, input, free)
    if (numbered.length === 0 && !alone)
      packed = { ...packed, notes: [...packed.notes, ...textAmong(table, wishes, input)] }
  }
  return packed
}

function widthOf({ shape }: InputWish): number | null {
  const row = shape?.slice(1)
  return row?.every((dim) => typeof dim === 'number') ? elementCount(row) : null
}

/** The columns `x0, x1, …` of an input `x`, in the order of their numbers. */
export function numberedColumns(table: Table, input: Pick<InputWish, 'name' | 'dtype'>): readonly TableColumn[] {
  const numbered = table.columns.flatMap((column) => {
    if (!column.name.startsWith(input.name) || !fillsPart(column, input)) return []
    const number = /^(?:[_.]?(\d+)|\[(\d+)\])$/.exec(column.name.slice(input.name.length))
    return number ? [{ column, at: Number(number[1] ?? number[2]) }] : []
  })
  return numbered.sort((a, b) => a.at - b.at).map(({ column }) => column)
}

/** Says of each column that would be numbers, but for some text in it, that it is none, and where the text stands. */
const textAmong = (table: Table, wishes: PackWishes, input: InputWish): readonly string[] =>
  notTaken(table, wishes).flatMap(({ name, textAmongNumbers }) =>
    textAmongNumbers === undefined || input.dtype === 'string'
      ? []
      : [`"${name}" is not used as numbers: ${textAmongNumbers}.`],
  )

/** Columns that are no label, slice field or id. */
export function notTaken(table: Table, wishes: PackWishes): readonly TableColumn[] {
  const label = wishes.label ?? LABEL_NAMES.find((label) => table.columns.some(({ name }) => name === label))
  const taken = new Set([label, ...ID_NAMES, ...(wishes.slices ?? [])])
  return table.columns.filter(({ name }) => !taken.has(name))
}

/** What numbers of several types are read as: whole ones stay whole for an input that takes no others. */
function heldIn(dtypes: ReadonlySet<DType>, input: InputWish): DType {
  return !isFloating(input.dtype) && [...dtypes].every((dtype) => !isFloating(dtype) && dtype !== 'uint64')
    ? 'int64'
    : 'float64'
}

function pack(table: Table, input: InputWish, sources: readonly TableColumn[]): Table {
  const dtypes = new Set(sources.map(({ dtype }) => dtype))
  const dtype = dtypes.size === 1 ? sources[0]!.dtype : heldIn(dtypes, input)
  const notWhole = sources.find((source) => source.notWhole !== undefined)?.notWhole
  const untyped = untypedTogether(sources)
  const names = sources.map(({ name }) => name)
  const width = widthOf(input)
  const rowShape = width === null ? [names.length] : (input.shape!.slice(1) as number[])
  const gather = (row: Row): Row => {
    if (dtype === 'string') {
      const data = names.map((name) => row.cells[name]!.data[0] as string)
      return { index: row.index, cells: { ...row.cells, [input.name]: { dims: rowShape, data } } }
    }
    const data = new (arrayTypeOf(dtype))(names.length)
    // Every source is a number or, where they differ, is read as one.
    const read = dtypes.size === 1 ? (value: unknown) => value : dtype === 'int64' ? BigInt : Number
    for (const [i, name] of names.entries())
      (data as unknown as unknown[])[i] = read(row.cells[name]!.data[0] as number)
    return { index: row.index, cells: { ...row.cells, [input.name]: { dims: rowShape, data } } }
  }
  return {
    ...table,
    columns: [
      ...table.columns.filter(({ name }) => !names.includes(name)),
      { name: input.name, dtype, rowShape, ...(notWhole === undefined ? {} : { notWhole }), ...untyped },
    ],
    notes:
      names.length === 1 && names[0] === input.name
        ? table.notes
        : [...table.notes, `"${input.name}" is made of the columns ${listNames(names)}, in this order.`],
    async *scan(indices, asked, skip) {
      const own = asked.filter((name) => name !== input.name)
      if (own.length === asked.length) yield* table.scan(indices, asked, skip)
      else
        for await (const piece of table.scan(indices, [...own, ...names], skip))
          yield piece.map((row) => only(gather(row), asked))
    },
    async *fingerprint() {
      yield `${JSON.stringify({ pack: input.name, names, rowShape })}\n`
      yield* table.fingerprint()
    },
  }
}

const only = (row: Row, names: readonly string[]): Row => ({
  index: row.index,
  cells: Object.fromEntries(names.map((name) => [name, row.cells[name]!])),
})

/** A table whose columns have other names: `rename` gives the new name by the old. */
export function renameColumns(table: Table, rename: Readonly<Record<string, string>>): Table {
  const names = [...table.columns, ...table.loose].map(({ name }) => name)
  const unknown = Object.keys(rename).find((name) => !names.includes(name))
  if (unknown !== undefined)
    throw new UserError('bad-data', `"${table.path}" has no field "${unknown}" to rename.`, {
      where: table.path,
      hint: `It has ${listNames(names)}.`,
    })
  const to = (name: string) => rename[name] ?? name
  const old = new Map(names.map((name) => [to(name), name]))
  if (old.size < names.length)
    throw new UserError('bad-data', `After renaming, two fields of "${table.path}" have the same name.`, {
      where: table.path,
      hint: `It has ${listNames(names)}.`,
    })
  return {
    ...table,
    columns: table.columns.map((column) => ({ ...column, name: to(column.name) })),
    loose: table.loose.map((array) => ({ ...array, name: to(array.name) })),
    async *scan(indices, asked, skip) {
      const originals = asked.map((name) => old.get(name) ?? name)
      for await (const piece of table.scan(indices, originals, skip))
        yield piece.map(({ index, cells }) => ({
          index,
          cells: Object.fromEntries(Object.entries(cells).map(([name, cell]) => [to(name), cell])),
        }))
    },
    async *fingerprint() {
      yield `${JSON.stringify({ rename })}\n`
      yield* table.fingerprint()
    },
  }
}
