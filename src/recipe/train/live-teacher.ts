import { augmented, type Dataset, laidOver, type RowChange, type Rows } from '../../data/index.ts'
import type { Feeds, PortValue, Session, TensorValue } from '../../engine/index.ts'
import { feedsOf } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import type { LearningGoal } from './learning-goal.ts'

/** The teacher itself, for rows that are new each time they are seen. */
export interface LiveTeacher {
  readonly inputs: readonly PortValue[]
  /**
   * What it answers to these rows with these changes made, by target of the loss. `made` are feeds of the student for
   * the same rows, taken over where the teacher has an input of that name.
   */
  answers(part: Rows, changes: readonly RowChange[], made: Feeds): Promise<Readonly<Record<string, TensorValue>>>
  close(): Promise<void>
}

/** Opens the teacher for the outputs and the inner values that the goal asks for. */
export async function openTeacher(
  teacher: Model,
  goal: LearningGoal,
  data: Dataset,
  open: (model: Model) => Promise<Session>,
): Promise<LiveTeacher> {
  const session = await open(teacher)
  const asked = [...goal.outputs, ...(goal.hints ?? [])]
  const fetch = [...new Set(asked.map((value) => value.teacher))]
  return {
    inputs: session.inputs,
    async answers(part, changes, made) {
      // Changing rows costs as much as a small network's step: it is done once for both.
      const shared = session.inputs.filter((input) => takes(input, made[input.name]))
      const others = session.inputs.filter((input) => !shared.includes(input))
      const feeds = {
        ...changedFeeds(part, others, data, changes),
        ...Object.fromEntries(shared.map(({ name }) => [name, made[name]!])),
      }
      const results = await session.run(feeds, fetch)
      return Object.fromEntries(asked.map((value) => [value.target, results[value.teacher]!]))
    },
    close: () => session.close(),
  }
}

const takes = ({ dtype, shape }: PortValue, value: TensorValue | undefined): boolean =>
  value?.dtype === dtype && (shape === null || shape.length === value.dims.length)

/** Rows as feeds, floats with the changes made. */
export function changedFeeds(
  part: Rows,
  inputs: readonly PortValue[],
  data: Dataset,
  changes: readonly RowChange[],
): Feeds {
  const feeds = feedsOf(part, inputs, data)
  return Object.fromEntries(
    Object.entries(feeds).map(([name, value]) => [
      name,
      part.columns[name] && value.dtype === 'float32' && value.dims[0] === part.indices.length
        ? { ...value, data: augmented({ dims: value.dims, data: value.data as Float32Array }, changes) }
        : value,
    ]),
  )
}

/** Labels as shares of the classes, mixed as their rows are. */
export function mixedLabels(labels: TensorValue, classes: number, changes: readonly RowChange[]): TensorValue {
  const shares = new Float32Array(changes.length * classes)
  for (const [i, label] of (labels.data as BigInt64Array).entries()) shares[i * classes + Number(label)] = 1
  return { dtype: 'float32', dims: [changes.length, classes], data: laidOver(shares, changes) }
}
