import { argmax } from '../outputs/row-outputs.ts'
import type { AttackOutcome, AttackSubject } from './measure-attack.ts'
import { gathered, pick, rowAt } from './problem.ts'
import { ascentOf, logitsOf } from './target.ts'

/** A row that is right untouched and wrong when changed a little, for people to look at. */
export interface FooledRow {
  /** Its place in the data set. */
  readonly row: number
  readonly label: number
  /** The wrong class that comes out. */
  readonly answer: number
  /** The attack that found it, or `transfer`'s source. */
  readonly attack: string
  /** The largest change of a value, and the length of all changes together. */
  readonly largest: number
  readonly length: number
  readonly shape: readonly number[]
  readonly before: Float32Array
  readonly after: Float32Array
  /** The gradient of the cross-entropy by the untouched row: what its answer hangs on. Null where there is none. */
  readonly slope: Float32Array | null
}

/** The first `most` rows that some attack turned, each with the smallest change of those found. */
export async function fooledRows(
  subject: AttackSubject,
  { clean, found }: AttackOutcome,
  most: number,
): Promise<readonly FooledRow[]> {
  const { rows, session, output } = subject
  const { width, plan } = rows
  const shown: Omit<FooledRow, 'slope'>[] = []
  const places: number[] = []
  for (let at = 0; at < clean.length && shown.length < most; at++) {
    const before = rowAt(rows.x, at, width)
    const ways = Object.entries(found).flatMap(([attack, points]) => {
      const after = clean[at] ? points[at] : null
      return after ? [{ attack, after, ...sizeOf(after, before) }] : []
    })
    const [least] = ways.sort((a, b) => a.length - b.length)
    if (!least) continue
    const answer = argmax(await logitsOf(session, output, { ...plan, batch: 1 }, width, least.after))
    shown.push({ row: rows.rows[at]!, label: rows.labels[at]!, answer, before, shape: plan.rowShape, ...least })
    places.push(at)
  }
  if (shown.length === 0 || !subject.openGradient) return shown.map((row) => ({ ...row, slope: null }))
  const model = await subject.openGradient('cross-entropy')
  const ascent = ascentOf(model, plan, width, () => model.session.close())
  try {
    const { gradient } = await ascent.at(gathered(rows.x, places, width), pick(rows.labels, places))
    return shown.map((row, i) => ({ ...row, slope: rowAt(gradient, i, width).slice() }))
  } finally {
    await ascent.close()
  }
}

function sizeOf(after: Float32Array, before: Float32Array): { readonly largest: number; readonly length: number } {
  let [largest, squares] = [0, 0]
  for (const [i, value] of after.entries()) {
    const change = Math.abs(value - before[i]!)
    largest = Math.max(largest, change)
    squares += change * change
  }
  return { largest, length: Math.sqrt(squares) }
}
