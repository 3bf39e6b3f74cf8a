import { isFloating } from '../../ir/index.ts'
import { isClassLike } from '../outputs/class-like.ts'
import { numbersOf, type RowOutputs } from '../outputs/row-outputs.ts'
import type { ModelClasses } from './classification.ts'
import type { RowLabel } from './metric.ts'
import {
  areProbabilitiesTogether,
  LEAST_PROBABILITY,
  likenessToProbabilities,
  logLoss,
  softmax,
  topOf,
} from './probabilities.ts'

/** What the class probabilities of two models say of every row; NaN where one of them holds no numbers. */
export interface ClassScores {
  readonly output: string
  readonly from: 'probabilities' | 'logits'
  /** Number of classes that the output has. */
  readonly classes: number
  /** What they are called, where that is known. */
  readonly names: readonly string[] | null
  /** KL(base ‖ candidate) in nats. */
  readonly divergence: readonly number[]
  readonly base: Sureness
  readonly candidate: Sureness
  /** Class number of the label, −1 where it is none; null without labels. */
  readonly labels: readonly number[] | null
}

/** One model's probabilities, a number a row. */
export interface Sureness {
  /** Probability of the top answer. */
  readonly confidence: readonly number[]
  /** Class of the top answer. */
  readonly answer: readonly number[]
  /** −ln of the probability of the label; NaN without one. */
  readonly loss: readonly number[]
}

/** Collects class probabilities row by row; `result` is null where some row has no such output in both models. */
export function classScores(known: ModelClasses): {
  add(base: RowOutputs, candidate: RowOutputs, label: RowLabel | undefined): void
  result(): ClassScores | null
} {
  let output: string | null | undefined
  let classes = 0
  let labelled = false
  const labels: number[] = []
  // Which of the two it is shows only when every row was seen.
  const asTheyAre = collector()
  const throughSoftmax = collector()
  const said: number[] = []
  return {
    add(first, second, label) {
      output ??= scoresOutput(first)
      if (output === null) return
      const [one, other] = [first[output], second[output]]
      if (
        !one ||
        !other ||
        one.data.length !== other.data.length ||
        !isScores(output, first) ||
        !isScores(output, second)
      ) {
        output = null
        return
      }
      const [x, y] = [numbersOf(one), numbersOf(other)]
      classes = x.length
      labelled ||= label !== undefined
      const truth = classNumber(label, x.length, known)
      labels.push(truth)
      // What the scores of the one are, those of the other are as well, however they are rounded.
      said.push(likenessToProbabilities(x))
      asTheyAre.add(x, y, truth)
      throughSoftmax.add(softmax(x), softmax(y), truth)
    },
    result: () =>
      output === null || output === undefined
        ? null
        : {
            output,
            from: areProbabilitiesTogether(said) ? 'probabilities' : 'logits',
            classes,
            names: known.classNames ?? (known.classNumbers?.length === classes ? known.classNumbers.map(String) : null),
            ...(areProbabilitiesTogether(said) ? asTheyAre : throughSoftmax).seen,
            labels: labelled ? labels : null,
          },
  }
}

function collector() {
  const divergence: number[] = []
  const base = { confidence: [] as number[], answer: [] as number[], loss: [] as number[] }
  const candidate = { confidence: [] as number[], answer: [] as number[], loss: [] as number[] }
  return {
    seen: { divergence, base, candidate },
    add(p: ArrayLike<number>, q: ArrayLike<number>, truth: number) {
      divergence.push(kullbackLeibler(p, q))
      addTo(base, p, truth)
      addTo(candidate, q, truth)
    },
  }
}

function addTo(to: { confidence: number[]; answer: number[]; loss: number[] }, p: ArrayLike<number>, truth: number) {
  const { top, confidence } = topOf(p)
  to.answer.push(top)
  to.confidence.push(confidence)
  to.loss.push(truth < 0 || top < 0 ? Number.NaN : logLoss(p, truth))
}

const isScores = (name: string, outputs: RowOutputs) =>
  isFloating(outputs[name]!.dtype) && outputs[name]!.data.length >= 2 && isClassLike(name, outputs)

function scoresOutput(outputs: RowOutputs): string | null {
  return Object.keys(outputs).find((name) => isScores(name, outputs)) ?? null
}

function kullbackLeibler(p: ArrayLike<number>, q: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < p.length; i++)
    if (p[i]! > 0) sum += p[i]! * Math.log(p[i]! / Math.max(LEAST_PROBABILITY, q[i]!))
    else if (Number.isNaN(p[i]!)) return Number.NaN
  return Math.max(0, sum)
}

/** The class that a label names, by number or name; −1 where it is none of them. */
export function classNumber(
  label: RowLabel | undefined,
  classes: number,
  { classNames, classNumbers }: ModelClasses,
): number {
  const numbered = (number: number) => (classNumbers?.length === classes ? classNumbers.indexOf(number) : number)
  const place =
    typeof label === 'string' ? (classNames?.indexOf(label) ?? -1) : typeof label === 'number' ? numbered(label) : -1
  return Number.isInteger(place) && place >= 0 && place < classes ? place : -1
}
