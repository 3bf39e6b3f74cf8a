import type { Dataset } from '../../data/index.ts'
import { openIsolated, type Session } from '../../engine/index.ts'
import {
  ATTACKS,
  type AttackName,
  type AttackOutcome,
  type AttackPlan,
  type AttackSubject,
  attackOne,
  type FooledRow,
  fooledRows,
  leastOfClass1,
  type Norm,
  oneScoreEach,
  pairedRobustness,
  readRows,
  STANDARD,
  transferred,
} from '../../evaluate/index.ts'
import { type Model, operatorName } from '../../ir/index.ts'
import { modelDigest } from '../../onnx/index.ts'
import { UserError } from '../../platform/index.ts'
import type { AttackReport } from '../../report/index.ts'
import { answerOf, classesOf, gradientsOf, twoClassesOf } from '../evidence/class-gradient.ts'
import { namedModel, type TestedModel } from './robustness.ts'

export interface AttackOptions {
  /** One attack, or AutoAttack's four (`standard`, which it is unless said). */
  readonly attack?: AttackName | 'standard'
  readonly norm?: Norm
  /** Radius, in units of the input (0.1). */
  readonly eps?: number
  /** Valid input values; the data set's declared domain, or [0, 1] where all rows lie in it, unless said. */
  readonly range?: readonly [number, number]
  /** A model that is attacked with the same budget; wrong rows of either are tried on the other. */
  readonly against?: TestedModel
  readonly label?: string
  readonly indices?: readonly number[]
  readonly batch?: number
  /** How a model is opened; in a process of its own unless said, so that a fault of the runtime is a message. */
  readonly open?: (model: Model) => Promise<Session>
  readonly seed?: number
  /** How many of the rows that were turned the report names (none unless said); `onFooled` gets their values too. */
  readonly examples?: number
  readonly onFooled?: (rows: readonly FooledRow[]) => void
  readonly onProgress?: (progress: { readonly part: string; readonly share: number }) => void
  readonly signal?: AbortSignal
}

/** Two-sided level of the interval of the paired difference. */
const ALPHA = 0.05

/**
 * How many rows a classifier still answers right when each may be changed a little, as an adversary would. Each model
 * runs in processes of its own; its gradients come from the model itself (see `differentiate`), through rounding as if
 * that were the identity, so that integer models are attacked and not only their float ancestors.
 *
 * @throws UserError for models that are no classifiers of float32 rows, rows outside the range, labels out of range,
 * and an attack along the gradient of a model that has none.
 */
export async function attack(model: TestedModel, data: Dataset, options: AttackOptions = {}): Promise<AttackReport> {
  const { norm = 'linf', eps = 0.1, seed = 0 } = options
  if (!(eps > 0 && Number.isFinite(eps)))
    throw new UserError('bad-argument', `eps must be above 0, got ${eps}`, { where: 'eps', hint: 'usual: 0.1' })
  const attacks = options.attack === undefined || options.attack === 'standard' ? STANDARD : [options.attack]
  const closing: Session[] = []
  try {
    const own = await subjectOf(await namedModel(model, 0), data, options, closing)
    const other =
      options.against && (await subjectOf(await namedModel(options.against, 1), data, options, closing, own.least))
    if (other && other.subject.rows.width !== own.subject.rows.width)
      throw new UserError('bad-argument', 'the two models take rows of different sizes', {
        where: other.path,
        hint: 'both must take the same rows',
      })
    const { range, from } = validRange(own.subject, data, options.range)
    const limits = [Math.fround(range[0]), Math.fround(range[1])] as const
    const planFor = (path: string): AttackPlan => ({
      attacks,
      norm,
      eps,
      range: limits,
      seed,
      thorough: other !== undefined,
      ...(options.signal ? { signal: options.signal } : {}),
      onProgress: (part, share) => options.onProgress?.({ part: other ? `${path}: ${part}` : part, share }),
    })
    const warnings = [...data.notes]
    for (const { path, missing } of other ? [own, other] : [own]) {
      if (missing === null) continue
      if (attacks.every((name) => ATTACKS[name].loss !== null))
        throw new UserError('unsupported', `"${path}" has no gradient for this attack: ${missing}`, {
          where: path,
          hint: '--attack square needs no gradient',
        })
      warnings.push(`${path} has no gradient: ${missing}`)
    }
    const first = await attackOne(own.subject, planFor(own.path))
    const second = other && (await attackOne(other.subject, planFor(other.path)))
    const stands = second
      ? [
          await withTransfer(own.subject, first, second, other.path),
          await withTransfer(other.subject, second, first, own.path),
        ]
      : [first]
    const skipped = attacks.filter((name) => !(name in first.byAttack))
    for (const name of skipped)
      if (own.missing === null) warnings.push(`${name} needs four classes, and the model has fewer`)
    const fooled = options.examples ? await fooledRows(own.subject, first, options.examples) : null
    if (fooled) options.onFooled?.(fooled)
    const paired = stands[1] && pairedRobustness(stands[1].robust, stands[0]!.robust, ALPHA)
    return {
      kind: 'attack',
      version: 1,
      model: { path: own.path, digest: own.digest },
      ...standOf(stands[0]!),
      sentence: sentenceOf(stands[0]!, norm, eps),
      attacks,
      norm,
      eps,
      range,
      rangeFrom: from,
      seed,
      ...(other && stands[1] ? { against: { path: other.path, digest: other.digest, ...standOf(stands[1]) } } : {}),
      ...(paired ? { paired } : {}),
      ...(fooled
        ? {
            fooled: fooled.map(({ row, label, answer, attack: name, largest, length }) => ({
              row,
              label,
              answer,
              attack: name,
              largest,
              length,
            })),
          }
        : {}),
      warnings,
      data: { path: data.path, digest: await data.digest(), rows: own.subject.rows.labels.length },
    }
  } finally {
    for (const session of closing) await session.close()
  }
}

interface Opened {
  readonly path: string
  readonly digest: string
  readonly subject: AttackSubject
  /** Why there is no gradient, or null. */
  readonly missing: string | null
  /** The least score that says class 1, of a model with one score a row. */
  readonly least?: number
}

async function subjectOf(
  { path, model }: { readonly path: string; readonly model: Model },
  data: Dataset,
  options: AttackOptions,
  closing: Session[],
  leastOfOther?: number,
): Promise<Opened> {
  const opening = options.open ?? openIsolated
  const open = async (one: Model) => {
    const session = await opening(one)
    closing.push(session)
    return session
  }
  const whole = await open(model)
  const label = options.label ?? data.fields.find(({ role }) => role === 'label')?.name
  if (label === undefined)
    throw new UserError('bad-data', 'attacks need labels, and the data has none', {
      where: data.path,
      hint: 'name the field that holds the truth with --label',
    })
  const rows = await readRows(whole.inputs, data, {
    label,
    batch: options.batch ?? BATCH,
    ...(options.indices ? { indices: options.indices } : {}),
  })
  const answer = answerOf(model, whole)
  const scores = isBinary(rows.labels) ? await oneScoreEach(whole, answer, rows.plan, rows.width, rows.x) : null
  const least = scores ? (leastOfOther ?? leastOfClass1(rows.labels, scores)) : null
  const { answering, output, logits, bare } =
    least === null ? classesOf(model, answer) : twoClassesOf(model, answer, least)
  const session = answering === model ? whole : await open(answering)
  const forward = logits === output ? session : await open(bare)
  const gradients = gradientsOf(bare, logits, rows.plan.input, opening)
  const missing = 'missing' in gradients ? gradients.missing : null
  const rounds = model.graph.nodes.some((node) => ROUNDING.test(operatorName(node)))
  return {
    path,
    digest: modelDigest(model),
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

/**
 * The values that are valid, as they were given. Rows are float32, and so must the limits be that they are held to: a
 * value that is cut to 0.3 is stored as 0.30000001, and would count as beyond 0.3.
 */
function validRange(
  { rows }: AttackSubject,
  data: Dataset,
  given: readonly [number, number] | undefined,
): { range: readonly [number, number]; from: AttackReport['rangeFrom'] } {
  const [low, high] = rows.extent
  const declared = data.domains[rows.plan.input]
  const range = given ?? declared ?? (low >= 0 && high <= 1 ? ([0, 1] as const) : undefined)
  if (!range)
    throw new UserError('bad-data', `rows go from ${shortest(low)} to ${shortest(high)}: what values are valid?`, {
      where: data.path,
      hint: `give --range LOW,HIGH, or "domains": {"${rows.plan.input}": [LOW, HIGH]} in dataset.json`,
    })
  if (low < Math.fround(range[0]) || high > Math.fround(range[1]))
    throw new UserError(
      'bad-data',
      `rows go from ${shortest(low)} to ${shortest(high)}, beyond the valid range [${range.join(', ')}]`,
      {
        where: data.path,
        hint: 'give the range that the rows really have with --range LOW,HIGH',
      },
    )
  return { range, from: given ? 'option' : declared ? 'data set' : 'rows' }
}

/** The fewest digits that a float32 is read back from. */
function shortest(value: number): string {
  for (let digits = 1; digits < 9; digits++)
    if (Math.fround(Number(value.toPrecision(digits))) === value) return String(Number(value.toPrecision(digits)))
  return String(Number(value.toPrecision(9)))
}

/** Wrong rows of the other model are tried on this one, and count. */
async function withTransfer(
  subject: AttackSubject,
  own: AttackOutcome,
  other: AttackOutcome,
  path: string,
): Promise<AttackOutcome> {
  const correct = await transferred(subject, own.clean, other.found)
  const guided = Object.entries(own.byAttack).filter(([name]) => ATTACKS[name as AttackName].loss !== null)
  const best = Math.min(...guided.map(([, list]) => count(list)))
  const alarms =
    guided.length > 0 && count(correct) < best
      ? [
          `rows found on ${path} leave ${count(correct)} right where its own gradient leaves ${best}: the gradient is hidden`,
        ]
      : []
  return {
    ...own,
    robust: own.robust.map((right, row) => right && correct[row]!),
    byAttack: { ...own.byAttack, transfer: correct },
    alarms: [...own.alarms, ...alarms],
  }
}

const count = (list: readonly boolean[]): number => list.filter(Boolean).length

function standOf({ clean, robust, byAttack, gradient, alarms }: AttackOutcome) {
  return {
    clean: { correct: count(clean), n: clean.length },
    robust: { correct: count(robust), n: robust.length },
    byAttack: Object.fromEntries(Object.entries(byAttack).map(([name, list]) => [name, { correct: count(list) }])),
    gradient,
    alarms,
  }
}

function sentenceOf({ clean, robust, alarms, gradient }: AttackOutcome, norm: Norm, eps: number): string {
  const size = norm === 'linf' ? `each value by at most ${eps}` : `the whole row by at most ${eps} in length`
  const stands = `Of ${clean.length} row${clean.length === 1 ? '' : 's'} ${count(clean)} are right as they are, and ${count(robust)} stay right when an adversary changes ${size}.`
  const doubt =
    alarms.length > 0
      ? ' The true number may be lower: see the alarms.'
      : gradient === 'none'
        ? ' The true number may be lower: nothing could follow its gradient.'
        : ''
  return `${stands}${doubt}`
}
