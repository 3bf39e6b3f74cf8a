import type { RandomSource } from '../../statistics/index.ts'
import { type Plane, planeOf } from './plane.ts'
import { type Found, gathered, isFooled, normOf, type Problem, rowAt, rowsOf } from './problem.ts'

const QUERIES = 5000
/** The share of the picture that the first squares cover. */
const FIRST_SHARE = 0.8

/**
 * Random search without any gradient: a square of new colour stays where it made the margin smaller. What a square is
 * of an input that is no picture is a matter of layout only (`planeOf`).
 *
 * Source: Andriushchenko et al., Square attack: a query-efficient black-box adversarial attack via random search, ECCV
 * 2020 (1912.00049), with AutoAttack's margin loss and schedule stretched over 5000 queries.
 */
export async function square(problem: Problem): Promise<Found> {
  const { target, x, labels, random } = problem
  const { width, classes } = target
  const plane = planeOf(problem.rowShape)
  const rows = rowsOf(problem)
  const found: Found = new Array(rows).fill(null)
  const best = new Float32Array(x.length)
  const margins = new Float64Array(rows)
  const propose = problem.norm === 'linf' ? proposeSquare : proposeWindow
  const start = problem.norm === 'linf' ? stripes : tiles
  let left = Array.from({ length: rows }, (_, row) => row)
  for (const row of left) best.set(start(rowAt(x, row, width), plane, problem, random), row * width)

  const judge = async (points: Float32Array, first: boolean): Promise<void> => {
    const logits = await target.logits(points)
    left = left.filter((row, k) => {
      const margin = marginOf(logits, k, classes, labels[row]!)
      // At a margin of 0 the tie may still go to the right class.
      const done = isFooled(logits, k, classes, labels[row]!)
      if (first || margin < margins[row]! || done) {
        margins[row] = margin
        best.set(rowAt(points, k, width), row * width)
      }
      if (!done) return true
      found[row] = rowAt(best, row, width).slice()
      return false
    })
  }

  await judge(gathered(best, left, width), true)
  for (let query = 1; query < QUERIES && left.length > 0; query++) {
    if (query % 16 === 0) problem.tick(query / QUERIES)
    const share = shareAt(query)
    const points = gathered(best, left, width)
    for (const [k, row] of left.entries())
      propose(rowAt(points, k, width), rowAt(x, row, width), plane, share, problem, random)
    await judge(points, false)
  }
  return found
}

/** z_y − max of the others: below 0 the answer is wrong. */
function marginOf(logits: Float32Array, i: number, classes: number, label: number): number {
  let other = Number.NEGATIVE_INFINITY
  for (let c = 0; c < classes; c++) if (c !== label) other = Math.max(other, logits[i * classes + c]!)
  const margin = logits[i * classes + label]! - other
  return Number.isNaN(margin) ? Number.NEGATIVE_INFINITY : margin
}

/** The share is halved at these points of 10,000. */
const HALVED_AT = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000]

/** Share of the picture that the square of this query covers; the schedule is stretched over all queries. */
export function shareAt(query: number): number {
  const at = Math.floor((query / QUERIES) * 10_000)
  return FIRST_SHARE / 2 ** HALVED_AT.filter((limit) => at > limit).length
}

const sign = (random: RandomSource): number => (random.uniform() < 0.5 ? -1 : 1)
const clamp = (value: number, [low, high]: readonly [number, number]) => Math.min(high, Math.max(low, value))

/** ±ε by column and channel. */
function stripes(x: Float32Array, plane: Plane, { eps, range }: Problem, random: RandomSource): Float32Array {
  const point = x.slice()
  for (let c = 0; c < plane.channels; c++)
    for (let column = 0; column < plane.columns; column++) {
      const by = eps * sign(random)
      for (let row = 0; row < plane.rows; row++) {
        const at = plane.at(c, row, column)
        point[at] = clamp(x[at]! + by, range)
      }
    }
  return point
}

/** A square of side √(share·rows·columns) moves by ±2ε in every channel, cut to the ball. */
function proposeSquare(
  point: Float32Array,
  x: Float32Array,
  plane: Plane,
  share: number,
  { eps, range }: Problem,
  random: RandomSource,
): void {
  const side = Math.max(1, Math.round(Math.sqrt(share * plane.rows * plane.columns)))
  const [height, width] = [Math.min(side, plane.rows), Math.min(side, plane.columns)]
  const top = random.below(Math.max(1, plane.rows - height))
  const left = random.below(Math.max(1, plane.columns - width))
  for (let c = 0; c < plane.channels; c++) {
    const by = 2 * eps * sign(random)
    for (let row = top; row < top + height; row++)
      for (let column = left; column < left + width; column++) {
        const at = plane.at(c, row, column)
        point[at] = clamp(Math.min(x[at]! + eps, Math.max(x[at]! - eps, point[at]! + by)), range)
      }
  }
}

/** A bump and its negative side by side, of length 1: height×width numbers. */
function bump(height: number, width: number, random: RandomSource): Float64Array {
  const turned = random.uniform() < 0.5 && height === width
  const out = new Float64Array(height * width)
  const half = Math.floor(height / 2)
  const put = (from: number, rows: number, factor: number) => {
    const part = pyramid(rows, width)
    const length = normOf(part, 'l2') || 1
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < width; j++) {
        const at = turned ? j * width + (from + i) : (from + i) * width + j
        out[at] = (factor * part[i * width + j]!) / length
      }
  }
  if (half > 0) put(0, half, 1)
  put(half, height - half, -1)
  const length = normOf(out, 'l2') || 1
  return out.map((value) => value / length)
}

/** Rectangles around the middle, each one wider than the last and flatter. */
function pyramid(rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns)
  const [middleRow, middleColumn] = [Math.floor(rows / 2), Math.floor(columns / 2)]
  for (let ring = 0; ring <= Math.max(middleRow, middleColumn); ring++)
    for (let i = Math.max(0, middleRow - ring); i < Math.min(rows, middleRow + ring + 1); i++)
      for (let j = Math.max(0, middleColumn - ring); j < Math.min(columns, middleColumn + ring + 1); j++)
        out[i * columns + j]! += 1 / (ring + 1) ** 2
  return out
}

/** The whole length ε spread over a grid of bumps. */
function tiles(x: Float32Array, plane: Plane, problem: Problem, random: RandomSource): Float32Array {
  const side = Math.max(1, Math.floor(plane.rows / 5))
  const delta = new Float64Array(x.length)
  const across = Math.min(side, plane.columns)
  for (let top = 0; top + side <= plane.rows; top += side)
    for (let left = 0; left + across <= plane.columns; left += across) {
      const shape = bump(side, across, random)
      for (let c = 0; c < plane.channels; c++) {
        const factor = sign(random)
        for (let i = 0; i < side; i++)
          for (let j = 0; j < across; j++) delta[plane.at(c, top + i, left + j)] = factor * shape[i * across + j]!
      }
    }
  const point = x.slice()
  settle(point, x, delta, problem)
  return point
}

/** x + ε·δ/‖δ‖, cut to the range. */
function settle(point: Float32Array, x: Float32Array, delta: Float64Array, { eps, range }: Problem): void {
  const length = normOf(delta, 'l2') + 1e-12
  for (let i = 0; i < point.length; i++) point[i] = clamp(x[i]! + (eps * delta[i]!) / length, range)
}

/** The length of one window's change, and what is left of ε, goes into a new bump in another window. */
function proposeWindow(
  point: Float32Array,
  x: Float32Array,
  plane: Plane,
  share: number,
  problem: Problem,
  random: RandomSource,
): void {
  const { eps } = problem
  let side = Math.max(3, Math.round(Math.sqrt(share * plane.rows * plane.columns)))
  if (side % 2 === 0) side++
  const [height, width] = [Math.min(side, plane.rows), Math.min(side, plane.columns)]
  const place = () => ({
    top: random.below(Math.max(1, plane.rows - height)),
    left: random.below(Math.max(1, plane.columns - width)),
  })
  const [to, from] = [place(), place()]
  const delta = Float64Array.from(point, (value, i) => value - x[i]!)
  const spare = Math.max(0, eps * eps - normOf(delta, 'l2') ** 2) / plane.channels
  const cells = (window: { top: number; left: number }, c: number): number[] => {
    const list: number[] = []
    for (let i = 0; i < height; i++)
      for (let j = 0; j < width; j++) list.push(plane.at(c, window.top + i, window.left + j))
    return list
  }
  const shape = bump(height, width, random)
  for (let c = 0; c < plane.channels; c++) {
    const [target, source] = [cells(to, c), cells(from, c)]
    const both = new Set([...target, ...source])
    let moved = 0
    for (const at of both) moved += delta[at]! ** 2
    let old = 0
    for (const at of target) old += delta[at]! ** 2
    const factor = sign(random)
    const fresh = target.map((at, k) => factor * shape[k]! + delta[at]! / (1e-12 + Math.sqrt(old)))
    const length = Math.sqrt(fresh.reduce((sum, value) => sum + value * value, 0)) + 1e-12
    const budget = Math.sqrt(spare + moved)
    for (const at of source) delta[at] = 0
    for (const [k, at] of target.entries()) delta[at] = (fresh[k]! / length) * budget
  }
  settle(point, x, delta, problem)
}
