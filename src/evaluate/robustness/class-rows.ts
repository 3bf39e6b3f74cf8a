import type { Dataset } from '../../data/index.ts'
import type { Fetched, Session } from '../../engine/index.ts'
import { isFloating } from '../../ir/index.ts'
import { ownClasses, rangeOfLabels } from '../binary-labels.ts'
import { feedsOf, rowsPerRun } from '../feeds/feeds.ts'
import { rowsInRun } from '../feeds/fixed-rows.ts'
import { classNumber } from '../metric/class-scores.ts'
import { classOutputName, type ModelClasses } from '../metric/classification.ts'
import { isVector } from '../outputs/class-like.ts'
import { numbersOf, outputsByRow } from '../outputs/row-outputs.ts'
import { fieldsOfRows } from '../row-fields.ts'
import { type Head, NO_HEAD } from './head.ts'

/** What one model says of every row in numbers: class scores, features, and the class of the label (−1 for none). */
export interface ClassRows {
  readonly scores: readonly Float64Array[]
  readonly features: readonly Float64Array[] | null
  readonly labels: readonly number[]
  /** Where they were read. */
  readonly from: { readonly logits: string; readonly features: string | null }
}

/** The output that scores classes, and the values behind it; null where no output does. */
export async function classOutput(session: Session, data: Dataset): Promise<string | null> {
  for await (const rows of data.read({ indices: [0], batch: 1 })) {
    const fetched = await session.run(feedsOf(rows, session.inputs, data))
    const outputs = outputsByRow(fetched, 1, rowsInRun(session.inputs, data, 1))[0]!
    const name = classOutputName(outputs)
    const value = name === null ? undefined : outputs[name]
    return name !== null && isFloating(value!.dtype) && value!.data.length >= 2 ? name : null
  }
  return null
}

/** Reads class scores and features of the rows at `indices`, one row a run. */
export async function classRows(
  session: Session,
  data: Dataset,
  output: string,
  head: Head,
  options: {
    readonly indices: readonly number[]
    readonly labelField: string | null
    readonly onRow?: ((done: number) => void) | undefined
    readonly signal?: AbortSignal | undefined
  },
): Promise<ClassRows> {
  const field = options.labelField
  const range = field === null ? null : await rangeOfLabels(session, data, field)
  const known: ModelClasses = data.classNames
    ? { classNames: data.classNames }
    : ownClasses(session, data, { field, range })
  const scores: Float64Array[] = []
  const features: Float64Array[] = []
  const labels: number[] = []
  let behind = head
  const batch = rowsPerRun(session.inputs, data, 1)
  const inRun = rowsInRun(session.inputs, data, 1)
  for await (const rows of data.read({ batch, indices: options.indices })) {
    options.signal?.throwIfAborted()
    const feeds = feedsOf(rows, session.inputs, data)
    const wanted = () => [...new Set([output, behind.logits, behind.features].filter((name) => name !== null))]
    let fetched: Fetched
    try {
      fetched = await session.run(feeds, wanted())
    } catch (error) {
      if (behind === NO_HEAD) throw error
      // A runtime may refuse to hand out an inner value; the output itself is always there.
      behind = NO_HEAD
      fetched = await session.run(feeds, wanted())
    }
    const named = outputsByRow({ [output]: fetched[output]! }, 1, inRun)[0]![output]!
    const inner = behind.logits === null ? undefined : fetched[behind.logits]
    scores.push(Float64Array.from(numbersOf(inner && inner.data.length === named.data.length ? inner : named)))
    const feature = behind.features === null ? undefined : fetched[behind.features]
    if (feature && isVector(feature)) features.push(Float64Array.from(numbersOf(feature)))
    labels.push(classNumber(field === null ? undefined : fieldsOfRows(rows)[0]![field], named.data.length, known))
    options.onRow?.(scores.length)
  }
  const whole = features.length === scores.length && features.every(({ length }) => length === features[0]!.length)
  return {
    scores,
    features: whole ? features : null,
    labels,
    from: { logits: behind.logits ?? output, features: whole ? behind.features : null },
  }
}
