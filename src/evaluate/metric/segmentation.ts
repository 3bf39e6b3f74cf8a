import type { TensorValue } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import { numbersOf } from '../row-outputs.ts'
import type { Metric, MetricRow } from './metric.ts'
import { isProbability } from './probabilities.ts'

/**
 * Mean intersection over union of the classes that occur, over all pixels of all rows. The label of a row is a mask of
 * class numbers; the output is a mask, or scores with the class axis first or last, or one score a pixel, which is that
 * of class 1 against class 0. Pixels labelled 255 (by custom: ignored) or with no class of the scores do not count. The
 * score of a row is the same figure of that row alone; NaN where an output is none, which is no answer.
 */
export function meanIoU(options: { readonly output?: string } = {}): Metric {
  const of = (row: MetricRow) => overlapOf(row, options.output)
  return {
    name: 'miou',
    higherIsBetter: true,
    rightOrWrong: false,
    bounds: [0, 1],
    unit: 'points',
    score: (row) => meanRatio(of(row)),
    summary: of,
    aggregate: (summaries) => meanRatio(totalOf(summaries)),
  }
}

/**
 * Mean Dice coefficient 2|A ∩ B| / (|A| + |B|) of the classes that occur, over all pixels of all rows; masks as for
 * `meanIoU`. By class it is 2 IoU / (1 + IoU).
 */
export function meanDice(options: { readonly output?: string } = {}): Metric {
  const of = (row: MetricRow) => overlapOf(row, options.output)
  return {
    ...meanIoU(options),
    name: 'dice',
    score: (row) => meanRatio(of(row), dice),
    aggregate: (summaries) => meanRatio(totalOf(summaries), dice),
  }
}

const jaccard = (both: number, either: number) => both / either
const dice = (both: number, either: number) => (2 * both) / (both + either)

function totalOf(summaries: readonly (readonly number[])[]): readonly number[] {
  const total: number[] = []
  for (const summary of summaries) for (const [i, value] of summary.entries()) total[i] = (total[i] ?? 0) + value
  return total
}

/** The label of pixels that nobody judges, as in Pascal VOC and Cityscapes. */
const IGNORED = 255

/** Intersection and union of every class in turn: [i₀, u₀, i₁, u₁, …]. */
function overlapOf({ outputs, label, row }: MetricRow, output: string | undefined): number[] {
  if (typeof label !== 'object')
    throw new UserError('bad-data', `the label of row ${row} is no mask`, {
      where: `row ${row}`,
      hint: 'mIoU needs a class number for every pixel',
    })
  const [name, value] = Object.entries(outputs).find(([key]) => output === undefined || key === output) ?? []
  if (name === undefined || !value)
    throw new UserError('bad-argument', `the model has no output "${output}"`, { where: output ?? 'outputs' })
  const mask = classMask(value, label.length)
  if (!mask)
    throw new UserError(
      'bad-data',
      `output "${name}" [${value.dims.join(',')}] does not cover ${label.length} pixels`,
      {
        where: `row ${row}`,
        hint: 'the mask must have the height and width of the output',
      },
    )
  const result = new Array<number>(2 * mask.classes).fill(0)
  for (let i = 0; i < label.length; i++) {
    const truth = Number(label[i]!)
    const answer = mask.at(i)
    if (truth === IGNORED || truth < 0 || truth >= mask.classes) continue
    if (Number.isNaN(answer)) return result.fill(Number.NaN)
    result[2 * truth + 1]!++
    if (truth === answer) result[2 * truth]!++
    else if (answer >= 0) result[2 * answer + 1]!++
  }
  return result
}

function classMask(value: TensorValue, pixels: number): { classes: number; at: (pixel: number) => number } | null {
  const numbers = numbersOf(value)
  if (numbers.length === pixels) return isClassNumbers(numbers) ? numbered(numbers) : thresholded(numbers)
  const classes = numbers.length / pixels
  if (!Number.isInteger(classes) || classes < 2) return null
  // [C, H, W] unless the last axis is the one that has the classes.
  const last = value.dims.at(-1) === classes && value.dims[0] !== classes
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

const numbered = (numbers: ArrayLike<number>) => ({ classes: 256, at: (pixel: number) => numbers[pixel]! })

/** One score a pixel: class 1 from a probability of a half on, or from a logit of 0 where they are no probabilities. */
function thresholded(scores: ArrayLike<number>) {
  let probabilities = true
  for (let i = 0; i < scores.length; i++) probabilities &&= isProbability(scores[i]!) || Number.isNaN(scores[i]!)
  const least = probabilities ? 0.5 : 0
  return {
    classes: 2,
    at: (pixel: number) => (Number.isNaN(scores[pixel]!) ? Number.NaN : scores[pixel]! >= least ? 1 : 0),
  }
}

function isClassNumbers(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isInteger(values[i]!)) return false
  return true
}

function meanRatio(overlap: readonly number[], ratio = jaccard): number {
  let sum = 0
  let classes = 0
  for (let c = 0; c < overlap.length; c += 2) {
    if (overlap[c + 1] === 0) continue
    sum += ratio(overlap[c]!, overlap[c + 1]!)
    classes++
  }
  return classes === 0 ? Number.NaN : sum / classes
}
