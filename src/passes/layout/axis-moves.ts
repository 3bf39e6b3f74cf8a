import { moveRowNs } from '../../rewrite/index.ts'

/** Axes that change places: axis i of the result is axis `perm[i]` of what was there; −1 for a size that is not known. */
export interface Movement {
  readonly sizes: readonly number[]
  readonly perm: readonly number[]
}

/**
 * Nanoseconds on one thread (onnxruntime 1.30 on x86-64): a number that is looked up by itself, a row of several that is,
 * and a byte of it; two more nodes with their Reshapes.
 */
const NS = { number: 1, lookup: 3, byte: 0.03, nodes: 5000 } as const
const PAYS = 0.9

/**
 * The two moves of one axis each, by one of which the axes of the other lie as wanted, where they take less time than
 * looking up every number; undefined where they do not, or where one or more than two would be needed. Axes that stay
 * together are one axis in what is returned, and those of size 1 are none.
 */
export function movesInTurn(movement: Movement, bytes: number): readonly [Movement, Movement] | undefined {
  const whole = merged(movement)
  const { sizes, perm } = whole
  if (isSingleMove(perm)) return undefined
  const still = perm.at(-1) === perm.length - 1
  const looked = still
    ? numbersOf(sizes.slice(0, -1)) * (NS.lookup + NS.byte * bytes * numbersOf(sizes.slice(-1)))
    : numbersOf(sizes) * NS.number
  let best: { moves: readonly [Movement, Movement] | undefined; ns: number } = {
    moves: undefined,
    ns: PAYS * looked - NS.nodes,
  }
  for (const axis of sizes.keys())
    for (const to of sizes.keys()) {
      if (to === axis) continue
      const order = moved(sizes.length, axis, to)
      const rest = perm.map((from) => order.indexOf(from))
      if (!isSingleMove(rest)) continue
      const first = { sizes, perm: order }
      const second = merged({ sizes: order.map((from) => sizes[from]!), perm: rest })
      const ns = nanoseconds(first, bytes) + nanoseconds(second, bytes)
      if (ns < best.ns) best = { moves: [merged(first), second], ns }
    }
  return best.moves
}

/** What the runtime takes for a move of one axis. */
function nanoseconds({ sizes, perm }: Movement, bytes: number): number {
  const still = perm.findLastIndex((from, i) => from !== i)
  const row = bytes * numbersOf(sizes.slice(still + 1))
  return numbersOf(sizes.slice(0, still + 1)) * moveRowNs(row)
}

/** One row stands for a number of them that is not known. */
const numbersOf = (sizes: readonly number[]) => sizes.reduce((product, size) => product * Math.abs(size), 1)

const moved = (rank: number, axis: number, to: number): readonly number[] =>
  Array.from({ length: rank }, (_, i) => i)
    .filter((i) => i !== axis)
    .toSpliced(to, 0, axis)

/** Whether one axis moves, at most, and the others keep their order. */
const isSingleMove = (perm: readonly number[]): boolean =>
  perm.some((axis) => perm.filter((other) => other !== axis).every((other, i, all) => i === 0 || other > all[i - 1]!))

/** The same movement of fewer axes: without those of size 1, and with those that stay together as one. */
function merged({ sizes, perm }: Movement): Movement {
  const wide = perm.filter((axis) => sizes[axis] !== 1)
  const rank = [...wide].sort((one, other) => one - other)
  const runs: number[][] = []
  for (const place of wide.map((axis) => rank.indexOf(axis)))
    if (runs.at(-1)?.at(-1) === place - 1) runs.at(-1)!.push(place)
    else runs.push([place])
  const inOrder = [...runs].sort((one, other) => one[0]! - other[0]!)
  const sizeOf = (run: readonly number[]) => {
    const product = run.reduce((all, place) => all * sizes[rank[place]!]!, 1)
    return run.some((place) => sizes[rank[place]!] === -1) ? -1 : product
  }
  return { sizes: inOrder.map(sizeOf), perm: runs.map((run) => inOrder.indexOf(run)) }
}
