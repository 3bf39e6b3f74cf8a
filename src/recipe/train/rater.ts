import type { Dataset } from '../../data/index.ts'
import type { PortValue, Session, TensorValue } from '../../engine/index.ts'
import { argmax, feedsOf } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import { behindAdversary } from '../../passes/index.ts'
import { feedWeights, STEP, type WeightLayout } from '../../train/index.ts'
import { LABELS, type LearningGoal } from './learning-goal.ts'
import { labelsOf, readRows, type TeacherAnswers } from './learning-rows.ts'
import type { MovingRows } from './moving-rows.ts'

/** Rows in one run of the student. */
const BATCH = 64

/** Where the weights, and the statistics of normalisations, stand in the numbers that a step passes on. */
export interface Layouts {
  readonly weights: WeightLayout
  readonly statistics: WeightLayout
}

interface RaterOptions {
  readonly goal: LearningGoal
  readonly data: Dataset
  readonly answers: TeacherAnswers
  readonly rows: { readonly select: readonly number[] }
  /** The adversary that moves the rows before they are scored; none where null. */
  readonly moving: MovingRows | null
  readonly signal?: AbortSignal | undefined
}

/** Scores the student under one set of weights after another, on the rows that choose the epoch. */
interface Rater {
  /** What the student reads of a row. */
  readonly inputs: readonly PortValue[]
  /** What the score is, in words. */
  readonly name: string
  /** Mean over the rows, higher is better: labels met, or the teacher's class met, or minus the squared distance. */
  score(weights: Float32Array, statistics: Float32Array): Promise<number>
  close(): Promise<void>
}

/** Opens the student as a model that its weights are fed to, moved rows and all. */
export async function openRater(
  student: Model,
  layouts: Layouts,
  { goal, data, answers, rows, signal, moving }: RaterOptions,
  open: (model: Model) => Promise<Session>,
): Promise<Rater> {
  const seen = moving ? behindAdversary(student, moving.input, moving.adversary) : student
  const fed = feedWeights(feedWeights(seen, layouts.weights, STEP.weights), layouts.statistics, STEP.statistics)
  const session = await open(fed)
  const inputs: readonly PortValue[] = session.inputs.filter(({ name }) =>
    student.graph.inputs.some((input) => input.name === name),
  )
  const classes = goal.label?.output ?? goal.outputs.find(({ kind }) => kind === 'classes')
  const shown = classes ?? goal.outputs[0]!
  const scoreOf = classes ? classMet : minusDistance
  const flat = (data32: Float32Array) => ({ dtype: 'float32' as const, dims: [data32.length], data: data32 })
  return {
    inputs,
    name: `${goal.label ? 'labels met' : classes ? "teacher's answers met" : "minus the squared distance to the teacher's"}${moving ? ', rows moved' : ''}`,
    async score(weights, statistics) {
      let sum = 0
      let count = 0
      for await (const part of readRows(data, inputs, rows.select, BATCH, goal.label ? [goal.label.field] : [])) {
        signal?.throwIfAborted()
        const feeds: Record<string, TensorValue> = {
          ...feedsOf(part, inputs, data),
          [STEP.weights]: flat(weights),
          ...(statistics.length > 0 ? { [STEP.statistics]: flat(statistics) } : {}),
        }
        const given = goal.label ? labelsOf(part, goal.label, data) : null
        for (const { name } of moving?.adversary.inputs ?? [])
          feeds[name] = name === LABELS ? given! : answers.of(name, part.indices)
        const values = (await session.run(feeds, [shown.student]))[shown.student]!.data as Float32Array
        const target = answers.of(shown.target, part.indices).data as Float32Array
        const labels = given && (given.data as BigInt64Array)
        const width = values.length / part.indices.length
        for (let i = 0; i < part.indices.length; i++) {
          const [from, to] = [i * width, (i + 1) * width]
          sum += scoreOf(values.subarray(from, to), target.subarray(from, to), labels?.[i])
        }
        count += part.indices.length
      }
      return sum / Math.max(1, count)
    },
    close: () => session.close(),
  }
}

const classMet = (own: Float32Array, wanted: Float32Array, label: bigint | undefined): number =>
  argmax(own) === (label === undefined ? argmax(wanted) : Number(label)) ? 1 : 0

const minusDistance = (own: Float32Array, wanted: Float32Array): number =>
  -own.reduce((all, value, k) => all + (value - wanted[k]!) ** 2, 0) / own.length
