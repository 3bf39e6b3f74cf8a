import { climb, type Found, isFooled, type Problem, pick, project, randomStart, rowAt, rowsOf } from './problem.ts'
import type { Ascent } from './target.ts'
import { towardsEach } from './towards-each.ts'

export const ITERATIONS = 100
/** A window between checkpoints must have improved this often. */
const RHO = 0.75
const MOMENTUM = 0.75

/** Where one row stands. */
interface Climber {
  readonly row: number
  readonly point: Float32Array
  readonly before: Float32Array
  best: Float32Array
  bestGradient: Float32Array
  gradient: Float32Array
  step: number
  loss: number
  bestLoss: number
  /** The best loss at the last checkpoint, and whether the step was halved there. */
  checkedLoss: number
  halved: boolean
  /** Improvements since the last checkpoint. */
  rises: number
}

/** Cross-entropy, from one random start. */
export const apgdCrossEntropy = (problem: Problem, ascent: Ascent): Promise<Found> =>
  autoPgd(
    problem,
    ascent,
    Array.from({ length: rowsOf(problem) }, (_, row) => row),
    null,
  )

/** The targeted difference of logits ratio, towards each of the nine likeliest wrong classes in turn. */
export const apgdTargeted = (problem: Problem, ascent: Ascent): Promise<Found> =>
  towardsEach(problem, (part, rows, targets) => autoPgd(part, ascent, rows, targets))

/**
 * Auto-PGD: steps with momentum that begin at 2ε and are halved, going back to the best point, where a window of steps
 * did not improve often enough. Windows begin at 22 % of the steps and shrink by 3 % down to 6 %.
 *
 * Source: Croce and Hein, Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free
 * attacks, ICML 2020 (2003.01690), section 3. Rows leave as soon as they are answered wrong,
 * unless the problem asks to be thorough; then the last wrong answer is kept.
 */
async function autoPgd(
  problem: Problem,
  ascent: Ascent,
  rows: readonly number[],
  targets: Int32Array | null,
): Promise<Found> {
  const { target, x, labels, eps } = problem
  const { width, classes } = target
  const found: Found = new Array(rowsOf(problem)).fill(null)
  let left: Climber[] = rows.map((row) => {
    const start = randomStart(problem, rowAt(x, row, width))
    return newClimber(row, start, 2 * eps)
  })

  const look = async (first: boolean): Promise<void> => {
    const at = new Float32Array(left.length * width)
    for (const [k, climber] of left.entries()) at.set(climber.point, k * width)
    const who = left.map((climber) => climber.row)
    const slope = await ascent.at(at, pick(labels, who), targets ? pick(targets, who) : undefined)
    left = left.filter((climber, k) => {
      if (isFooled(slope.logits, k, classes, labels[climber.row]!)) {
        found[climber.row] = climber.point.slice()
        if (!problem.thorough) return false
      }
      arrive(climber, slope.losses[k]!, rowAt(slope.gradient, k, width).slice(), first)
      return true
    })
  }

  await look(true)
  let window = Math.max(1, Math.floor(0.22 * ITERATIONS))
  const [shortest, shrink] = [Math.floor(0.06 * ITERATIONS), Math.floor(0.03 * ITERATIONS)]
  let since = 0
  for (let i = 0; i < ITERATIONS && left.length > 0; i++) {
    problem.tick(i / ITERATIONS)
    for (const climber of left) advance(climber, rowAt(x, climber.row, width), i === 0 ? 1 : MOMENTUM, problem)
    await look(false)
    if (++since < window) continue
    for (const climber of left) check(climber, window)
    window = Math.max(window - shrink, shortest)
    since = 0
  }
  return found
}

const newClimber = (row: number, start: Float32Array, step: number): Climber => ({
  row,
  point: start,
  before: start.slice(),
  best: start.slice(),
  bestGradient: start,
  gradient: start,
  step,
  loss: Number.NEGATIVE_INFINITY,
  bestLoss: Number.NEGATIVE_INFINITY,
  checkedLoss: Number.NEGATIVE_INFINITY,
  halved: true,
  rises: 0,
})

function arrive(climber: Climber, loss: number, gradient: Float32Array, first: boolean): void {
  climber.gradient = gradient
  if (!first && loss > climber.loss) climber.rises++
  climber.loss = loss
  if (loss > climber.bestLoss) {
    climber.bestLoss = loss
    climber.best = climber.point.slice()
    climber.bestGradient = gradient
  }
  if (first) climber.checkedLoss = loss
}

/** z = P(x + step·direction); x' = P(x + a(z − x) + (1 − a)(x − x₋₁)) */
function advance(climber: Climber, centre: Float32Array, a: number, problem: Problem): void {
  const { point, before, gradient, step } = climber
  const now = point.slice()
  climb(point, gradient, step, problem.norm)
  project(point, centre, problem)
  for (let i = 0; i < point.length; i++)
    point[i] = now[i]! + (point[i]! - now[i]!) * a + (now[i]! - before[i]!) * (1 - a)
  project(point, centre, problem)
  before.set(now)
}

function check(climber: Climber, window: number): void {
  const tooFew = climber.rises <= window * RHO
  const stuck = !climber.halved && climber.checkedLoss >= climber.bestLoss
  const halve = tooFew || stuck
  climber.halved = halve
  climber.checkedLoss = climber.bestLoss
  climber.rises = 0
  if (!halve) return
  climber.step /= 2
  climber.point.set(climber.best)
  climber.gradient = climber.bestGradient
  climber.loss = climber.bestLoss
}
