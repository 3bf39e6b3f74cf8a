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
  const label = data.fields.find(({ name }) => name === field)
  const isNumber = label?.dtype !== 'string' && label?.rowShape.every((dim) => dim === 1)
  if (!isNumber || !mayGiveOneNumber(session)) return false
  const seen = new Set<unknown>()
  for await (const rows of data.read({ fields: [field], batch: LABELS_AT_ONCE }))
    for (const row of fieldsOfRows(rows)) {
      const value = row[field]
      if (value !== 0 && value !== 1) return false
      seen.add(value)
    }
  return seen.size === 2
}

const mayGiveOneNumber = ({ outputs }: Session) =>
  outputs.some(
    ({ dtype, shape }) =>
      isFloating(dtype) && (shape?.slice(1).every((dim) => typeof dim !== 'number' || dim === 1) ?? true),
  )
