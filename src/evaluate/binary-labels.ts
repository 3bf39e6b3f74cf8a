import type { Dataset } from '../data/index.ts'
import type { PortValue, Session } from '../engine/index.ts'
import { isFloating } from '../ir/index.ts'
import type { ModelClasses } from './metric/classification.ts'
import { fieldsOfRows } from './row-fields.ts'

/** Labels alone are small: so many at a time. */
const LABELS_AT_ONCE = 1024

/**
 * Whether every label of the set is 0 or 1 and both occur, which makes one number a row the score of a class, and several
 * floating ones tags or a mask: no measured quantities. Labels are read only where it matters, which one number a row is
 * not if no output of the model may be one, and as far as the first that is another.
 */
export async function areBinaryLabels(session: Session, data: Dataset, field: string): Promise<boolean> {
  const matters = isNumber(data, field) ? mayGiveOneNumber(session) : isFloatingField(data, field)
  if (!matters) return false
  const seen = new Set<unknown>()
  for await (const label of labelsOf(data, field))
    for (const value of typeof label === 'number' ? [label] : Array.from(label as ArrayLike<unknown>)) {
      if (value !== 0 && value !== 1) return false
      seen.add(value)
    }
  return seen.size === 2
}

/** The least and the greatest label of a set. */
export interface LabelRange {
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

function isFloatingField({ fields }: Dataset, field: string): boolean {
  const label = fields.find(({ name }) => name === field)
  return label !== undefined && isFloating(label.dtype)
}

async function* labelsOf(data: Dataset, field: string): AsyncGenerator<unknown> {
  for await (const rows of data.read({ fields: [field], batch: LABELS_AT_ONCE }))
    for (const row of fieldsOfRows(rows)) yield row[field]
}

const mayGiveOneNumber = ({ outputs }: Session) =>
  outputs.some(
    ({ dtype, shape }) =>
      isFloating(dtype) && (shape?.slice(1).every((dim) => typeof dim !== 'number' || dim === 1) ?? true),
  )
