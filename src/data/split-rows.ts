import { UserError } from '../platform/index.ts'
import type { Dataset } from './dataset.ts'
import { randomNumbers } from './random-numbers.ts'

/** `count` of the rows 0 … `rows` − 1, chosen by seed without repeats, in ascending order (all where there are fewer). */
export function sampleRows(rows: number, count: number, seed = 0): readonly number[] {
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

/**
 * `count` rows of a data set, chosen by seed.
 *
 * @throws UserError `bad-data` where the set has fewer rows.
 */
export function takeRows(data: Dataset, count: number, seed = 0): readonly number[] {
  if (count > data.rows)
    throw new UserError('bad-data', `"${data.path}" has ${data.rows} rows, but ${count} were asked for.`, {
      where: data.path,
      hint: `Ask for ${data.rows} or fewer, or add rows.`,
    })
  return sampleRows(data.rows, count, seed)
}

export interface RowSplit {
  readonly calibrate: readonly number[]
  readonly select: readonly number[]
  readonly prove: readonly number[]
}

export interface SplitOptions {
  /** Parts of the whole for calibrate, select and prove; the last gets what rounding leaves over. */
  readonly shares?: readonly [calibrate: number, select: number, prove: number]
  /** One label a row: every part then holds each label in nearly the same share as the whole. */
  readonly stratify?: ArrayLike<number | bigint | string>
}

/**
 * Splits rows into three parts that share none, by seed: the same seed, count and labels give the same parts. Each
 * part is in ascending order, so that reading it streams.
 *
 * With `stratify`, the rows of a label are shuffled and spread evenly over [0, 1); cutting that line at the shares
 * gives every part its share of every label, to within one row a label and cut.
 */
export function splitRows(data: Dataset | number, seed = 0, options: SplitOptions = {}): RowSplit {
  const rows = typeof data === 'number' ? data : data.rows
  const shares = options.shares ?? [0.2, 0.3, 0.5]
  const total = shares.reduce((sum, share) => sum + share, 0)
  if (shares.some((share) => !(share >= 0)) || !(total > 0))
    throw new UserError('bad-argument', `The shares ${shares.join(', ')} cannot split rows.`, {
      hint: 'Give three numbers, none negative, for example 0.2, 0.3, 0.5.',
    })
  if (options.stratify && options.stratify.length !== rows)
    throw new Error(`internal: ${options.stratify.length} labels to stratify ${rows} rows`)
  const order = options.stratify ? spreadByLabel(options.stratify, seed) : shuffled(rows, randomNumbers(seed))
  const first = Math.floor((rows * shares[0]) / total)
  const second = first + Math.floor((rows * shares[1]) / total)
  const part = (from: number, to: number) => order.slice(from, to).sort((a, b) => a - b)
  return { calibrate: part(0, first), select: part(first, second), prove: part(second, rows) }
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

function spreadByLabel(labels: ArrayLike<number | bigint | string>, seed: number): number[] {
  const random = randomNumbers(seed)
  const groups = new Map<number | bigint | string, number[]>()
  for (let row = 0; row < labels.length; row++) {
    const group = groups.get(labels[row]!)
    if (group) group.push(row)
    else groups.set(labels[row]!, [row])
  }
  const places = new Float64Array(labels.length)
  for (const group of groups.values()) {
    // One offset a label keeps its rows evenly spaced, so that no part can miss more than one of them.
    const offset = random()
    const order = shuffled(group.length, random)
    for (const [i, member] of order.entries()) places[group[member]!] = (i + offset) / group.length
  }
  return Array.from(places.keys()).sort((a, b) => places[a]! - places[b]! || a - b)
}
