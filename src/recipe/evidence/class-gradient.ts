import type { Session } from '../../engine/index.ts'
import { type AttackLoss, type GradientSession, headOf } from '../../evaluate/index.ts'
import { inferTypes, isFloating, type Model, tensorDtype, tensorShape } from '../../ir/index.ts'
import { TARGET_OPSET, upgradeOpset } from '../../onnx/index.ts'
import { differentiate, type Loss } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import { asTwoClasses, logitOf } from './two-classes.ts'

/** The output that holds the classes: the only one, or the first of two axes of floats. */
export function answerOf(model: Model, session: Pick<Session, 'outputs'>): string {
  const types = inferTypes(model)
  const scores = session.outputs.filter(({ name, dtype, shape }) => {
    const rank = (shape ?? tensorShape(types.get(name)))?.length
    return isFloating(dtype) && (rank === undefined || rank >= 1)
  })
  const output = scores.find(({ shape }) => shape?.length === 2) ?? scores[0]
  if (!output)
    throw new UserError('unsupported', 'the model has no output of class scores', {
      where: session.outputs.map(({ name }) => name).join(', '),
      hint: 'attacks need a classifier with one float score a class',
    })
  return output.name
}

/** A classifier, where its scores stand, and what gradients are taken of. */
interface Classes {
  /** The model whose answers count, and its output of classes. */
  readonly answering: Model
  readonly output: string
  /** The logits behind the classes, where they are probabilities made of them, and the model with nothing but these. */
  readonly logits: string
  readonly bare: Model
}

/** Of a model with a score a class. */
export function classesOf(model: Model, output: string): Classes {
  const behind = headOf(model, output).logits
  const logits = behind !== null && isFloat(model, behind) ? behind : output
  return { answering: model, output, logits, bare: onlyOutput(model, logits) }
}

/** Of a model with one score a row, which says class 1 from `least` on. */
export function twoClassesOf(model: Model, score: string, least: number): Classes {
  const { model: answering, classes: output } = asTwoClasses(model, score, least)
  const behind = least === 0 ? null : logitOf(model, score)
  if (behind === null) return { answering, output, logits: output, bare: onlyOutput(answering, output) }
  const { model: before, classes: logits } = asTwoClasses(model, behind, 0)
  return { answering, output, logits, bare: onlyOutput(before, logits) }
}

function isFloat(model: Model, value: string): boolean {
  return isFloating(tensorDtype(inferTypes(model).get(value)) ?? 'undefined')
}

/** The model with this value as its only output. */
function onlyOutput(model: Model, value: string): Model {
  const type = inferTypes(model).get(value)
  const output = model.graph.outputs.find(({ name }) => name === value) ?? {
    name: value,
    type: type ?? { kind: 'unknown' },
  }
  return { ...model, graph: { ...model.graph, outputs: [output] } }
}

const LABELS = 'attack_labels'
const TARGETS = 'attack_targets'

/** Opens the gradient of each loss when an attack asks for it; or why nothing can. */
export function gradientsOf(
  model: Model,
  logits: string,
  input: string,
  openModel: (model: Model) => Promise<Session>,
): { open: (loss: AttackLoss) => Promise<GradientSession> } | { missing: string } {
  const upgraded = upgradeOpset(model, TARGET_OPSET)
  const [problem] = upgraded.report.refused
  if (problem) return { missing: `${problem.node}: ${problem.reason}` }
  const made = (kind: AttackLoss) => {
    const loss: Loss =
      kind === 'cross-entropy'
        ? { kind, output: logits, labels: LABELS }
        : { kind, output: logits, labels: LABELS, targets: TARGETS }
    return differentiate(upgraded.model, { loss, wrt: [input], reduction: 'sum' })
  }
  const trial = made('margin')
  const [refusal] = trial.report.refused
  if (refusal) return { missing: refusal.reason }
  return {
    async open(kind) {
      const { model: gradient, places, gradients } = made(kind)
      const session = await openModel(gradient)
      return { session, logits, places: places!, gradient: gradients.get(input)!, labels: LABELS, targets: TARGETS }
    },
  }
}
