import { type Augmentation, changesOf, type Dataset, type Rows } from '../../data/index.ts'
import { openIsolated, type PortValue, type Session, type TensorValue } from '../../engine/index.ts'
import { feedsOf, requireLabel, requireOpenRows, rowsPerRun } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import { modelDigest } from '../../onnx/index.ts'
import { UserError } from '../../platform/index.ts'
import type { ReadBatches } from '../../train/index.ts'
import { dynamicBatch } from '../dynamic-batch.ts'
import { float32Form } from '../float32-form.ts'
import { LABELS, type LearningGoal } from './learning-goal.ts'
import { changedFeeds, type LiveTeacher, mixedLabels } from './live-teacher.ts'

/** The teacher's answers to rows, computed once: values of one size a row. */
export interface TeacherAnswers {
  readonly bytes: number
  /** Of the teacher. */
  readonly digest: string
  of(target: string, rows: readonly number[]): TensorValue
}

/** Rows in one run of the teacher. */
const BATCH = 64

/**
 * Runs the teacher over these rows and keeps what it says.
 *
 * @throws UserError `unsupported` where an output has no row axis, `bad-data` for a row that it answers with NaN, or
 * whose label is none of its classes.
 */
export async function askTeacher(
  teacher: Model,
  goal: LearningGoal,
  data: Dataset,
  rows: readonly number[],
  options: {
    readonly open?: ((model: Model) => Promise<Session>) | undefined
    readonly signal?: AbortSignal | undefined
    readonly onProgress?: ((line: string) => void) | undefined
  },
): Promise<TeacherAnswers> {
  const open = options.open ?? openIsolated
  const session = await open((await dynamicBatch(await float32Form(teacher), data, open)).model)
  const answers = answersTo(rows, data)
  try {
    requireOpenRows(session.inputs, data)
    const fetch = [...new Set(goal.outputs.map((output) => output.teacher))]
    let done = 0
    for await (const part of readRows(data, session.inputs, rows, BATCH, goal.label ? [goal.label.field] : [])) {
      options.signal?.throwIfAborted()
      // A wrong label is found here, before anything has learned, and not in the middle of an epoch.
      if (goal.label) labelsOf(part, goal.label, data)
      const results = await session.run(feedsOf(part, session.inputs, data), fetch)
      for (const output of goal.outputs) answers.keep(part, output, results[output.teacher]!)
      if (done === 0) options.onProgress?.(`the teacher's answers will take ${answers.bytes()} bytes`)
      done += part.indices.length
      options.onProgress?.(`teacher: ${done} of ${rows.length} rows`)
    }
  } finally {
    await session.close()
  }
  return { digest: modelDigest(teacher), bytes: answers.bytes(), of: answers.of }
}

/** Room for answers to these rows, each at the place of its row. */
function answersTo(rows: readonly number[], data: Dataset) {
  const place = new Map(rows.map((row, i) => [row, i]))
  const kept = new Map<string, { data: Float32Array; size: number; dims: readonly number[] }>()
  return {
    keep(part: Rows, { teacher, target }: LearningGoal['outputs'][number], value: TensorValue): void {
      const size = value.data.length / part.indices.length
      const own = kept.get(target) ?? { data: new Float32Array(rows.length * size), size, dims: value.dims.slice(1) }
      kept.set(target, own)
      if (own.size !== size || value.dims[0] !== part.indices.length)
        throw new UserError('unsupported', `the teacher's "${teacher}" has no row axis, or rows of different sizes`, {
          where: `row ${part.indices[0]}`,
          hint: 'learning needs outputs whose first axis is the row',
        })
      for (const [i, row] of part.indices.entries()) {
        const answer = (value.data as Float32Array).subarray(i * size, (i + 1) * size)
        if (answer.some(Number.isNaN)) throw noAnswer(part, row, i, data)
        own.data.set(answer, place.get(row)! * size)
      }
    },
    bytes: () => [...kept.values()].reduce((sum, { data }) => sum + data.byteLength, 0),
    of(target: string, asked: readonly number[]): TensorValue {
      const { data: all, size, dims } = kept.get(target)!
      const values = new Float32Array(asked.length * size)
      for (const [i, row] of asked.entries())
        values.set(all.subarray(place.get(row)! * size, (place.get(row)! + 1) * size), i * size)
      return { dtype: 'float32', dims: [asked.length, ...dims], data: values }
    },
  }
}

/** A row that the teacher cannot answer teaches nothing, and its loss would be no number either. */
function noAnswer(part: Rows, row: number, at: number, data: Dataset): UserError {
  const bad = Object.entries(part.columns).find(([, { data: values }]) => {
    if (!(values instanceof Float32Array || values instanceof Float64Array)) return false
    const size = values.length / part.indices.length
    return !values.subarray(at * size, (at + 1) * size).every(Number.isFinite)
  })
  return new UserError('bad-data', `the teacher's answer to row ${row} is not a number`, {
    where: data.path,
    hint: bad
      ? `"${bad[0]}" holds NaN or an infinity there: mend the row, or leave it out`
      : 'its numbers overflow there: leave the row out',
  })
}

interface BatchOptions {
  readonly goal: LearningGoal
  readonly answers: TeacherAnswers
  /** Whether the loss looks at the labels, at the teacher. */
  readonly withLabels: boolean
  readonly withTeacher: boolean
  readonly seed: number
  readonly augment: readonly Augmentation[]
  /** Asked where rows are changed, or where inner values are learned; else what it answered once is used. */
  readonly teacher: LiveTeacher | null
}

/** Batches for training: rows as feeds of the model, the teacher's answers and the labels beside them. */
export function learningBatches(data: Dataset, inputs: readonly PortValue[], options: BatchOptions): ReadBatches {
  const { goal, answers, withLabels, withTeacher, seed, augment, teacher } = options
  const label = withLabels ? goal.label : null
  return async function* batches(rows, batch, epoch) {
    for await (const part of readRows(data, inputs, rows, batch, label ? [label.field] : [])) {
      const labels = label && labelsOf(part, label, data)
      if (augment.length === 0 && !goal.hints?.length) {
        const targets = goal.outputs.map(({ target }) => [target, answers.of(target, part.indices)] as const)
        yield {
          rows: part.indices.length,
          feeds: {
            ...feedsOf(part, inputs, data),
            ...(withTeacher ? Object.fromEntries(targets) : {}),
            ...(labels ? { [LABELS]: labels } : {}),
          },
        }
        continue
      }
      const changes = changesOf(part.indices, augment, { seed, epoch })
      const mixed = label && labels && augment.includes('mixup') ? mixedLabels(labels, label.classes, changes) : labels
      const changed = changedFeeds(part, inputs, data, changes)
      yield {
        rows: part.indices.length,
        feeds: {
          ...changed,
          ...(withTeacher && teacher ? await teacher.answers(part, changes, changed) : {}),
          ...(mixed ? { [LABELS]: mixed } : {}),
        },
      }
    }
  }
}

/** Whole numbers from 0 to below the number of classes. */
export function labelsOf(
  part: Rows,
  { field, classes }: Pick<NonNullable<LearningGoal['label']>, 'field' | 'classes'>,
  data: Dataset,
): TensorValue {
  const values = part.columns[field]!.data
  const labels = BigInt64Array.from(part.indices, (row, i) => {
    requireLabel(values[i] as number | string, row, 'the given model’s own answers are learned')
    const label = Number(values[i])
    if (!Number.isInteger(label) || label < 0 || label >= classes)
      throw new UserError('bad-data', `the label ${String(values[i])} of row ${row} is none of ${classes} classes`, {
        where: `${data.path}, field "${field}"`,
        hint: `labels are whole numbers from 0 to ${classes - 1}`,
      })
    return BigInt(label)
  })
  return { dtype: 'int64', dims: [labels.length], data: labels }
}

/**
 * Rows with what the inputs read of them, and `fields` besides, in runs of `batch` rows, or of as many as the inputs
 * allow.
 */
export function readRows(
  data: Dataset,
  inputs: readonly PortValue[],
  rows: readonly number[],
  batch: number,
  fields: readonly string[] = [],
): AsyncIterable<Rows> {
  const wanted = new Set(inputs.map(({ name }) => name))
  const own = data.fields.filter(({ name }) => wanted.has(name)).map(({ name }) => name)
  return data.read({
    indices: rows,
    batch: rowsPerRun(inputs, data, batch),
    fields: [...new Set([...own, ...fields])],
  })
}
