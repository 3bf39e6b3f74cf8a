import type { TensorValue } from '../../engine/index.ts'
import { isFloating } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import { numbersOf } from '../outputs/row-outputs.ts'
import type { Metric, MetricRow } from './metric.ts'
import { isProbability } from './probabilities.ts'

/**
 * Mean intersection over union of the classes that occur, over all pixels of all rows. The label of a row is a mask of
 * class numbers; the output is a mask, or scores with the class axis first or last, or one score a pixel, which is that
 * of class 1 against class 0. Whether floats, one a pixel, are class numbers, probabilities or logits all rows of a model
 * tell together, the base's for both. Pixels labelled 255 (by custom: ignored) or with no class of the scores do not
 * count. The score of a row is the same figure of that row alone; NaN where an output is none, which is no answer.
 */
export function meanIoU(options: { readonly output?: string } = {}): Metric {
  return overlapMetric('miou', jaccard, options.output)
}

/**
 * Mean Dice coefficient 2|A ∩ B| / (|A| + |B|) of the classes that occur, over all pixels of all rows; masks as for
 * `meanIoU`. By class it is 2 IoU / (1 + IoU).
 */
export function meanDice(options: { readonly output?: string } = {}): Metric {
  return overlapMetric('dice', dice, options.output)
}

type Ratio = (both: number, either: number) => number
const jaccard: Ratio = (both, either) => both / either
const dice: Ratio = (both, either) => (2 * both) / (both + either)

function overlapMetric(name: string, ratio: Ratio, output: string | undefined): Metric {
  const over = (overlaps: readonly (readonly number[])[]) => meanRatio(totalOf(overlaps), ratio)
  const summary = (row: MetricRow) => overlapOf(row, output)
  return {
    name,
    higherIsBetter: true,
    rightOrWrong: false,
    bounds: [0, 1],
    unit: 'points',
    score: (row) => {
      const alone = summary(row)
      return over([readAs(alone, alone[0]!)])
    },
    summary,
    summarizeAll: (summaries, first) => {
      // Of a mask that was all zeros and ones so far, another model may give the probabilities.
      const reading = readingOfAll(first) === NUMBERS ? readingOfAll(summaries) : readingOfAll(first)
      return summaries.map((row) => readAs(row, reading))
    },
    pieces: (overlaps) => {
      const found = new Map<number, number>()
      for (let c = 0; c < overlaps.length; c += 2)
        if (overlaps[c + 1]! > 0) found.set(c / 2, ratio(overlaps[c]!, overlaps[c + 1]!))
      return found
    },
    aggregate: over,
  }
}

/** What a summary begins with: the first of these that all numbers of its row can be. */
const [NUMBERS, PROBABILITIES, LOGITS] = [0, 1, 2]
/** Where its overlaps begin and end, read as class numbers (or scores by class), as probabilities, as logits. */
const PLACES = [
  [9, Infinity],
  [1, 5],
  [5, 9],
] as const

/** What all rows of a model can be. */
const readingOfAll = (summaries: readonly (readonly number[])[]): number =>
  summaries.reduce((most, [said]) => Math.max(most, said!), NUMBERS)

/** The overlaps of a row by one of its readings. */
const readAs = (summary: readonly number[], reading: number): readonly number[] => summary.slice(...PLACES[reading]!)

function totalOf(overlaps: readonly (readonly number[])[]): readonly number[] {
  const total: number[] = []
  for (const overlap of overlaps) for (let i = 0; i < overlap.length; i++) total[i] = (total[i] ?? 0) + overlap[i]!
  return total
}

/** The label of pixels that nobody judges, as in Pascal VOC and Cityscapes. */
const IGNORED = 255

/** The reading of a row, and by each reading intersection and union of every class in turn: [i₀, u₀, i₁, u₁, …]. */
function overlapOf({ outputs, label, row }: MetricRow, output: string | undefined): number[] {
  if (typeof label !== 'object')
    throw new UserError('bad-data', `the label of row ${row} is no mask`, {
      where: `row ${row}`,
      hint: 'mIoU needs a class number for every pixel',
    })
  const [name, value] = Object.entries(outputs).find(([key]) => output === undefined || key === output) ?? []
  if (name === undefined || !value)
    throw new UserError('bad-argument', `the model has no output "${output}"`, { where: output ?? 'outputs' })
  const truth = Array.from(label, Number)
  const numbers = numbersOf(value)
  if (numbers.length === truth.length) {
    const isFloat = isFloating(value.dtype)
    const atLeast = (least: number): Mask => ({
      classes: 2,
      at: (pixel) => (Number.isNaN(numbers[pixel]!) ? Number.NaN : numbers[pixel]! >= least ? 1 : 0),
    })
    return [
      isFloat ? readingOf(numbers) : NUMBERS,
      ...overlap(truth, atLeast(0.5)),
      ...overlap(truth, atLeast(0)),
      ...overlap(truth, { classes: 256, at: (pixel) => numbers[pixel]! }),
    ]
  }
  const mask = topClasses(value, numbers, truth.length)
  if (mask) return [NUMBERS, ...new Array<number>(PLACES[NUMBERS]![0] - 1).fill(0), ...overlap(truth, mask)]
  throw new UserError('bad-data', `output "${name}" [${value.dims.join(',')}] does not cover ${label.length} pixels`, {
    where: `row ${row}`,
    hint: 'the mask must have the height and width of the output',
  })
}

/** The answer of every pixel: a class, another number for none, NaN where the output is no number. */
interface Mask {
  readonly classes: number
  readonly at: (pixel: number) => number
}

function overlap(truth: readonly number[], { classes, at }: Mask): number[] {
  const result = new Array<number>(2 * classes).fill(0)
  for (const [pixel, wanted] of truth.entries()) {
    if (wanted === IGNORED || wanted < 0 || wanted >= classes) continue
    const answer = at(pixel)
    if (Number.isNaN(answer)) return result.fill(Number.NaN)
    result[2 * wanted + 1]!++
    if (wanted === answer) result[2 * wanted]!++
    else if (answer >= 0 && answer < classes && Number.isInteger(answer)) result[2 * answer + 1]!++
  }
  return result
}

/** The class of the highest score; null where there are no scores for so many pixels. */
function topClasses({ dims }: TensorValue, numbers: ArrayLike<number>, pixels: number): Mask | null {
  const classes = numbers.length / pixels
  if (!Number.isInteger(classes) || classes < 2) return null
  // [C, H, W] unless the last axis is the one that has the classes.
  const last = dims.at(-1) === classes && dims[0] !== classes
  return {
    classes,
    at: (pixel) => {
      let best = 0
      for (let c = 1; c < classes; c++) {
        const here = last ? numbers[pixel * classes + c]! : numbers[c * pixels + pixel]!
        const there = last ? numbers[pixel * classes + best]! : numbers[best * pixels + pixel]!
        if (Number.isNaN(here + there)) return Number.NaN
        if (here > there) best = c
      }
      return best
    },
  }
}

/** A row by itself may be all zeros and ones, whatever it is; NaN may be anything. */
function readingOf(scores: ArrayLike<number>): number {
  let reading = NUMBERS
  for (let i = 0; i < scores.length && reading !== LOGITS; i++) {
    const score = scores[i]!
    if (Number.isNaN(score) || (Number.isInteger(score) && score >= 0)) continue
    reading = isProbability(score) ? PROBABILITIES : LOGITS
  }
  return reading
}

function meanRatio(overlap: readonly number[], ratio: Ratio): number {
  let sum = 0
  let classes = 0
  for (let c = 0; c < overlap.length; c += 2) {
    if (overlap[c + 1] === 0) continue
    sum += ratio(overlap[c]!, overlap[c + 1]!)
    classes++
  }
  return classes === 0 ? Number.NaN : sum / classes
}
