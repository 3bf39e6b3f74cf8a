import type { TensorValue } from '../engine/index.ts'
import { type DType, isFloating } from '../ir/index.ts'
import type { ComparisonReport } from '../report/index.ts'
import { type FoundCounts, foundBoxes } from './found/found-boxes.ts'
import {
  type DetectionListCheck,
  detectionListCheck,
  type ListOrderCheck,
  listOrderCheck,
} from './metric/detection-list.ts'
import { tokenAgreement } from './metric/language.ts'
import { decibelsOfChanged } from './noise/close.ts'
import { PlaceTally } from './noise/places.ts'
import { toDecibels } from './noise/sqnr.ts'
import { isClassLike } from './outputs/class-like.ts'
import { numbersOf, type RowOutputs, topAnswer } from './outputs/row-outputs.ts'
import { sameAnswer } from './outputs/same-answer.ts'

/** How the outputs of one row differ. */
interface RowDifference {
  /** The answer of a class-like output differs (see `sameAnswer`); false where no output is class-like. */
  readonly changed: boolean
  /** Every element of every output is the same. */
  readonly identical: boolean
  /** The candidate holds NaN or infinity where the baseline holds a number. */
  readonly broken: boolean
  /** There are class-like outputs, and the baseline answers nothing (NaN) in any of them: no answer to lose. */
  readonly silent: boolean
}

/** Adds up differences of outputs over rows; keeps a few numbers per output and two for each row, never the outputs. */
export interface Differences {
  /** `scores` names the output that holds next-token scores, where there is one. */
  add(base: RowOutputs, candidate: RowOutputs, scores?: string): RowDifference
  /**
   * For each output: signal to noise in decibels (null where identical), the same without rows of unusually large
   * numbers and at the median place, how many rows the noise comes from, and the greatest absolute difference.
   */
  outputs(): ComparisonReport['outputs']
  /** Whether every row had a class-like output. */
  readonly classLike: boolean
  /** Outputs whose greatest element (or single integer, or text) was taken as the answer. */
  answers(): readonly string[]
  /** How many next-token scores all rows have, and how many agree on the likeliest token; null where there are none. */
  tokens(): ComparisonReport['nextTokens'] | null
  /** Outputs that are not class-like: their answers cannot be counted, only their distance. */
  dense(): readonly string[]
}

interface Sums {
  signal: number
  noise: number
  maxAbs: number
  classLike: boolean
  /** One integer or text in every row, which is the answer itself. */
  named: boolean
  /** Integers that number classes or tokens: `signal` counts them, `noise` counts those that changed. */
  counted: boolean
}

interface RowSums {
  readonly signal: number
  readonly noise: number
}

interface OverRows extends Sums {
  readonly rows: RowSums[]
  readonly places: PlaceTally
  readonly found: DetectionListCheck
  readonly order: ListOrderCheck
}

/**
 * SQNR = 10 log₁₀(Σ base² / Σ (base − candidate)²), over all elements of all rows of an output. For classes, tokens and
 * boxes (see `foundBoxes`) it is what `decibelsOfChanged` makes of the share that changed. Outputs in
 * `sequences` (see `scoresSteps`) hold no answer.
 */
export function differences(sequences: ReadonlySet<string> = new Set()): Differences {
  const sums = new Map<string, OverRows>()
  const found = foundBoxes()
  let rows = 0
  let classLikeRows = 0
  const tokens = { places: 0, agreeing: 0 }
  return {
    add(base, candidate, scores = 'logits') {
      let changed = false
      let identical = true
      let broken = false
      let hasClasses = false
      let silent = true
      for (const [name, value] of Object.entries(base)) {
        const other = candidate[name]!
        const of = sums.get(name) ?? noRowsYet()
        sums.set(name, of)
        const { signal, noise } = of
        const classLike = !sequences.has(name) && isClassLike(name, base)
        const named = classLike && !isFloating(value.dtype)
        const add = named ? addAnswer : NUMBERS.includes(value.dtype) ? addNumbers : addOutput
        const result = add(of, value, other)
        of.places.add(value, other)
        of.order.add(value)
        of.rows.push({ signal: of.signal - signal, noise: of.noise - noise })
        identical &&= result.identical
        broken ||= result.broken
        of.classLike &&= classLike
        of.named &&= named
        if (classLike) of.found.add(value)
        hasClasses ||= classLike
        if (classLike && !sameAnswer(value, other)) changed = true
        if (classLike && topAnswer(value) !== null) silent = false
      }
      rows++
      found.add(base, candidate)
      const next = tokenAgreement(base, candidate, scores)
      tokens.places += next?.places ?? 0
      tokens.agreeing += next?.agreeing ?? 0
      if (hasClasses) classLikeRows++
      return { changed, identical, broken, silent: hasClasses && silent }
    },
    outputs() {
      const { outputs: lists, rows: boxes } = found
      const scored = [...sums.values()].some((output) => isAnswer(output) && !output.named)
      return [...sums].map(([name, { signal, noise, maxAbs, rows, places, order, named, counted }]) => {
        if (noise > 0 && lists.includes(name)) return { name, ...asBoxes(boxes), maxAbs }
        const decibels = named || counted ? decibelsOfCounts : toDecibels
        const placesDb = noise > 0 ? places.medianDb : null
        return {
          name,
          sqnrDb: noise === 0 ? null : decibels(signal, noise),
          ...(noise > 0 ? acrossRows(rows, decibels) : {}),
          ...(placesDb === null ? {} : { placesDb }),
          ...(noise > 0 && order.column !== null ? { orderedBy: order.column } : {}),
          maxAbs,
          ...(named ? { answer: true } : {}),
          ...(named && scored ? { named } : {}),
          ...(counted ? { equal: (signal - noise) / signal } : {}),
        }
      })
    },
    get classLike() {
      const answering = [...sums.values()].some(({ found }) => found.rows > 0 && !found.isList)
      return rows > 0 && classLikeRows === rows && answering
    },
    answers: () => [...sums].filter(([, output]) => isAnswer(output)).map(([name]) => name),
    tokens: () => (tokens.places > 0 ? { ...tokens, rate: tokens.agreeing / tokens.places } : null),
    dense: () => [...sums].filter(([, output]) => !isAnswer(output)).map(([name]) => name),
  }
}

/** Decibels of a list of boxes, by the share of boxes that changed. */
function asBoxes(rows: readonly FoundCounts[]) {
  const compared = rows.reduce((sum, { boxes }) => sum + boxes, 0)
  const changed = rows.reduce((sum, row) => sum + row.changed, 0)
  const sums = rows.map((row) => ({ signal: row.boxes, noise: row.changed }))
  return {
    sqnrDb: decibelsOfCounts(compared, changed),
    // Many boxes in a row do not make it a row of unusually large numbers, so there is no `typicalDb`.
    ...(changed > 0 ? { noiseRows: rowsBehind(sums) } : {}),
    boxes: { compared, changed },
  }
}

const noRowsYet = (): OverRows => ({
  signal: 0,
  noise: 0,
  maxAbs: 0,
  classLike: true,
  named: true,
  counted: false,
  rows: [],
  places: new PlaceTally(),
  found: detectionListCheck(),
  order: listOrderCheck(),
})

const isAnswer = ({ classLike, found }: OverRows) => classLike && !found.isList

/**
 * One integer or one text is the same or it is not: classes with neighbouring numbers are no more alike than others. So
 * this counts rows, and rows that changed.
 */
function addAnswer(sums: Sums, base: TensorValue, candidate: TensorValue): { identical: boolean; broken: boolean } {
  const identical = sameAnswer(base, candidate)
  sums.signal += 1
  sums.noise += identical ? 0 : 1
  const distance = base.dtype === 'string' ? 0 : Math.abs(numbersOf(base)[0]! - numbersOf(candidate)[0]!)
  if (distance > sums.maxAbs) sums.maxAbs = distance
  return { identical, broken: false }
}

/** Types of integers that number classes or tokens; integers of fewer bits are amounts, such as pixel values. */
const NUMBERS: readonly DType[] = ['int64', 'int32']

/**
 * Several integers, such as tokens or the class of each pixel, are counted as `addAnswer` counts one. Where their
 * number differs, all have changed.
 */
function addNumbers(sums: Sums, base: TensorValue, candidate: TensorValue): { identical: boolean; broken: boolean } {
  const [x, y] = [numbersOf(base), numbersOf(candidate)]
  const count = Math.max(x.length, y.length)
  let same = 0
  for (let i = 0; i < x.length && x.length === y.length; i++) {
    if (x[i] === y[i]) same++
    else sums.maxAbs = Math.max(sums.maxAbs, Math.abs(x[i]! - y[i]!))
  }
  sums.signal += count
  sums.noise += count - same
  sums.counted ||= count > 0
  return { identical: same === count, broken: false }
}

function addOutput(sums: Sums, base: TensorValue, candidate: TensorValue): { identical: boolean; broken: boolean } {
  if (base.dtype === 'string' || candidate.dtype === 'string') {
    const different = (base.data as readonly string[]).filter((text, i) => text !== candidate.data[i]).length
    const identical = different === 0 && base.data.length === candidate.data.length
    sums.signal += base.data.length
    sums.noise += identical ? 0 : Math.max(1, different)
    return { identical, broken: false }
  }
  const x = numbersOf(base)
  const y = numbersOf(candidate)
  // Where the number of elements differs (boxes found, say), there is no distance: all of it counts as noise.
  if (x.length !== y.length) {
    let signal = 0
    for (let i = 0; i < x.length; i++) if (Number.isFinite(x[i]!)) signal += x[i]! ** 2
    sums.signal += signal
    sums.noise += Math.max(1, signal)
    return { identical: false, broken: false }
  }
  const { signal, noise, maxAbs, identical, broken } = finiteSums(x, y) ?? carefulSums(x, y)
  sums.signal += signal
  sums.noise += noise
  if (maxAbs > sums.maxAbs) sums.maxAbs = maxAbs
  return { identical, broken }
}

type Distance = Pick<Sums, 'signal' | 'noise' | 'maxAbs'> & { readonly identical: boolean; readonly broken: boolean }

/**
 * The usual case, in which every element is finite, at four times the speed of a loop that checks each one. Null where
 * the sums are not finite, for which one element is enough.
 */
function finiteSums(x: ArrayLike<number>, y: ArrayLike<number>): Distance | null {
  let [signal, noise, maxAbs] = [0, 0, 0]
  for (let i = 0; i < x.length; i++) {
    const a = x[i]!
    const distance = Math.abs(a - y[i]!)
    signal += a * a
    noise += distance * distance
    if (distance > maxAbs) maxAbs = distance
  }
  if (!Number.isFinite(signal) || !Number.isFinite(noise)) return null
  return { signal, noise, maxAbs, identical: maxAbs === 0, broken: false }
}

/**
 * Where the baseline holds NaN, no distance is known. An infinity is infinitely far from anything else, and so is NaN
 * from a number: if they were left out, such a value could seem as near as an identical one.
 */
function carefulSums(x: ArrayLike<number>, y: ArrayLike<number>): Distance {
  let [signal, noise, maxAbs, identical, broken] = [0, 0, 0, true, false]
  for (let i = 0; i < x.length; i++) {
    const a = x[i]!
    const b = y[i]!
    if (a === b) {
      if (Number.isFinite(a)) signal += a * a
      continue
    }
    const finiteA = Number.isFinite(a)
    const finiteB = Number.isFinite(b)
    if (finiteA && finiteB) {
      signal += a * a
      noise += (a - b) * (a - b)
      const distance = Math.abs(a - b)
      if (distance > maxAbs) maxAbs = distance
      identical = false
    } else if (!(Number.isNaN(a) && Number.isNaN(b))) {
      broken ||= finiteA
      identical = false
      if (!Number.isNaN(a)) noise = Number.POSITIVE_INFINITY
    }
  }
  return { signal, noise, maxAbs, identical, broken }
}

/** Decibels of answers, by how many there are and how many changed. */
const decibelsOfCounts = (all: number, changed: number): number =>
  changed === 0 ? toDecibels(all, 0) : decibelsOfChanged(changed / all)

/** A row is unusual whose power is this many times that of the median row. */
const UNUSUAL = 4
/** The greatest share of rows that `typicalDb` leaves out as unusual. */
const LARGEST = 1 / 10

/** How the noise is spread over rows; nothing where a sum is infinite or NaN. */
function acrossRows(rows: readonly RowSums[], decibels: typeof toDecibels): { typicalDb?: number; noiseRows?: number } {
  const [typicalDb, noiseRows] = [typical(rows, decibels), rowsBehind(rows)]
  return Number.isFinite(typicalDb) && Number.isFinite(noiseRows) ? { typicalDb, noiseRows } : {}
}

/** Decibels without the rows of unusually large signal. */
function typical(rows: readonly RowSums[], decibels: typeof toDecibels): number {
  const ordered = rows.toSorted((a, b) => a.signal - b.signal)
  const usual = UNUSUAL * ordered[ordered.length >> 1]!.signal
  const surely = ordered.length - Math.floor(ordered.length * LARGEST)
  const left = ordered.filter(({ signal }, place) => place < surely || signal <= usual)
  return decibels(
    left.reduce((sum, { signal }) => sum + signal, 0),
    left.reduce((sum, { noise }) => sum + noise, 0),
  )
}

/** How many rows of equal noise would give as reliable a sum (Kish's effective sample size). */
function rowsBehind(rows: readonly RowSums[]): number {
  let [sum, squares] = [0, 0]
  for (const { noise } of rows) {
    sum += noise
    squares += noise * noise
  }
  return sum ** 2 / squares
}
