import type { Session } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import { tango } from '../../statistics/index.ts'
import { argmax } from '../outputs/row-outputs.ts'
import { ATTACKS, type AttackedRows, type AttackName, type AttackPlan, flatRows, runAttacks } from './ensemble.ts'
import { gathered, isFooled, rowAt } from './problem.ts'
import type { AttackRows } from './rows.ts'
import { type AttackLoss, ascentOf, type GradientSession, logitsOf, type Target } from './target.ts'

/** A model under attack. */
export interface AttackSubject {
  /** The model as it is, and its output of classes. */
  readonly session: Session
  readonly output: string
  /** Gives the logits, where the output is probabilities made of them; else the same as `session`. */
  readonly forward: Session
  readonly logits: string
  /** Opens the model that also gives the gradient of a loss; null where there is none. */
  readonly openGradient: ((loss: AttackLoss) => Promise<GradientSession>) | null
  /** Whether the gradient goes through rounding. */
  readonly gradient: 'exact' | 'straight-through' | 'none'
  readonly rows: AttackRows
}

/** How one model stood. All lists have an entry a row. */
export interface AttackOutcome {
  readonly gradient: AttackSubject['gradient']
  readonly clean: readonly boolean[]
  readonly robust: readonly boolean[]
  readonly byAttack: Readonly<Record<string, readonly boolean[]>>
  /** Wrong rows that were found, by attack. */
  readonly found: Readonly<Record<string, readonly (Float32Array | null)[]>>
  readonly alarms: readonly string[]
}

/**
 * Attacks one model: which rows it answers right, which of them stand every attack, and alarms where the numbers are
 * not to be trusted: a loss that is flat where the attack begins, or a search without gradients that breaks what
 * attacks with gradients could not (both mean that the gradients are hidden, not that the model is robust).
 *
 * @throws UserError `bad-data` for a label that is no class of the model.
 */
export async function attackOne(subject: AttackSubject, plan: AttackPlan): Promise<AttackOutcome> {
  const { rows, session, output } = subject
  const { width } = rows
  const single = { ...rows.plan, batch: 1 }
  const answer = async (x: Float32Array) => logitsOf(session, output, single, width, x)
  const isRight = async (x: Float32Array, label: number) => argmax(await answer(x)) === label
  const { classes, clean } = await cleanRows(subject, answer)
  const target: Target = {
    classes,
    width,
    logits: (x) => logitsOf(subject.forward, subject.logits, rows.plan, width, x),
    ascent: subject.openGradient
      ? async (loss) => {
          const model = await subject.openGradient!(loss)
          return ascentOf(model, rows.plan, width, () => model.session.close())
        }
      : null,
  }
  const attacks = plan.attacks.filter((name) => canRun(name, target))
  if (attacks.length === 0) throw noAttack(plan.attacks, classes, output)
  const attacked: AttackedRows = { x: rows.x, labels: rows.labels, rowShape: rows.plan.rowShape }
  const results = await runAttacks(target, attacked, clean, isRight, { ...plan, attacks })
  const byAttack = Object.fromEntries(Object.entries(results).map(([name, { correct }]) => [name, correct]))
  return {
    gradient: subject.gradient,
    clean,
    robust: clean.map((right, row) => right && Object.values(byAttack).every((correct) => correct[row])),
    byAttack,
    found: Object.fromEntries(Object.entries(results).map(([name, { found }]) => [name, found])),
    alarms: [...(await flatness(target, subject, clean)), ...hiddenGradients(byAttack)],
  }
}

/** The ratio of differences needs four classes. */
const canRun = (name: AttackName, target: Target): boolean => {
  if (ATTACKS[name].loss !== null && !target.ascent) return false
  return ATTACKS[name].loss !== 'dlr-targeted' || target.classes >= 4
}

/** Rows that nothing went after stand nothing. */
const noAttack = (asked: readonly AttackName[], classes: number, output: string) =>
  new UserError('unsupported', `${asked.join(', ')} needs four classes, and the model has ${classes}`, {
    where: `output "${output}"`,
    hint: '--attack fab-t goes towards a class as well, and takes any number of them',
  })

async function cleanRows(subject: AttackSubject, answer: (x: Float32Array) => Promise<Float32Array>) {
  const { x, labels, width, rows } = subject.rows
  const clean: boolean[] = []
  let classes = 0
  for (const [row, label] of labels.entries()) {
    const logits = await answer(rowAt(x, row, width))
    classes = logits.length
    if (label >= classes)
      throw new UserError(
        'bad-data',
        `label ${label} of row ${rows[row]} is out of range: the model has ${classes} classes`,
        {
          where: `row ${rows[row]}`,
          hint: `labels go from 0 to ${classes - 1}`,
        },
      )
    clean.push(!isFooled(logits, 0, classes, label))
  }
  return { classes, clean }
}

/** A share of flat rows from which on an attack along the gradient proves nothing. */
const TOO_FLAT = 0.1

async function flatness(target: Target, subject: AttackSubject, clean: readonly boolean[]): Promise<readonly string[]> {
  const victims = [...clean.keys()].filter((row) => clean[row])
  if (!target.ascent || victims.length === 0) return []
  const { x, labels, width } = subject.rows
  const ascent = await target.ascent('cross-entropy')
  try {
    const flat = await flatRows(
      ascent,
      gathered(x, victims, width),
      Int32Array.from(victims, (row) => labels[row]!),
      width,
    )
    if (flat <= TOO_FLAT * victims.length) return []
    return [`the loss has no slope at ${flat} of ${victims.length} rows: attacks along the gradient say little there`]
  } finally {
    await ascent.close()
  }
}

function hiddenGradients(byAttack: Readonly<Record<string, readonly boolean[]>>): readonly string[] {
  const search = byAttack.square
  const guided = Object.entries(byAttack).filter(([name]) => ATTACKS[name as AttackName].loss !== null)
  if (!search || guided.length === 0) return []
  const stood = search.map((_, row) => guided.every(([, correct]) => correct[row]))
  const broken = search.filter((right, row) => !right && stood[row]).length
  const alarms: string[] = []
  const count = (correct: readonly boolean[]) => correct.filter(Boolean).length
  for (const [name, correct] of guided)
    if (count(search) < count(correct))
      alarms.push(
        `square, which sees no gradient, leaves ${count(search)} rows right where ${name} leaves ${count(correct)}: the gradient is hidden`,
      )
  if (broken > 0)
    alarms.push(`square breaks ${broken} row${broken === 1 ? '' : 's'} that no attack along the gradient breaks`)
  return alarms
}

/** Rows found against one model, tried on another: the rows that the other still answers right. */
export async function transferred(
  to: AttackSubject,
  clean: readonly boolean[],
  found: AttackOutcome['found'],
): Promise<readonly boolean[]> {
  const { rows, session, output } = to
  const correct = [...clean]
  for (const points of Object.values(found))
    for (const [row, point] of points.entries()) {
      if (!point || !correct[row]) continue
      const logits = await logitsOf(session, output, { ...rows.plan, batch: 1 }, rows.width, point)
      correct[row] = argmax(logits) === rows.labels[row]
    }
  return correct
}

/**
 * The two models row by row: where only one of them stands, with Tango's interval of the difference at `alpha`.
 *
 * @throws RangeError for an α outside (0, 1).
 */
export function pairedRobustness(base: readonly boolean[], candidate: readonly boolean[], alpha: number) {
  const baseOnly = base.filter((right, row) => right && !candidate[row]).length
  const candidateOnly = candidate.filter((right, row) => right && !base[row]).length
  const n = base.length
  const { ci } = tango({ baseOnly, candidateOnly, n, margin: 0, alpha })
  return { baseOnly, candidateOnly, difference: (candidateOnly - baseOnly) / n, ci, alpha }
}
