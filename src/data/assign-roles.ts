import { type DType, fitsShape, isFloating, type Shape, shapeText } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { canCast, HALVES } from './cast-column.ts'
import type { Field, FieldRole } from './dataset.ts'
import { didYouMean, listNames } from './list-names.ts'
import type { LooseArray, Table, TableColumn } from './table.ts'

/** What a model wants to be fed. */
export interface InputWish {
  readonly name: string
  readonly dtype: DType
  /** Null where the rank is unknown; names and nulls stand for sizes that may differ. */
  readonly shape: Shape | null
}

/** What decides the role of a field, besides its name. */
export interface RoleWishes {
  readonly inputs?: readonly InputWish[] | undefined
  readonly label?: string | undefined
  readonly slices?: readonly string[] | undefined
  /** Inputs that have a value elsewhere (constants, starting states). */
  readonly constants?: readonly string[] | undefined
}

export interface AssignedField extends Field {
  /** The type as stored, where `dtype` is what the model takes. */
  readonly storedDtype: DType
}

interface Roles {
  readonly fields: readonly AssignedField[]
  readonly loose: readonly LooseArray[]
  readonly notes: readonly string[]
}

export const LABEL_NAMES = ['labels', 'label', 'y']
/** Names of columns that name a row; without a name, a column holds the row numbers that pandas and R write in front. */
export const ID_NAMES = ['id', 'ids', '']

/** Whether an input's name says that it carries a state from step to step, which starts at zeros. */
export function looksLikeState(name: string): boolean {
  const words = name.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase()
  return /(^|[^a-z])(states?|caches?|hidden|memory|past|[hc](0|x|n))([^a-z]|$)|cache\d*$/.test(words)
}

/**
 * Says what each column of a table is for. With `inputs`, the columns of those names are inputs and every other must be
 * a label, a slice field or an id; without, every column whose rows have axes is an input, of texts as well.
 *
 * A UserError names an input that is missing (with what is there and the nearest name), of the wrong type or of the
 * wrong shape, and a label or slice field that is not there.
 */
export function assignRoles(table: Table, wishes: RoleWishes): Roles {
  requireNamed(table, wishes)
  const label = labelOf(table, wishes)
  const loose = wishes.inputs ? requireInputs(table, wishes) : []
  const notes: string[] = []
  const fields: AssignedField[] = []
  for (const column of table.columns) {
    const role = roleOf(column, wishes, label)
    if (role === null) {
      notes.push(`"${column.name}" (${column.dtype}, rows of ${shapeText(column.rowShape)}) is not used.`)
      continue
    }
    const wish = wishes.inputs?.find(({ name }) => name === column.name)
    // Labels and slice fields are compared as numbers, which the bits of a half are not.
    const read = HALVES.has(column.dtype) && role !== 'input' ? 'float32' : column.dtype
    const dtype = role === 'input' && wish ? wish.dtype : read
    notes.push(...castNote(column, dtype))
    fields.push({ name: column.name, role, dtype, storedDtype: column.dtype, rowShape: column.rowShape })
  }
  const used = new Set([...loose.map(({ name }) => name), ...(wishes.constants ?? [])])
  for (const array of table.loose)
    if (!used.has(array.name) && wishes.inputs)
      notes.push(`"${array.name}" ${shapeText(array.dims)} has another length than the ${table.rows} rows: not used.`)
  return { fields, loose: wishes.inputs ? loose : table.loose, notes }
}

/**
 * That numbers become those of another type. Text has no types to be cast from: there only whole numbers count that come
 * out as others.
 */
function castNote({ name, dtype: from, untyped }: TableColumn, to: DType): readonly string[] {
  if (from === to) return []
  if (!untyped || HALVES.has(to)) return [`"${name}" is stored as ${from} and cast to ${to}.`]
  const rounded = to === 'float32' ? untyped.rounded : null
  return rounded === null ? [] : [`"${name}" has whole numbers that float32 rounds: ${rounded}.`]
}

function labelOf(table: Table, wishes: RoleWishes): string | undefined {
  if (wishes.label !== undefined) return wishes.label
  const isInput = (name: string) => wishes.inputs?.some((input) => input.name === name) ?? false
  const candidates = LABEL_NAMES.filter((name) => !isInput(name))
  const label = candidates.find((name) => table.columns.some((column) => column.name === name))
  const ragged = table.loose.find(({ name, dims }) => dims.length > 0 && candidates.slice(0, 2).includes(name))
  if (label === undefined && ragged)
    throw new UserError(
      'bad-data',
      `"${ragged.name}" in "${table.path}" has ${ragged.dims[0]} values for ${table.rows} rows.`,
      { where: `array "${ragged.name}" of "${table.path}"`, hint: 'Inputs and labels must have one value a row.' },
    )
  return label
}

/**
 * @throws UserError for a label or slice field that the table does not have, and for one of vectors as a slice field: as
 * good as every row would be a slice of its own.
 */
export function requireNamed(table: Table, { label, slices = [] }: RoleWishes): void {
  if (label !== undefined) requireColumn(table, label, 'label field')
  for (const slice of slices) {
    requireColumn(table, slice, 'slice field')
    const { dtype, rowShape } = table.columns.find(({ name }) => name === slice)!
    if (dtype === 'string' || rowShape.every((size) => size === 1)) continue
    const single = table.columns.filter((column) => column.rowShape.every((size) => size === 1)).map(({ name }) => name)
    throw new UserError('bad-data', `"${slice}" in "${table.path}" has ${shapeText(rowShape)} numbers a row.`, {
      where: `field "${slice}" of "${table.path}"`,
      hint: `A slice is the rows that have one value in common.${single.length > 0 ? ` Fields of one value a row: ${listNames(single)}.` : ''}`,
    })
  }
}

function requireColumn(table: Table, name: string, what: string): void {
  if (table.columns.some((column) => column.name === name)) return
  requireReadable(table, name, 'numbers or texts')
  const names = table.columns.map((column) => column.name)
  const loose = table.loose.find((array) => array.name === name)
  throw new UserError(
    'bad-data',
    loose
      ? `The ${what} "${name}" in "${table.path}" has shape ${shapeText(loose.dims)}, but there are ${table.rows} rows.`
      : `"${table.path}" has no ${what} "${name}".`,
    { where: table.path, hint: `It has ${listNames(names)}.${didYouMean(name, names)}` },
  )
}

/** @throws UserError where the field is there, and only its type is the matter. */
function requireReadable(table: Table, name: string, wanted: string): void {
  const found = table.unreadable?.find((field) => field.name === name)
  if (!found) return
  throw new UserError('bad-data', `"${name}" in "${table.path}" has ${found.type}, which cannot be read.`, {
    where: `field "${name}" of "${table.path}"`,
    hint: `Write it as ${wanted}; object arrays (pickles) are never loaded.`,
  })
}

function requireInputs(table: Table, wishes: RoleWishes): LooseArray[] {
  const constants: LooseArray[] = []
  for (const input of wishes.inputs ?? []) {
    const column = table.columns.find(({ name }) => name === input.name)
    const loose = table.loose.find(({ name }) => name === input.name)
    if (column) checkInput(table, column, input)
    else if (loose && (wishes.constants?.includes(input.name) || fitsWhole(loose.dims, input.shape))) {
      if (!wishes.constants?.includes(input.name)) constants.push(loose)
    } else if (loose) {
      throw new UserError(
        'bad-data',
        `"${input.name}" in "${table.path}" has shape ${shapeText(loose.dims)}, but there are ${table.rows} rows.`,
        {
          where: `field "${input.name}" of "${table.path}"`,
          hint: 'Axis 0 of every input is the row: all inputs and labels need the same length.',
        },
      )
    } else if (!wishes.constants?.includes(input.name) && !looksLikeState(input.name)) {
      requireReadable(table, input.name, input.dtype)
      const names = [...table.columns, ...table.loose].map(({ name }) => name)
      const unclaimed = names.filter((name) => !wishes.inputs?.some((other) => other.name === name))
      throw new UserError('bad-data', `The model's input "${input.name}" is not in "${table.path}".`, {
        where: table.path,
        hint:
          `It has ${listNames(names)}.${didYouMean(input.name, unclaimed)} ` +
          `Rename a field to "${input.name}" (${input.dtype}${input.shape ? ` ${shapeText(input.shape)}` : ''})${inColumns(table, input)}, or use a dataset.json with "rename", or with "constants" for what is the same in every row (a weight, a rate).`,
      })
    }
  }
  return constants
}

/** That columns of single values may make up an input of several numbers a row, where a table has as many of them. */
function inColumns({ path, columns }: Table, { name, dtype, shape }: InputWish): string {
  const [width, ...more] = shape?.slice(1) ?? []
  if (typeof width !== 'number' || width < 2 || more.length > 0 || path.toLowerCase().endsWith('.npz')) return ''
  const parts = columns.filter(
    (column) => column.rowShape.length === 0 && (column.dtype === 'string') === (dtype === 'string'),
  )
  return parts.length < width ? '' : `, or the ${width} columns that make it up to "${name}0" … "${name}${width - 1}"`
}

function checkInput(table: Table, column: TableColumn, input: InputWish): void {
  const where = `field "${column.name}" of "${table.path}"`
  if (!canCast(column.dtype, input.dtype))
    throw new UserError(
      'bad-data',
      `"${column.name}" in "${table.path}" is ${column.dtype}, but the model's input takes ${input.dtype}.`,
      {
        where,
        hint:
          column.dtype === 'string'
            ? `Write numbers${column.textAmongNumbers ? `: ${column.textAmongNumbers}` : ', without quotes'}.`
            : column.notWhole && !isFloating(input.dtype)
              ? `Write whole numbers: ${column.notWhole}.`
              : `Write it as ${input.dtype}; a cast from ${column.dtype} could change values.`,
      },
    )
  if (!fitsRow(column.rowShape, input.shape))
    throw new UserError(
      'bad-data',
      `"${column.name}" in "${table.path}" has rows of shape ${shapeText(column.rowShape)}, but the model's input "${input.name}" takes ${shapeText(input.shape!)}.`,
      { where, hint: `Axis 0 is the row: write the array as ${shapeText(['rows', ...input.shape!.slice(1)])}.` },
    )
}

/**
 * Whether rows of this shape can feed an input: the input without its first axis, or, where each row carries an axis of
 * 1 or the input has no row axis, the whole of it.
 */
export function fitsRow(rowShape: readonly (number | null)[], shape: Shape | null): boolean {
  if (!shape) return true
  return (
    fitsShape(rowShape, shape.slice(1)) ||
    fitsShape(rowShape, shape) ||
    (rowShape[0] === 1 && fitsShape(rowShape.slice(1), shape.slice(1)))
  )
}

/** Whether an array that is no column can be an input's constant value: the same rank and sizes, or one number. */
function fitsWhole(dims: readonly number[], shape: Shape | null): boolean {
  return dims.length === 0 ? (shape ?? []).every((d) => typeof d !== 'number' || d === 1) : fitsShape(dims, shape)
}

function roleOf(column: TableColumn, wishes: RoleWishes, label: string | undefined): FieldRole | null {
  if (wishes.inputs?.some(({ name }) => name === column.name)) return 'input'
  if (column.name === label) return 'label'
  if (wishes.slices?.includes(column.name)) return 'slice'
  const scalar = column.rowShape.length === 0
  if (scalar && ID_NAMES.includes(column.name)) return 'id'
  if (scalar && (wishes.inputs || column.dtype === 'string' || column.dtype === 'bool')) return 'slice'
  // Lists of texts of different lengths, such as tags, are no tensor.
  if (wishes.inputs || (column.dtype === 'string' && column.rowShape.includes(null))) return null
  return scalar ? 'slice' : 'input'
}
