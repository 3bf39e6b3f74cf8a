import type { Dataset } from '../data/index.ts'
import type { PortValue, Session } from '../engine/index.ts'
import { isFloating } from '../ir/index.ts'
import type { ModelClasses } from './metric/classification.ts'
import { type BinaryLabels, placeOfOne } from './metric/one-hot.ts'
import { fieldsOfRows } from './row-fields.ts'

/** Labels alone are small, but for masks: so many at a time, and numbers of all of them together. */
const LABELS_AT_ONCE = 1024
const NUMBERS_AT_ONCE = 1 << 22

/**
 * Reads the labels of a set as far as the first that decides, and only where it matters: one number a row does not where
 * no output of the model may be one, and whole numbers that are no row of places are tags or masks whatever they say.
 */
export async function binaryLabels(session: Session, data: Dataset, field: string): Promise<BinaryLabels> {
  const label = data.fields.find(({ name }) => name === field)
  if (!label || label.dtype === 'string') return null
  const single = isNumber(data, field)
  const places = !single && label.rowShape.length === 1
  if (single ? !mayGiveOneNumber(session) : !places && !isFloating(label.dtype)) return null
  const seen = new Set<unknown>()
  let oneHot = places
  for await (const value of labelsOf(data, field)) {
    const values = typeof value === 'number' ? [value] : (value as ArrayLike<unknown>)
    oneHot &&= placeOfOne(values) !== null
    if (!oneHot && !single && !isFloating(label.dtype)) return null
    for (let i = 0; i < values.length; i++) {
      if (values[i] !== 0 && values[i] !== 1) return null
      seen.add(values[i])
    }
  }
  if (seen.size < 2) return null
  return oneHot ? 'one-hot' : 'binary'
}

/** The least and the greatest label of a set. */
interface LabelRange {
  readonly least: number
  readonly greatest: number
}

/**
 * The range of the labels, for a model that numbers its classes itself; null where labels are no whole numbers, and where
 * the model numbers no class.
 */
export async function rangeOfLabels(session: Session, data: Dataset, field: string): Promise<LabelRange | null> {
  if (!isNumber(data, field) || !session.outputs.some(numbersClasses)) return null
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for await (const value of labelsOf(data, field)) {
    if (!Number.isInteger(value)) return null
    least = Math.min(least, value as number)
    greatest = Math.max(greatest, value as number)
  }
  return { least, greatest }
}

const numbersClasses = ({ classes, dtype }: PortValue) => classes !== undefined && dtype !== 'string'

/**
 * What the model itself calls its classes, in the order of its scores, where the data list no names: texts for labels
 * that are text, numbers for labels within `range`. Labels that are none of these numbers count places.
 */
export function ownClasses(
  { outputs }: Session,
  { classNames, fields }: Dataset,
  { field, range }: { readonly field: string | null; readonly range: LabelRange | null },
): ModelClasses {
  if (field === null || classNames) return {}
  if (fields.find(({ name }) => name === field)?.dtype === 'string') {
    const texts = outputs.flatMap(({ classes }) => (classes?.every((one) => typeof one === 'string') ? [classes] : []))
    return texts.length === 1 ? { classNames: texts[0] as readonly string[] } : {}
  }
  const lists = outputs.filter(numbersClasses).map(({ classes }) => classes)
  const [numbers] = lists
  if (lists.length !== 1 || !numbers || range === null) return {}
  return [range.least, range.greatest].every((label) => numbers.includes(label))
    ? { classNumbers: numbers as readonly number[] }
    : {}
}

/** Whether the field holds one number a row. */
function isNumber(data: Dataset, field: string): boolean {
  const label = data.fields.find(({ name }) => name === field)
  return label?.dtype !== 'string' && (label?.rowShape.every((dim) => dim === 1) ?? false)
}

async function* labelsOf(data: Dataset, field: string): AsyncGenerator<unknown> {
  const shape = data.fields.find(({ name }) => name === field)?.rowShape ?? []
  const numbers = shape.reduce<number>((count, dim) => count * (dim ?? 1), 1)
  const batch = Math.min(LABELS_AT_ONCE, Math.max(1, Math.floor(NUMBERS_AT_ONCE / Math.max(1, numbers))))
  for await (const rows of data.read({ fields: [field], batch })) for (const row of fieldsOfRows(rows)) yield row[field]
}

const mayGiveOneNumber = ({ outputs }: Session) =>
  outputs.some(
    ({ dtype, shape }) =>
      isFloating(dtype) && (shape?.slice(1).every((dim) => typeof dim !== 'number' || dim === 1) ?? true),
  )
