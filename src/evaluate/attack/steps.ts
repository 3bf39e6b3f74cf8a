import {
  climb,
  type Found,
  gathered,
  isFooled,
  type Problem,
  pick,
  project,
  randomStart,
  rowAt,
  rowsOf,
} from './problem.ts'
import type { Ascent } from './target.ts'

const PGD_STEPS = 40

/** One step of length ε along the gradient (Goodfellow et al. 2015, 1412.6572). */
export const fgsm = (problem: Problem, ascent: Ascent): Promise<Found> =>
  steps(problem, ascent, { count: 1, step: problem.eps, random: false })

/** 40 steps of 2.5·ε/40 from a random start, back into the ball after each (Madry et al. 2018, 1706.06083). */
export const pgd = (problem: Problem, ascent: Ascent): Promise<Found> =>
  steps(problem, ascent, { count: PGD_STEPS, step: (2.5 * problem.eps) / PGD_STEPS, random: true })

async function steps(
  problem: Problem,
  ascent: Ascent,
  { count, step, random }: { readonly count: number; readonly step: number; readonly random: boolean },
): Promise<Found> {
  const { target, x, labels, norm } = problem
  const { width, classes } = target
  const rows = rowsOf(problem)
  const found: Found = new Array(rows).fill(null)
  let left = Array.from({ length: rows }, (_, row) => row)
  const points = x.slice()
  if (random) for (const row of left) points.set(randomStart(problem, rowAt(x, row, width)), row * width)
  for (let i = 0; i < count && left.length > 0; i++) {
    problem.tick(i / count)
    const { gradient } = await ascent.at(gathered(points, left, width), pick(labels, left))
    for (const [k, row] of left.entries()) {
      const point = rowAt(points, row, width)
      climb(point, rowAt(gradient, k, width), step, norm)
      project(point, rowAt(x, row, width), problem)
    }
    const logits = await target.logits(gathered(points, left, width))
    left = left.filter((row, k) => {
      if (!isFooled(logits, k, classes, labels[row]!)) return true
      found[row] = rowAt(points, row, width).slice()
      return false
    })
  }
  return found
}
