import { isFloating, type NumericArray, shapeText } from '../ir/index.ts'
import { sha256Stream, UserError } from '../platform/index.ts'
import { type AssignedField, assignRoles, fitsRow, type InputWish, type RoleWishes } from './assign-roles.ts'
import { batchRows, rowsInOrder } from './batch-rows.ts'
import { castElements } from './cast-column.ts'
import { checkIndices } from './check-indices.ts'
import type { Column, Dataset, Rows, SkippedRow } from './dataset.ts'
import { listNames } from './list-names.ts'
import { withClassNumbers } from './one-hot.ts'
import type { Table } from './table.ts'

/** Rows a batch, by default. */
export const DEFAULT_BATCH = 32

/** What a data set says of itself beyond what its table shows. */
export interface TableDatasetOptions extends Omit<RoleWishes, 'constants'> {
  readonly classNames?: readonly string[] | undefined
  /** Inputs that are the same for every row, by name. */
  readonly constants?: Readonly<Record<string, Column>> | undefined
  /** Least and greatest number that a field may hold. */
  readonly domains?: Readonly<Record<string, readonly [number, number]>> | undefined
  readonly pixels?: NonNullable<Dataset['pixels']> | undefined
  readonly notes?: readonly string[] | undefined
}

/** The Dataset over a table: roles, casts, checks and batches. */
export async function tableDataset(source: Table, options: TableDatasetOptions): Promise<Dataset> {
  const given = options.constants ?? {}
  const wishes = { ...options, constants: Object.keys(given) }
  const stored = assignRoles(source, wishes)
  const target = stored.fields.find(({ role }) => role === 'label')
  const numbered = target ? await withClassNumbers(source, target.name) : null
  const table = numbered ?? source
  const roles = numbered ? assignRoles(numbered, wishes) : stored
  const classNames = options.classNames ?? table.classNames
  const constants: Record<string, Column> = { ...given }
  for (const array of roles.loose) constants[array.name] ??= await array.read()
  const label = roles.fields.find(({ role }) => role === 'label')
  // Class names turn names into numbers; without them a text label stays the text that it is.
  const named = label?.storedDtype === 'string' && classNames ? label.name : undefined
  const { nextTokens } = source
  const fields = roles.fields.map((field) => ({
    ...field,
    ...(field.name === named ? { dtype: 'int64' as const } : {}),
    ...(field.role === 'label' && nextTokens !== undefined ? { nextTokens } : {}),
  }))
  const skipped = new Map<string, SkippedRow>()
  const notFinite = new Map<string, Set<number>>()
  const seen = { notFinite, classNames, inputs: options.inputs ?? [], path: table.path }

  const read: Dataset['read'] = async function* ({ indices, batch = DEFAULT_BATCH, fields: asked } = {}) {
    if (!Number.isInteger(batch) || batch < 1)
      throw new UserError('bad-argument', `A batch of ${batch} rows cannot be read.`, { hint: 'Ask for 1 or more.' })
    checkIndices(indices ?? [], table)
    checkFields(asked ?? [], fields, table.path)
    const skip = (row: SkippedRow) => {
      skipped.set(row.row, row)
      if (skipped.size > table.rows / 100) throw tooManySkipped(table, [...skipped.values()])
    }
    const chosen = asked ? fields.filter(({ name }) => asked.includes(name)) : fields
    const names = chosen.map(({ name }) => name)
    const dtypes = Object.fromEntries(chosen.map(({ name, storedDtype }) => [name, storedDtype]))
    const pieces = rowsInOrder(table, indices ?? null, names, batch, skip)
    for await (const rows of batchRows(pieces, dtypes, batch)) yield finishRows(rows, chosen, seen)
  }

  let digest: Promise<string> | undefined
  return {
    path: table.path,
    fields: fields.map(({ storedDtype: _, ...field }) => field),
    rows: table.rows,
    constants,
    domains: options.domains ?? {},
    ...(options.pixels ? { pixels: options.pixels } : {}),
    ...(classNames ? { classNames } : {}),
    get notes() {
      const left = [...skipped.values()]
      return [...table.notes, ...(options.notes ?? []), ...roles.notes, ...notFiniteNotes(notFinite), ...leftOut(left)]
    },
    get skipped() {
      return [...skipped.values()]
    },
    digest: () => (digest ??= sha256Stream(digestParts(table, fields, constants, classNames))),
    read,
  }
}

/** @throws UserError `bad-argument` that names the first field which is not there. */
function checkFields(asked: readonly string[], fields: readonly { readonly name: string }[], path: string): void {
  const unknown = asked.find((name) => !fields.some((field) => field.name === name))
  if (unknown === undefined) return
  throw new UserError('bad-argument', `"${path}" has no field "${unknown}".`, {
    where: path,
    hint: `It has ${listNames(fields.map(({ name }) => name))}.`,
  })
}

interface Seen {
  readonly notFinite: Map<string, Set<number>>
  readonly classNames: readonly string[] | undefined
  readonly inputs: readonly InputWish[]
  readonly path: string
}

/** Casts inputs to the model's types, maps label names to numbers, counts NaN and refuses labels out of range. */
function finishRows(rows: Rows, fields: readonly AssignedField[], seen: Seen): Rows {
  const columns: Record<string, Column> = {}
  for (const field of fields) {
    const column = rows.columns[field.name]!
    const where = `${seen.path}, rows ${rows.indices[0]} to ${rows.indices.at(-1)}, field "${field.name}"`
    const rowShape = column.dims.slice(1)
    const wish = field.role === 'input' ? seen.inputs.find(({ name }) => name === field.name) : undefined
    if (wish && field.rowShape.includes(null) && !fitsRow(rowShape, wish.shape))
      throw new UserError(
        'bad-data',
        `Row ${rows.indices[0]} of "${seen.path}" has shape [${rowShape}] in "${field.name}", but the model takes ${shapeText(wish.shape!)}.`,
        {
          where: `field "${field.name}" of "${seen.path}"`,
          hint: 'Every row must fit the sizes that the model fixes: resize, pad or leave the row out.',
        },
      )
    columns[field.name] = finishColumn(column, field, rows.indices, where, seen)
  }
  return { indices: rows.indices, columns }
}

function finishColumn(
  column: Column,
  field: AssignedField,
  indices: readonly number[],
  where: string,
  seen: Seen,
): Column {
  const names = field.role === 'label' ? seen.classNames : undefined
  if (field.dtype === 'string' || !ArrayBuffer.isView(column.data))
    return names ? labelColumn(column, indices, where, names) : column
  const what = `"${field.name}" of "${seen.path}"`
  const data = castElements(column.data, field.storedDtype, field.dtype, what, where)
  if (names) return labelColumn({ dtype: field.dtype, dims: column.dims, data }, indices, where, names)
  if (isFloating(field.dtype) && field.dtype !== 'float16') countNotFinite(data, field.name, indices, seen.notFinite)
  return { dtype: field.dtype, dims: column.dims, data }
}

function countNotFinite(
  data: NumericArray,
  name: string,
  indices: readonly number[],
  found: Map<string, Set<number>>,
): void {
  const size = data.length / indices.length
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i] as number)) continue
    const rows = found.get(name) ?? new Set()
    found.set(name, rows.add(indices[Math.floor(i / size)]!))
  }
}

function notFiniteNotes(found: ReadonlyMap<string, ReadonlySet<number>>): string[] {
  return [...found].map(([name, rows]) => {
    const first = [...rows].slice(0, 3).join(', ')
    return `"${name}" is NaN or infinite in ${rows.size} row${rows.size === 1 ? '' : 's'} read so far (row ${first}${rows.size > 3 ? ', …' : ''}).`
  })
}

/** Label numbers in range; label names become their number. */
function labelColumn(column: Column, indices: readonly number[], where: string, classNames: readonly string[]): Column {
  const size = column.data.length / indices.length
  const refuse = (value: unknown, i: number) =>
    new UserError(
      'bad-data',
      `The label ${JSON.stringify(String(value))} of row ${indices[Math.floor(i / size)]} is none of the ${classNames.length} classes.`,
      {
        where,
        hint: `Labels are 0 to ${classNames.length - 1}, or one of ${classNames.slice(0, 8).join(', ')}${classNames.length > 8 ? ', …' : ''}.`,
      },
    )
  if (!ArrayBuffer.isView(column.data)) {
    const numbers = new Map(classNames.map((name, i) => [name, BigInt(i)]))
    const data = BigInt64Array.from(column.data, (name, i) => {
      const number = numbers.get(name)
      if (number === undefined) throw refuse(name, i)
      return number
    })
    return { dtype: 'int64', dims: column.dims, data }
  }
  const values = column.data
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i])
    if (!(value >= 0 && value < classNames.length)) throw refuse(values[i], i)
  }
  return column
}

/** The first rows that could not be used, each with the reason. */
function listSkipped(skipped: readonly SkippedRow[]): string {
  const shown = skipped.slice(0, 5).map(({ row, reason }) => `${row} (${reason})`)
  return `${shown.join('; ')}${skipped.length > 5 ? '; …' : ''}`
}

function leftOut(skipped: readonly SkippedRow[]): string[] {
  if (skipped.length === 0) return []
  const rows = skipped.length === 1 ? '1 row is' : `${skipped.length} rows are`
  return [`${rows} left out: ${listSkipped(skipped)}.`]
}

function tooManySkipped(table: Table, skipped: readonly SkippedRow[]): UserError {
  return new UserError(
    'bad-data',
    // Reading ends here, so there may be more of them.
    `At least ${skipped.length} of ${table.rows} rows of "${table.path}" cannot be used, more than 1 %: ${listSkipped(skipped)}.`,
    { where: table.path, hint: 'Repair or remove these files, then run again.' },
  )
}

async function* digestParts(
  table: Table,
  fields: readonly AssignedField[],
  constants: Readonly<Record<string, Column>>,
  classNames: readonly string[] | undefined,
): AsyncGenerator<Uint8Array | string> {
  const shown = Object.entries(constants).map(([name, { dtype, dims, data }]) => [
    name,
    dtype,
    dims,
    Array.from(data as readonly string[], String),
  ])
  yield `${JSON.stringify({ fields, constants: shown, classNames: classNames ?? null, rows: table.rows })}\n`
  yield* table.fingerprint()
}
