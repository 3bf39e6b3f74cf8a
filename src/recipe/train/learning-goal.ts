import type { Dataset } from '../../data/index.ts'
import { typeText } from '../../engine/index.ts'
import { headOf } from '../../evaluate/index.ts'
import { inferTypes, type Model } from '../../ir/index.ts'
import type { Loss } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'

/** One output to learn. `teacher` and `student` are the values that are brought together. */
export interface LearnedOutput {
  readonly output: string
  readonly teacher: string
  readonly student: string
  readonly kind: 'classes' | 'values'
  /** The input of the loss that takes the teacher's values. */
  readonly target: string
}

/** An inner value of the student that is to be like one of the teacher's. */
export interface Hint {
  readonly name: string
  readonly teacher: string
  readonly student: string
  /** The input of the loss that takes the teacher's value. */
  readonly target: string
  /** Squared distance, or divergence of what the two logits say along the last axis. */
  readonly kind: 'mse' | 'kl'
  /** Weight in the loss, beside the answers. */
  readonly weight: number
}

/** What a student learns: the teacher's answers, and labels of classes where there are some. */
export interface LearningGoal {
  /** From inside the teacher; these are asked anew in every step, since they are too large to be kept. */
  readonly hints?: readonly Hint[]

  readonly outputs: readonly LearnedOutput[]
  readonly label: { readonly field: string; readonly classes: number; readonly output: LearnedOutput } | null
  /** The field of labels that are no classes of an output, so that the teacher's answers count alone. */
  readonly unlearned?: string
}

export const LABELS = 'learn/labels'

/**
 * What of the teacher a student can learn: class scores as logits (behind a Softmax, or where labels or the name say
 * that an output holds classes), every other output of floats as values.
 *
 * @throws UserError `unsupported` where the two do not have the same outputs, or none is float.
 */
export async function learningGoal(
  teacher: Model,
  student: Model,
  data: Dataset,
  label: string | undefined,
): Promise<LearningGoal> {
  const types = inferTypes(teacher)
  const own = inferTypes(student)
  const names = student.graph.outputs.map(({ name }) => name)
  const shapeOf = (from: typeof types, name: string) => {
    const type = from.get(name)
    return type?.kind === 'tensor' ? type : undefined
  }
  const field = label ?? data.fields.find(({ role }) => role === 'label')?.name
  const numbers = field !== undefined && (await holdsClasses(data, field))
  const floats = teacher.graph.outputs.flatMap(({ name }) => {
    const type = shapeOf(types, name)
    return type?.dtype === 'float32' ? [{ name, type }] : []
  })
  if (floats.length === 0)
    throw new UserError('unsupported', 'no output of the teacher is float32', {
      where: teacher.graph.outputs.map(({ name }) => name).join(', '),
      hint: 'a student learns from scores or values, not from finished decisions',
    })
  const outputs = floats.map(({ name, type }, i): LearnedOutput => {
    const other = shapeOf(own, name)
    const same =
      other?.dtype === type.dtype &&
      (!type.shape ||
        !other.shape ||
        (type.shape.length === other.shape.length &&
          type.shape.every((dim, axis) => {
            const size = other.shape![axis]
            return axis === 0 || typeof dim !== 'number' || typeof size !== 'number' || dim === size
          })))
    if (!names.includes(name) || !same)
      throw new UserError(
        'unsupported',
        names.includes(name)
          ? `the student's output "${name}" is ${other ? typeText(other.dtype, other.shape) : 'no tensor'}, the teacher's ${typeText(type.dtype, type.shape)}`
          : `the student has no output "${name}", which the teacher has; it has ${names.join(', ')}`,
        {
          where: `output "${name}"`,
          hint: 'both need outputs of the same names, element types and sizes',
        },
      )
    const head = headOf(teacher, name).logits
    const studentHead = headOf(student, name).logits
    const both = head !== null && studentHead !== null
    const last = type.shape?.at(-1)
    const classes =
      type.shape?.length === 2 &&
      typeof last === 'number' &&
      last >= 2 &&
      (both || (head === null && studentHead === null && (numbers || /logit|class|score/i.test(name))))
    return {
      output: name,
      teacher: both && classes ? head : name,
      student: both && classes ? studentHead : name,
      kind: classes ? 'classes' : 'values',
      target: `learn/target${i}`,
    }
  })
  const labelled = outputs.find(({ kind }) => kind === 'classes')
  const classes = labelled && shapeOf(types, labelled.output)?.shape?.at(-1)
  if (!field) return { outputs, label: null }
  return numbers && labelled && typeof classes === 'number'
    ? { outputs, label: { field, classes, output: labelled } }
    : { outputs, label: null, unlearned: field }
}

/** Whether a field is the number of a class, in floats too: as its first row has it, which is how a metric is chosen. */
async function holdsClasses(data: Dataset, field: string): Promise<boolean> {
  const { dtype, rowShape } = data.fields.find(({ name }) => name === field) ?? {}
  if (dtype === undefined || rowShape?.length !== 0) return false
  if (/^u?int/.test(dtype)) return true
  if (!dtype.startsWith('float')) return false
  for await (const { columns } of data.read({ indices: [0], fields: [field] }))
    return Number.isInteger(Number(columns[field]!.data[0]))
  return false
}

export interface LossOptions {
  readonly temperature: number
  /** Share of the teacher where labels exist; without labels it counts alone. */
  readonly teacherShare: number
  /** Labels come as shares of the classes: rows are mixed. */
  readonly mixed?: boolean
}

/** The parts of the loss by name, with their weights, and the loss. */
export function lossOf(
  goal: LearningGoal,
  { temperature, teacherShare, mixed = false }: LossOptions,
): { readonly loss: Loss; readonly weights: Readonly<Record<string, number>> } {
  const share = goal.label ? teacherShare : 1
  const weights: Record<string, number> = {}
  const terms: { loss: Loss; weight: number }[] = []
  for (const { student, target, kind, output } of goal.outputs) {
    const weight = share / goal.outputs.length
    if (weight === 0) continue
    weights[`teacher's ${output}`] = weight
    terms.push({
      weight,
      loss:
        kind === 'classes'
          ? { kind: 'kl', output: student, teacher: target, temperature }
          : { kind: 'mse', output: student, target },
    })
  }
  if (goal.label && share < 1) {
    weights.labels = 1 - share
    terms.push({
      weight: 1 - share,
      loss: { kind: 'cross-entropy', output: goal.label.output.student, labels: LABELS, soft: mixed },
    })
  }
  for (const { name, kind, student, target, weight } of goal.hints ?? []) {
    weights[name] = weight
    terms.push({
      weight,
      loss:
        kind === 'mse'
          ? { kind, output: student, target }
          : { kind, output: student, teacher: target, axis: -1, temperature: 1 },
    })
  }
  return { loss: terms.length === 1 && terms[0]!.weight === 1 ? terms[0]!.loss : { kind: 'sum', terms }, weights }
}
