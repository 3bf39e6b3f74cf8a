import type { Dataset } from '../data/index.ts'
import type { Session } from '../engine/index.ts'
import { isFloating } from '../ir/index.ts'
import { fieldsOfRows } from './row-fields.ts'

/** Labels alone are small: so many at a time. */
const LABELS_AT_ONCE = 1024

/**
 * Whether every label of the set is 0 or 1 and both occur, which makes one number a row the score of a class and no
 * measured quantity. Labels are read only where an output of the model may be one number a row, and as far as the first
 * that is another.
 */
export async function areBinaryLabels(session: Session, data: Dataset, field: string): Promise<boolean> {
  if (!isNumber(data, field) || !mayGiveOneNumber(session)) return false
  const seen = new Set<unknown>()
  for await (const value of labelsOf(data, field)) {
    if (value !== 0 && value !== 1) return false
    seen.add(value)
  }
  return seen.size === 2
}

/**
 * The least and the greatest label of the set, for a model that numbers its classes itself; null where labels are no
 * whole numbers, and where the model names no class.
 */
export async function rangeOfLabels(
  session: Session,
  data: Dataset,
  field: string,
): Promise<{ readonly least: number; readonly greatest: number } | null> {
  if (!isNumber(data, field) || !session.outputs.some(({ settled }) => settled)) return null
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for await (const value of labelsOf(data, field)) {
    if (!Number.isInteger(value)) return null
    least = Math.min(least, value as number)
    greatest = Math.max(greatest, value as number)
  }
  return { least, greatest }
}

/** Whether the field holds one number a row. */
function isNumber(data: Dataset, field: string): boolean {
  const label = data.fields.find(({ name }) => name === field)
  return label?.dtype !== 'string' && (label?.rowShape.every((dim) => dim === 1) ?? false)
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
