import type { Dataset } from '../../data/index.ts'
import { openIsolated, type Session } from '../../engine/index.ts'
import { type AttackSubject, leastOfClass1, oneScoreEach, readRows } from '../../evaluate/index.ts'
import { type Model, operatorName } from '../../ir/index.ts'
import { modelDigest } from '../../onnx/index.ts'
import { float32Borders } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import { dynamicBatch } from '../dynamic-batch.ts'
import { answerOf, classesOf, gradientsOf, twoClassesOf } from '../evidence/class-gradient.ts'
import { float32Form } from '../float32-form.ts'

export interface AttackedOptions {
  /** The field that holds the truth; the data set's own label by default. */
  readonly label?: string | undefined
  readonly indices?: readonly number[] | undefined
  /** Rows in one run; 256 by default. */
  readonly batch?: number | undefined
  /** How a model is opened; in a process of its own by default, so that a fault of the runtime is a message. */
  readonly open?: ((model: Model) => Promise<Session>) | undefined
}

/** A model that is attacked, with what the report says of it. */
export interface Attacked {
  readonly path: string
  readonly digest: string
  readonly subject: AttackSubject
  /** Why there is no gradient, or null. */
  readonly missing: string | null
  /** The least score that says class 1, of a model with one score a row. */
  readonly least?: number
}

/**
 * Opens what attacks ask of a model: its answers, its logits, their gradient, and the rows. All sessions go into
 * `closing`. `leastOfOther`: where class 1 begins in the scores of the model beside it.
 *
 * @throws UserError for data without labels, and for models that are no classifiers of float32 rows.
 */
export async function openAttacked(
  { path, model: file }: { readonly path: string; readonly model: Model },
  data: Dataset,
  options: AttackedOptions,
  closing: Session[],
  leastOfOther?: number,
): Promise<Attacked> {
  const opening = options.open ?? openIsolated
  const open = async (one: Model) => {
    const session = await opening(one)
    closing.push(session)
    return session
  }
  // It answers as the file does; slopes are those of the float32 model behind it.
  const [borders, inside] = [float32Borders(file), await float32Form(file)]
  const { model } = await dynamicBatch(borders, data, opening)
  const smooth = inside === borders ? model : (await dynamicBatch(inside, data, opening)).model
  const whole = await open(model)
  const label = options.label ?? data.fields.find(({ role }) => role === 'label')?.name
  if (label === undefined)
    throw new UserError('bad-data', 'attacks need labels, and the data has none', {
      where: data.path,
      hint: 'name the field that holds the truth with --label',
    })
  const rows = await readRows(whole.inputs, data, { label, batch: options.batch ?? BATCH, indices: options.indices })
  const answer = answerOf(model, whole)
  const scores = isBinary(rows.labels) ? await oneScoreEach(whole, answer, rows.plan, rows.width, rows.x) : null
  const least = scores ? (leastOfOther ?? leastOfClass1(rows.labels, scores)) : null
  const classes = (of: Model) => (least === null ? classesOf(of, answer) : twoClassesOf(of, answer, least))
  const { answering, output, logits, bare } = classes(model)
  const session = answering === model ? whole : await open(answering)
  const forward = logits === output ? session : await open(bare)
  const sloped = smooth === model ? { bare, logits } : classes(smooth)
  const gradients = gradientsOf(sloped.bare, sloped.logits, rows.plan.input, opening)
  const missing = 'missing' in gradients ? gradients.missing : null
  const rounds = smooth !== model || model.graph.nodes.some((node) => ROUNDING.test(operatorName(node)))
  return {
    path,
    digest: modelDigest(file),
    missing,
    ...(least === null ? {} : { least }),
    subject: {
      session,
      output,
      forward,
      logits,
      openGradient: 'missing' in gradients ? null : gradients.open,
      gradient: missing !== null ? 'none' : rounds ? 'straight-through' : 'exact',
      rows,
    },
  }
}

const isBinary = (labels: Int32Array) => labels.every((label) => label <= 1)

/** Rows in one run. */
const BATCH = 256

const ROUNDING = /QuantizeLinear$|^QLinear|^(Round|Floor|Ceil)$|Integer$/
