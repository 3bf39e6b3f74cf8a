import { type Found, type Problem, rowsOf } from './problem.ts'

/** Wrong classes that a targeted attack goes towards, as in AutoAttack. */
const MOST_TARGETS = 9

/** One attack of the rows that still stand, each towards its target; gives the wrong answers by row, or null. */
type TargetedAttack = (problem: Problem, rows: readonly number[], targets: Int32Array) => Promise<Found>

/** A targeted attack towards each of the nine likeliest wrong classes in turn, on the rows that nothing has fooled yet. */
export async function towardsEach(problem: Problem, attack: TargetedAttack): Promise<Found> {
  const found: Found = new Array(rowsOf(problem)).fill(null)
  const orders = await likeliestWrong(problem)
  const rounds = orders[0]?.length ?? 0
  for (let round = 0; round < rounds; round++) {
    const left = [...found.keys()].filter((row) => found[row] === null)
    const targets = Int32Array.from(orders, (order) => order[round]!)
    const tick = (share: number) => problem.tick((round + share) / rounds)
    const more = await attack({ ...problem, tick }, left, targets)
    for (const row of left) found[row] = more[row]!
  }
  return found
}

/** For each row the wrong classes, likeliest first, at most nine. */
async function likeliestWrong({ target, x, labels }: Problem): Promise<readonly (readonly number[])[]> {
  const { classes } = target
  const logits = await target.logits(x)
  return Array.from(labels, (label, row) =>
    Array.from({ length: classes }, (_, each) => each)
      .filter((each) => each !== label)
      .sort((a, b) => logits[row * classes + b]! - logits[row * classes + a]! || a - b)
      .slice(0, MOST_TARGETS),
  )
}
