import { ITERATIONS } from './apgd.ts'
import { distanceOf, type Found, isFooled, type Norm, normOf, type Problem, pick, rowAt, rowsOf } from './problem.ts'
import type { Ascent } from './target.ts'
import { towardsEach } from './towards-each.ts'

const LARGEST_BIAS = 0.1
const OVERSHOOT = 1.05
const BACKWARD = 0.9

/**
 * Fast adaptive boundary attack, towards each of the nine likeliest wrong classes in turn: the nearest wrong answer is
 * searched, not one within ε. Each step projects onto the linearised boundary from where the attack is and from the
 * row itself, and goes a little beyond their mixture; after a wrong answer it goes back towards the row.
 *
 * Source: Croce and Hein, Minimally distorted adversarial examples with a fast adaptive boundary attack, ICML 2020
 * (1907.02044), algorithm 1, in the targeted form of AutoAttack.
 */
export const fabTargeted = (problem: Problem, ascent: Ascent): Promise<Found> =>
  towardsEach(problem, (part, rows, targets) => boundary(part, ascent, rows, targets))

async function boundary(
  problem: Problem,
  ascent: Ascent,
  rows: readonly number[],
  targets: Int32Array,
): Promise<Found> {
  const found: Found = new Array(rowsOf(problem)).fill(null)
  const { target, x, labels, norm, eps, range } = problem
  const { width, classes } = target
  let left = [...rows]
  const points = new Map(left.map((row) => [row, rowAt(x, row, width).slice()]))
  const joined = () => {
    const at = new Float32Array(left.length * width)
    for (const [k, row] of left.entries()) at.set(points.get(row)!, k * width)
    return at
  }
  for (let i = 0; i < ITERATIONS && left.length > 0; i++) {
    problem.tick(i / ITERATIONS)
    const slope = await ascent.at(joined(), pick(labels, left), pick(targets, left))
    for (const [k, row] of left.entries()) {
      const [own, point] = [rowAt(x, row, width), points.get(row)!]
      const w = rowAt(slope.gradient, k, width)
      let offset = slope.losses[k]!
      // The linearised boundary is where ⟨w, z⟩ = ⟨w, point⟩ − margin.
      const here = toHyperplane(point, w, offset, norm, range)
      for (let j = 0; j < width; j++) offset += w[j]! * (own[j]! - point[j]!)
      const there = toHyperplane(own, w, offset, norm, range)
      const [a, b] = [Math.max(normOf(here, norm), 1e-8), Math.max(normOf(there, norm), 1e-8)]
      const alpha = Math.min(a / (a + b), LARGEST_BIAS)
      for (let j = 0; j < width; j++) {
        const ahead = (point[j]! + OVERSHOOT * here[j]!) * (1 - alpha) + (own[j]! + OVERSHOOT * there[j]!) * alpha
        point[j] = Math.min(range[1], Math.max(range[0], ahead))
      }
    }
    const logits = await target.logits(joined())
    left = left.filter((row, k) => {
      if (!isFooled(logits, k, classes, labels[row]!)) return true
      const [own, point] = [rowAt(x, row, width), points.get(row)!]
      if (distanceOf(point, own, norm) <= eps) {
        found[row] = point.slice()
        return false
      }
      for (let j = 0; j < width; j++) point[j] = own[j]! + (point[j]! - own[j]!) * BACKWARD
      return true
    })
  }
  return found
}

/**
 * The shortest move d (in L∞ or L2) from a point within the range to where `offset` + ⟨w, d⟩ is 0, staying within the
 * range; where the range does not reach that far, the move that comes nearest. Coordinate i goes min(t·uᵢ, room), with
 * uᵢ = 1 (L∞) or |wᵢ| (L2), and t the root of Σ|wᵢ|·min(t·uᵢ, roomᵢ) = |offset|, found by Newton's method from below,
 * which ends because the function is piecewise linear and concave.
 */
export function toHyperplane(
  point: Float32Array,
  w: Float32Array,
  offset: number,
  norm: Norm,
  [low, high]: readonly [number, number],
): Float64Array {
  const width = point.length
  const move = new Float64Array(width)
  const needed = Math.abs(offset)
  const room = new Float64Array(width)
  const weight = new Float64Array(width)
  let reach = 0
  for (let i = 0; i < width; i++) {
    weight[i] = Math.abs(w[i]!)
    const up = w[i]! * offset < 0
    room[i] = weight[i] === 0 ? 0 : up ? high - point[i]! : point[i]! - low
    reach += weight[i]! * Math.max(0, room[i]!)
  }
  const unit = (i: number) => (norm === 'linf' ? 1 : weight[i]!)
  let t = Number.POSITIVE_INFINITY
  if (reach > needed) {
    t = 0
    for (let round = 0; round < 100; round++) {
      let [fixed, free] = [0, 0]
      for (let i = 0; i < width; i++)
        if (t * unit(i) >= room[i]!) fixed += weight[i]! * room[i]!
        else free += weight[i]! * unit(i)
      const next = free === 0 ? t : (needed - fixed) / free
      if (!(next > t)) break
      t = next
    }
  }
  for (let i = 0; i < width; i++) {
    if (weight[i] === 0) continue
    const size = t === Number.POSITIVE_INFINITY ? room[i]! : Math.min(t * unit(i), room[i]!)
    move[i] = w[i]! * offset < 0 ? size : -size
  }
  return move
}
