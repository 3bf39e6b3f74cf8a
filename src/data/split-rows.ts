import { UserError } from '../platform/index.ts'
import type { Dataset } from './dataset.ts'
import { randomNumbers } from './random-numbers.ts'

/** `count` of the rows 0 … `rows` − 1, chosen by seed without repeats, in ascending order (all where there are fewer). */
export function sampleRows(rows: number, count: number, seed: number): readonly number[] {
  const random = randomNumbers(seed)
  const order = Array.from({ length: rows }, (_, i) => i)
  const taken = Math.max(0, Math.min(Math.floor(count), rows))
  // Fisher–Yates, stopped when enough places are filled.
  for (let i = 0; i < taken; i++) {
    const other = i + Math.floor(random() * (rows - i))
    const held = order[i]!
    order[i] = order[other]!
    order[other] = held
  }
  return order.slice(0, taken).sort((a, b) => a - b)
}

/** Places of the rows by what they are spent on; no row stands in two lists. */
export interface RowSplit {
  readonly calibrate: readonly number[]
  readonly select: readonly number[]
  readonly prove: readonly number[]
}

export interface SplitOptions {
  /** Parts of the whole for calibrate, select and prove; the last gets what rounding leaves over. */
  readonly shares?: readonly [calibrate: number, select: number, prove: number]
  /** Rows that repeat an earlier one, each with the first of its kind (`repeatsIn`): they go where that one goes. */
  readonly repeats?: ReadonlyMap<number, number>
}

/**
 * Splits rows into three parts that share none, by seed: the same seed and count give the same parts. Each part is in
 * ascending order, so that reading it streams. With `repeats`, it is the different rows that are split.
 *
 * @throws UserError `bad-argument` where the shares are negative or all 0.
 */
export function splitRows(data: Dataset | number, seed = 0, options: SplitOptions = {}): RowSplit {
  const rows = typeof data === 'number' ? data : data.rows
  const shares = options.shares ?? [0.2, 0.3, 0.5]
  const total = shares.reduce((sum, share) => sum + share, 0)
  if (shares.some((share) => !(share >= 0)) || !(total > 0))
    throw new UserError('bad-argument', `The shares ${shares.join(', ')} cannot split rows.`, {
      hint: 'Give three numbers, none negative, for example 0.2, 0.3, 0.5.',
    })
  const { repeats = new Map<number, number>() } = options
  const different = Array.from({ length: rows }, (_, row) => row).filter((row) => !repeats.has(row))
  const copies = new Map<number, number[]>()
  for (const [row, earlier] of repeats) {
    const others = copies.get(earlier)
    if (others) others.push(row)
    else copies.set(earlier, [row])
  }
  const count = different.length
  const order = shuffled(count, randomNumbers(seed))
  const first = Math.floor((count * shares[0]) / total)
  const second = first + Math.floor((count * shares[1]) / total)
  const part = (from: number, to: number) =>
    order
      .slice(from, to)
      .flatMap((place) => [different[place]!, ...(copies.get(different[place]!) ?? [])])
      .sort((a, b) => a - b)
  return { calibrate: part(0, first), select: part(first, second), prove: part(second, count) }
}

function shuffled(count: number, random: () => number): number[] {
  const order = Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1))
    const held = order[i]!
    order[i] = order[other]!
    order[other] = held
  }
  return order
}
