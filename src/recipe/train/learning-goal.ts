import type { Dataset } from '../../data/index.ts'
import { typeText } from '../../engine/index.ts'
import { headOf } from '../../evaluate/index.ts'
import {
  type Dim,
  inferTypes,
  isFloating,
  type Model,
  type Shape,
  tensorDtype,
  tensorShape,
  type ValueType,
} from '../../ir/index.ts'
import type { Loss } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import { float32Form } from '../float32-form.ts'

/** One output to learn. `teacher` and `student` are the values that are brought together. */
interface LearnedOutput {
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
  teacherFile: Model,
  studentFile: Model,
  data: Dataset,
  label: string | undefined,
): Promise<LearningGoal> {
  const teacher = await float32Form(teacherFile)
  const student = studentFile === teacherFile ? teacher : await float32Form(studentFile)
  const field = label ?? data.fields.find(({ role }) => role === 'label')?.name
  const numbers = field !== undefined && (await holdsClasses(data, field))
  const types = inferTypes(teacher)
  const names = teacher.graph.outputs.map(({ name }) => name)
  const floats = names.filter((name) => tensorDtype(types.get(name)) === 'float32')
  if (floats.length === 0) {
    throw new UserError('unsupported', 'no output of the teacher is float', {
      where: names.join(', '),
      hint: 'a student learns from scores or values, not from finished decisions',
    })
  }
  const studentTypes = inferTypes(student)
  for (const name of floats) checkOutput(name, types.get(name)!, student, studentTypes.get(name))
  const classesOf = (name: string) => classCount(tensorShape(types.get(name)))
  const outputs = floats.map((name, i): LearnedOutput => {
    const inTeacher = headOf(teacher, name).logits
    const inStudent = headOf(student, name).logits
    const scores =
      inTeacher === null && inStudent === null
        ? numbers || /logit|class|score/i.test(name)
        : inTeacher !== null && inStudent !== null
    const target = `learn/target${i}`
    return scores && classesOf(name) !== null
      ? { output: name, teacher: inTeacher ?? name, student: inStudent ?? name, kind: 'classes', target }
      : { output: name, teacher: name, student: name, kind: 'values', target }
  })
  if (!field) return { outputs, label: null }
  const output = outputs.find(({ kind }) => kind === 'classes')
  const classes = output && classesOf(output.output)
  return numbers && output && classes
    ? { outputs, label: { field, classes, output } }
    : { outputs, label: null, unlearned: field }
}

/** @throws UserError `unsupported` where the student has no output of this name, element type and sizes. */
function checkOutput(name: string, wanted: ValueType, student: Model, type: ValueType | undefined): void {
  const names = student.graph.outputs.map((output) => output.name)
  const there = names.includes(name)
  if (there && tensorDtype(type) === tensorDtype(wanted) && sameSizes(tensorShape(type), tensorShape(wanted))) return
  const words = (of: ValueType | undefined) => (of?.kind === 'tensor' ? typeText(of.dtype, of.shape) : 'no tensor')
  throw new UserError(
    'unsupported',
    there
      ? `the student's output "${name}" is ${words(type)}, the teacher's ${words(wanted)}`
      : `the student has no output "${name}", which the teacher has; it has ${names.join(', ')}`,
    { where: `output "${name}"`, hint: 'both need outputs of the same names, element types and sizes' },
  )
}

/** Whether two shapes may be of the same sizes, whatever the number of rows. */
function sameSizes(a: Shape | null, b: Shape | null): boolean {
  if (!a || !b) return true
  const same = (dim: Dim, axis: number) =>
    axis === 0 || typeof dim !== 'number' || typeof b[axis] !== 'number' || dim === b[axis]
  return a.length === b.length && a.every(same)
}

/** The classes that an output of this shape has a number for, in each row; null where it is of another form. */
function classCount(shape: Shape | null): number | null {
  const last = shape?.at(-1)
  return shape?.length === 2 && typeof last === 'number' && last >= 2 ? last : null
}

/** Whether a field is the number of a class, in floats too: as its first row has it, which is how a metric is chosen. */
async function holdsClasses(data: Dataset, field: string): Promise<boolean> {
  const { dtype, rowShape } = data.fields.find(({ name }) => name === field) ?? {}
  if (dtype === undefined || rowShape?.length !== 0) return false
  if (/^u?int/.test(dtype)) return true
  if (!isFloating(dtype)) return false
  for await (const { columns } of data.read({ indices: [0], fields: [field] }))
    return Number.isInteger(Number(columns[field]!.data[0]))
  return false
}

interface LossOptions {
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
