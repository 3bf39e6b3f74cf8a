import type { TensorValue } from '../../engine/index.ts'
import { isFloating } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import { isClassLike } from '../outputs/class-like.ts'
import { numbersOf, outputTexts, topAnswer } from '../outputs/row-outputs.ts'
import type { Metric, MetricRow } from './metric.ts'
import { placeOfOne } from './one-hot.ts'
import { className, requireLabel, shownLabel } from './row-labels.ts'

/** What is shown in the place of an answer where the scores hold none. */
export const NO_ANSWER = 'none (NaN)'

/** The top answer of a class-like row output as people read it. */
export function answerText(output: TensorValue, classNames: readonly string[] | undefined): string {
  const answer = topAnswer(output)
  if (answer === null) return NO_ANSWER
  return typeof answer === 'number' ? className(answer, classNames) : answer
}

/** What classes are called, in the order of the scores. */
export interface ModelClasses {
  readonly classNames?: readonly string[]
  /** The numbers that labels call them by, where these are not their places. */
  readonly classNumbers?: readonly number[]
}

export interface ClassOptions extends ModelClasses {
  /** The output that holds the scores; the first class-like one where omitted. */
  readonly output?: string
}

/** Share of rows whose label is the top class (`top1`), or among the `k` highest scores. Ties go to the lower class. */
export function topK(k: number, options: ClassOptions = {}): Metric {
  return {
    name: `top${k}`,
    higherIsBetter: true,
    rightOrWrong: true,
    bounds: [0, 1],
    unit: 'points',
    score: (row) => (isAmongTop(k, row, options) ? 1 : 0),
    answer: (row) =>
      answerText((k === 1 && namedAnswer(row, options)) || classOutput(row, options), options.classNames),
  }
}

/** Mean over the classes present of the share of their rows that is right: rare classes weigh as much as common ones. */
export function balancedAccuracy(options: ClassOptions = {}): Metric {
  return {
    ...topK(1, options),
    name: 'balanced-accuracy',
    summary: (row) => [classIndex(row, options), isAmongTop(1, row, options) ? 1 : 0],
    stratum: (summary) => summary[0]!,
    strataApart: true,
    aggregate: (summaries) => {
      const seen = new Map<number, [right: number, all: number]>()
      for (const [label, right] of summaries) {
        const counts = seen.get(label!) ?? [0, 0]
        seen.set(label!, [counts[0] + right!, counts[1] + 1])
      }
      let sum = 0
      for (const [right, all] of seen.values()) sum += right / all
      return sum / seen.size
    },
  }
}

/** Mean of the F1 scores of all classes that occur as label or answer. Source: as scikit-learn's `average="macro"`. */
export function macroF1(options: ClassOptions = {}): Metric {
  return {
    ...topK(1, options),
    name: 'macro-f1',
    summary: (row) => {
      const answer = topAnswer(classOutput(row, options))
      const place = typeof answer === 'string' ? options.classNames?.indexOf(answer) : answer
      return [classIndex(row, options), place ?? Number.NaN]
    },
    stratum: (summary) => summary[0]!,
    aggregate: (summaries) => {
      const counts = new Map<number, { hits: number; labels: number; answers: number }>()
      const of = (name: number) => {
        let found = counts.get(name)
        if (!found) counts.set(name, (found = { hits: 0, labels: 0, answers: 0 }))
        return found
      }
      for (const [label, answer] of summaries) {
        of(label!).labels++
        if (!Number.isNaN(answer)) of(answer!).answers++
        if (label === answer) of(label!).hits++
      }
      let sum = 0
      for (const { hits, labels, answers } of counts.values()) sum += (2 * hits) / (labels + answers)
      return sum / counts.size
    },
  }
}

/** The row's class scores (or its class, where the model answers with an integer or a text). */
function classOutput({ outputs }: MetricRow, { output }: ClassOptions): TensorValue {
  if (output !== undefined) {
    const named = outputs[output]
    if (named) return named
    throw new UserError('bad-argument', `the model has no output "${output}"`, {
      where: output,
      hint: `its outputs are ${Object.keys(outputs).join(', ')}`,
    })
  }
  const found = classOutputName(outputs)
  if (found !== null) return outputs[found]!
  throw new UserError('bad-argument', 'no output of the model holds one score a class', {
    where: outputTexts(outputs).join(', '),
    hint: 'choose another metric, or write one: --metric ./metric.mjs',
  })
}

/**
 * The scores that the row's class output gives, or the only number of a model that scores one class.
 *
 * @throws UserError where no floating output does.
 */
export function classScoresOf(row: MetricRow, options: ClassOptions): ArrayLike<number> {
  const { output } = options
  const single = Object.entries(row.outputs).find(
    ([name, value]) => (output === undefined || name === output) && value.data.length === 1 && isFloating(value.dtype),
  )
  const named = output === undefined ? classOutputName(row.outputs) : output
  const value = named === null ? undefined : row.outputs[named]
  if (value && isFloating(value.dtype) && value.data.length > 1) return numbersOf(value)
  if (single) return numbersOf(single[1])
  const chosen = classOutput(row, options)
  throw new UserError('bad-argument', `the output [${chosen.dims.join(',')}] of ${chosen.dtype} scores no classes`, {
    where: output ?? named ?? 'outputs',
    hint: 'this metric needs probabilities or logits: export the model with them (skl2onnx: options={"zipmap": False}), or use top1 for bare answers',
  })
}

/** The output that answers with a class: scores before bare answers; null where there is none. */
export function classOutputName(outputs: MetricRow['outputs']): string | null {
  const classLike = Object.entries(outputs).filter(([name]) => isClassLike(name, outputs))
  const scores = classLike.find(([, value]) => isFloating(value.dtype))
  return (scores ?? classLike[0])?.[0] ?? null
}

/** The class number of a row's label: a name is looked up, a number must be a class of the output, or one 1 stands at it. */
export function classIndex(row: MetricRow, options: ClassOptions): number {
  const { label } = row
  const value = classOutput(row, options)
  const scores = isFloating(value.dtype) ? value.data.length : null
  if (typeof label === 'object' && label.length === scores) {
    const place = placeOfOne(label)
    if (place !== null) return place
  }
  requireLabel(label, row.row)
  if (typeof label === 'string') {
    const place = options.classNames?.indexOf(label) ?? -1
    if (place >= 0) return place
    if (options.classNames) throw badLabel(row, 'is none of the class names')
    // One word among the numbers of a table makes all of them text.
    const isNumber = label.trim() !== '' && Number.isFinite(Number(label))
    throw badLabel(
      row,
      isNumber
        ? 'is text and not a number (one label that is no number makes a whole column text)'
        : 'is a name, and the class names are unknown',
    )
  }
  if (typeof label !== 'number') throw badLabel(row, 'is not one class')
  const { classNumbers } = options
  if (scores !== null && classNumbers?.length === scores) {
    const place = classNumbers.indexOf(label)
    if (place >= 0) return place
    throw badLabel(row, `is none of the classes that the model knows: ${classNumbers.join(', ')}`)
  }
  if (!Number.isInteger(label) || (scores !== null && (label < 0 || label >= scores))) {
    const range = scores === null ? 'is not a whole number' : `is not a class from 0 to ${scores - 1}`
    throw badLabel(row, range, label === scores ? 'labels count from 0: if these count from 1, subtract 1; else ' : '')
  }
  return label
}

/**
 * Where labels are names whose numbers nobody told: the output that answers with a name itself, as classifiers that
 * scikit-learn makes have beside their probabilities.
 */
function namedAnswer({ label, outputs }: MetricRow, { output, classNames }: ClassOptions): TensorValue | undefined {
  if (typeof label !== 'string' || classNames || output !== undefined) return undefined
  return Object.entries(outputs).find(([name, value]) => value.dtype === 'string' && isClassLike(name, outputs))?.[1]
}

function isAmongTop(k: number, row: MetricRow, options: ClassOptions): boolean {
  const value = (k === 1 && namedAnswer(row, options)) || classOutput(row, options)
  // A model that answers with a name is compared by name.
  if (value.dtype === 'string') return String(row.label) === topAnswer(value)
  const label = classIndex(row, options)
  if (!isFloating(value.dtype)) return topAnswer(value) === label
  const scores = numbersOf(value)
  const own = scores[label]!
  let before = 0
  for (let i = 0; i < scores.length; i++) {
    if (Number.isNaN(scores[i]!)) return false
    if (scores[i]! > own || (scores[i] === own && i < label)) before++
  }
  return before < k
}

/** The label that PyTorch's losses ignore unless another is named. */
const IGNORED = -100

function badLabel({ row, label }: MetricRow, problem: string, likely = ''): UserError {
  return new UserError('bad-data', `the label ${shownLabel(label)} of row ${row} ${problem}`, {
    where: `row ${row}`,
    hint:
      label === IGNORED
        ? `${IGNORED} is what PyTorch does not score: leave such rows out; among the labels of tokens or pixels of a row, those below 0 are not scored here either`
        : `${likely}correct the labels, or name the right field with --label${typeof label === 'string' ? '; names of classes are listed in their order as "classNames" of a dataset.json' : ''}`,
  })
}
