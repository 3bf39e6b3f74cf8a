import { type RandomSource, standardNormal } from '../../statistics/index.ts'
import { argmax } from '../outputs/row-outputs.ts'
import type { Target } from './target.ts'

/** How the size of a change is measured: by its largest element, or by its length. */
export type Norm = 'linf' | 'l2'

/** Rows to be turned into rows that the model gets wrong, within ε of where they are and within the valid range. */
export interface Problem {
  readonly target: Target
  /** Rows that the model answers right, one behind the other. */
  readonly x: Float32Array
  /** The class of each. */
  readonly labels: Int32Array
  readonly rowShape: readonly number[]
  readonly norm: Norm
  /** How large a change may be in this norm, in units of the input. */
  readonly eps: number
  /** Least and greatest number that an element may take. */
  readonly range: readonly [number, number]
  readonly random: RandomSource
  /** Whether wrong rows are still made worse, so that they are wrong for other models too. */
  readonly thorough: boolean
  /** Called between runs: throws where the user has stopped it. */
  readonly tick: (share: number) => void
}

/** What an attack found: a wrong answer for each row, or null where the row stood. */
export type Found = (Float32Array | null)[]

export const rowsOf = (problem: Problem): number => problem.labels.length

export const rowAt = (x: Float32Array, row: number, width: number): Float32Array =>
  x.subarray(row * width, (row + 1) * width)

/** The chosen rows one behind the other. */
export function gathered(x: Float32Array, rows: readonly number[], width: number): Float32Array {
  const out = new Float32Array(rows.length * width)
  for (const [i, row] of rows.entries()) out.set(rowAt(x, row, width), i * width)
  return out
}

export const pick = (values: Int32Array, rows: readonly number[]): Int32Array =>
  Int32Array.from(rows, (row) => values[row]!)

/** Whether the model's answer for row `i` of these logits is another class; NaN counts as another. */
export function isFooled(logits: Float32Array, i: number, classes: number, label: number): boolean {
  return argmax(logits.subarray(i * classes, (i + 1) * classes)) !== label
}

/** ‖v‖∞ or ‖v‖₂. */
export function normOf(values: Float32Array | Float64Array, norm: Norm): number {
  let total = 0
  for (const value of values) total = norm === 'linf' ? Math.max(total, Math.abs(value)) : total + value * value
  return norm === 'linf' ? total : Math.sqrt(total)
}

/** The distance between two rows. */
export function distanceOf(a: Float32Array, b: Float32Array, norm: Norm): number {
  const difference = new Float64Array(a.length)
  for (let i = 0; i < a.length; i++) difference[i] = a[i]! - b[i]!
  return normOf(difference, norm)
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value))

/**
 * Moves `point` into the ball of radius ε around `centre` and into the range, in place. In L2 the range is cut last, so
 * the point may lie inside the ball's surface; it never lies outside of either.
 */
export function project(point: Float32Array, centre: Float32Array, { norm, eps, range }: Problem): void {
  const [low, high] = range
  if (norm === 'linf') {
    for (let i = 0; i < point.length; i++)
      point[i] = clamp(clamp(point[i]!, centre[i]! - eps, centre[i]! + eps), low, high)
    return
  }
  const length = distanceOf(point, centre, 'l2')
  const factor = length > eps ? eps / length : 1
  for (let i = 0; i < point.length; i++) point[i] = clamp(centre[i]! + (point[i]! - centre[i]!) * factor, low, high)
}

/** A step of this length uphill: along the signs of the gradient (L∞) or along its direction (L2), in place. */
export function climb(point: Float32Array, gradient: Float32Array, step: number, norm: Norm): void {
  if (norm === 'linf') {
    for (let i = 0; i < point.length; i++) point[i]! += step * Math.sign(gradient[i]!)
    return
  }
  const length = normOf(gradient, 'l2') + 1e-12
  for (let i = 0; i < point.length; i++) point[i]! += (step * gradient[i]!) / length
}

/** A start at distance ε in a random direction, cut to the range. */
export function randomStart(problem: Problem, centre: Float32Array): Float32Array {
  const { norm, eps, random } = problem
  const direction = Float64Array.from(centre, () =>
    norm === 'linf' ? 2 * random.uniform() - 1 : standardNormal(random),
  )
  const length = normOf(direction, norm) + 1e-12
  const point = Float32Array.from(centre, (value, i) => value + (eps * direction[i]!) / length)
  project(point, centre, problem)
  return point
}
