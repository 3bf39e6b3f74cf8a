import type { Dataset } from '../../data/index.ts'
import type { Session } from '../../engine/index.ts'
import {
  ATTACKS,
  type AttackName,
  type AttackOutcome,
  type AttackPlan,
  type AttackSubject,
  attackOne,
  type FooledRow,
  fooledRows,
  type Norm,
  pairedRobustness,
  STANDARD,
  transferred,
} from '../../evaluate/index.ts'
import { UserError } from '../../platform/index.ts'
import type { AttackReport } from '../../report/index.ts'
import { type Attacked, type AttackedOptions, openAttacked } from './attacked-model.ts'
import { namedModel, type TestedModel } from './robustness.ts'
import { validRange } from './valid-range.ts'

export interface AttackOptions extends AttackedOptions {
  /** One attack, or AutoAttack's four (`standard`, which it is by default). */
  readonly attack?: AttackName | 'standard' | undefined
  readonly norm?: Norm | undefined
  /** Radius, in units of the input (0.1). */
  readonly eps?: number | undefined
  /** Valid input values; the data set's declared domain, or [0, 1] where all rows lie in it, by default. */
  readonly range?: readonly [number, number] | undefined
  /** A model that is attacked with the same budget; wrong rows of either are tried on the other. */
  readonly against?: TestedModel | undefined
  readonly seed?: number | undefined
  /** How many of the rows that were turned the report names (none by default); `onFooled` gets their values too. */
  readonly examples?: number | undefined
  readonly onFooled?: ((rows: readonly FooledRow[]) => void) | undefined
  readonly onProgress?: ((progress: { readonly part: string; readonly share: number }) => void) | undefined
  readonly signal?: AbortSignal | undefined
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
    const own = await openAttacked(await namedModel(model, 0), data, options, closing)
    const other =
      options.against && (await openAttacked(await namedModel(options.against, 1), data, options, closing, own.least))
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
      signal: options.signal,
      onProgress: (part, share) => options.onProgress?.({ part: other ? `${path}: ${part}` : part, share }),
    })
    const warnings = [...data.notes, ...withoutGradient(other ? [own, other] : [own], attacks)]
    const first = await attackOne(own.subject, planFor(own.path))
    const second = other && (await attackOne(other.subject, planFor(other.path)))
    const stand = other && second ? await withTransfer(own.subject, first, second, other.path) : first
    const against = other && second && (await withTransfer(other.subject, second, first, own.path))
    const skipped = attacks.filter((name) => !(name in first.byAttack))
    if (own.missing === null)
      for (const name of skipped) warnings.push(`${name} needs four classes, and the model has fewer`)
    const fooled = options.examples ? await fooledRows(own.subject, first, options.examples) : null
    if (fooled) options.onFooled?.(fooled)
    const paired = against && pairedRobustness(against.robust, stand.robust, ALPHA)
    return {
      kind: 'attack',
      version: 1,
      model: { path: own.path, digest: own.digest },
      ...standOf(stand),
      sentence: sentenceOf(stand, norm, eps),
      attacks,
      norm,
      eps,
      range,
      rangeFrom: from,
      seed,
      ...(other && against ? { against: { path: other.path, digest: other.digest, ...standOf(against) } } : {}),
      ...(paired ? { paired } : {}),
      ...(fooled ? { fooled: fooled.map(withoutValues) } : {}),
      warnings,
      data: { path: data.path, digest: await data.digest(), rows: own.subject.rows.labels.length },
    }
  } finally {
    for (const session of closing) await session.close()
  }
}

/**
 * What is to be said of models that no attack can follow the gradient of.
 *
 * @throws UserError where every attack asked for would have to.
 */
function withoutGradient(models: readonly Attacked[], attacks: readonly AttackName[]): readonly string[] {
  return models.flatMap(({ path, missing }) => {
    if (missing === null) return []
    if (attacks.every((name) => ATTACKS[name].loss !== null))
      throw new UserError('unsupported', `"${path}" has no gradient for this attack: ${missing}`, {
        where: path,
        hint: '--attack square needs no gradient',
      })
    return [`${path} has no gradient: ${missing}`]
  })
}

/** A turned row as the report names it: values are for pictures. */
const withoutValues = ({ row, label, answer, attack: name, largest, length }: FooledRow) => ({
  row,
  label,
  answer,
  attack: name,
  largest,
  length,
})

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
