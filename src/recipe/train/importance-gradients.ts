import { type Dataset, randomNumbers, spreadRows } from '../../data/index.ts'
import { openIsolated, type Session, type TensorValue } from '../../engine/index.ts'
import { argmax, feedsOf } from '../../evaluate/index.ts'
import { elementCount, type Model } from '../../ir/index.ts'
import { differentiate, type Loss } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import { dynamicBatch } from '../dynamic-batch.ts'
import { float32Form } from '../float32-form.ts'
import { LABELS, type LearningGoal } from './learning-goal.ts'
import { labelsOf, readRows, type TeacherAnswers } from './learning-rows.ts'

/** The rows that a loss is looked at on (places in `data`), and the answers that it is a loss of. */
export interface ImportanceOptions {
  readonly data: Dataset
  readonly rows: readonly number[]
  readonly goal: LearningGoal
  readonly answers: TeacherAnswers
  readonly seed: number
  readonly open?: ((model: Model) => Promise<Session>) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Rows that are looked at, and how many in a run. */
export const ROWS = 512
export const BATCH = 32

/**
 * The gradients by `weights`, batch by batch, of a loss that is not zero for the model itself: its labels, else its own
 * answers taken for labels, else its outputs times random signs, whose squared gradient is that of all outputs together
 * on average.
 */
export async function eachGradient(
  file: Model,
  weights: readonly string[],
  options: ImportanceOptions,
  visit: (gradients: ReadonlyMap<string, Float32Array>) => void,
): Promise<void> {
  const { goal, answers, data } = options
  const open = options.open ?? openIsolated
  const { model } = await dynamicBatch(await float32Form(file), data, open)
  const classes = goal.label?.output ?? goal.outputs.find(({ kind }) => kind === 'classes')
  const [first] = goal.outputs
  const SEED = 'learn/signs'
  const loss: Loss = classes
    ? { kind: 'cross-entropy', output: classes.student, labels: LABELS }
    : { kind: 'seeded', output: first!.student, seed: SEED }
  const wrt = [...new Set(weights)].filter((name) => model.graph.initializers.get(name)?.dtype === 'float32')
  const made = differentiate(model, { loss, wrt, keepOutputs: false })
  if (made.gradients.size === 0) {
    const [refusal] = made.report.refused
    throw new UserError('unsupported', `no gradient reaches the weights: ${refusal?.reason ?? 'no weights'}`, {
      where: refusal?.node ?? model.graph.name,
      hint: 'use --importance l1, which needs none',
    })
  }
  const session = await open(made.model)
  const random = randomNumbers(options.seed)
  try {
    const inputs = session.inputs.filter(({ name }) => name !== LABELS && name !== SEED)
    const fields = goal.label ? [goal.label.field] : []
    for await (const part of readRows(data, inputs, spreadRows(data, options.rows, ROWS), BATCH, fields)) {
      options.signal?.throwIfAborted()
      const target = answers.of((classes ?? first)!.target, part.indices)
      const extra: Record<string, TensorValue> = !classes
        ? {
            [SEED]: {
              ...target,
              data: Float32Array.from(target.data as Float32Array, () => (random() < 0.5 ? -1 : 1)),
            },
          }
        : { [LABELS]: goal.label ? labelsOf(part, goal.label, data) : answered(target) }
      const results = await session.run({ ...feedsOf(part, inputs, data), ...extra }, [...made.gradients.values()])
      const gradients = new Map(
        [...made.gradients].map(([name, output]) => [name, results[output]!.data as Float32Array] as const),
      )
      visit(gradients)
    }
  } finally {
    await session.close()
  }
}

/** The class that each row was answered with. */
function answered({ dims, data }: TensorValue): TensorValue {
  const [rows, classes] = [dims[0]!, elementCount(dims.slice(1))]
  const values = data as Float32Array
  const labels = BigInt64Array.from({ length: rows }, (_, row) =>
    BigInt(argmax(values.subarray(row * classes, (row + 1) * classes))),
  )
  return { dtype: 'int64', dims: [rows], data: labels }
}
