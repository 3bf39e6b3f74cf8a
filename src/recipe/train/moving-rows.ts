import { type Dataset, randomNumbers } from '../../data/index.ts'
import { elementCount, type Model } from '../../ir/index.ts'
import { type Adversary, adversaryOf } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import { type LearningGoal, lossOf } from './learning-goal.ts'

/** How rows are moved against a model before it learns from them. */
export interface AdversaryChoice {
  /** The most that each value may change, in units of the input. */
  readonly eps: number
  /** Steps uphill (3). */
  readonly steps?: number | undefined
  /** Valid values; the domain that the data declares, else all, by default. */
  readonly range?: readonly [number, number] | undefined
}

/** The input that is moved, and the adversary that moves it. */
export interface MovingRows {
  readonly input: string
  readonly adversary: Adversary
}

/** Steps of an adversary, by default. */
export const ADVERSARY_STEPS = 3

/**
 * The adversary of a student that is to give its teacher's answers to untouched rows for moved ones, too (Goldblum et
 * al. 2020, 1905.09747): it climbs the loss that the student learns by, without the parts that look at inner values.
 *
 * @throws UserError where no single float32 input holds the rows, or its gradient cannot be had.
 */
export function movingRows(
  student: Model,
  goal: LearningGoal,
  data: Dataset,
  { eps, steps = ADVERSARY_STEPS, range }: AdversaryChoice,
  learning: { readonly temperature: number; readonly teacherShare: number; readonly seed: number },
): MovingRows {
  const fed = student.graph.inputs.flatMap(({ name, type }) => {
    const field = data.fields.find((candidate) => candidate.name === name)
    return field && type?.kind === 'tensor' && type.dtype === 'float32' ? [field] : []
  })
  const [field, ...others] = fed
  const sizes = field?.rowShape.every((size) => typeof size === 'number' && size > 0)
  if (!field || others.length > 0 || !sizes)
    throw new UserError('unsupported', 'an adversary moves one float32 input, of rows of one size', {
      where: fed.length === 0 ? 'no such input' : fed.map(({ name }) => name).join(', '),
      hint: 'leave out --adversary',
    })
  const random = randomNumbers(learning.seed + 1)
  const dims = field.rowShape as readonly number[]
  const made = adversaryOf(student, {
    input: field.name,
    eps,
    steps,
    range: range ?? data.domains[field.name],
    loss: lossOf({ ...goal, hints: [] }, learning).loss,
    start: { dims, values: Float32Array.from({ length: elementCount(dims) }, () => 2 * random() - 1) },
  })
  if ('refused' in made)
    throw new UserError('unsupported', `rows cannot be moved against this model: ${made.refused.reason}`, {
      where: made.refused.node,
      hint: 'leave out --adversary',
    })
  return { input: field.name, adversary: made }
}
