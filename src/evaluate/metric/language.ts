import type { TensorValue } from '../../engine/index.ts'
import { isFloating } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import { argmax, numbersOf, outputTexts } from '../outputs/row-outputs.ts'
import type { Metric, MetricRow } from './metric.ts'

export interface LanguageOptions {
  /** The output that holds the scores [tokens, vocabulary]; `logits`, or the one that fits, where omitted. */
  readonly output?: string
}

/**
 * Perplexity: e to the mean negative log-likelihood of the tokens that really come next. The label of a row is the next
 * token at every place, negative where nothing is scored. A row's score is its mean negative log-likelihood in nats;
 * lower is better. The metric over rows weighs every token alike, so differences are in units of perplexity.
 */
export function perplexity(options: LanguageOptions = {}): Metric {
  const summary = (row: MetricRow): readonly number[] => {
    const { scores, vocabulary, targets } = placesOf(row, options)
    let sum = 0
    for (const [place, token] of targets) sum += negativeLogLikelihood(scores, place * vocabulary, vocabulary, token)
    return [sum, targets.length]
  }
  return {
    name: 'perplexity',
    higherIsBetter: false,
    score: (row) => {
      const [sum, count] = summary(row) as [number, number]
      return sum / count
    },
    summary,
    aggregate: (summaries) => {
      const [sum, count] = totals(summaries)
      return Math.exp(sum / count)
    },
  }
}

/** Share of places at which the most likely token is the one that really comes next; every place weighs alike. */
export function nextToken(options: LanguageOptions = {}): Metric {
  const summary = (row: MetricRow): readonly number[] => {
    const { scores, vocabulary, targets } = placesOf(row, options)
    let right = 0
    for (const [place, token] of targets) {
      const top = argmax(scores, place * vocabulary, vocabulary)
      // Scores that are no numbers are no answer.
      if (top < 0) return [Number.NaN, targets.length]
      if (top === token) right++
    }
    return [right, targets.length]
  }
  return {
    name: 'next-token',
    higherIsBetter: true,
    bounds: [0, 1],
    rightOrWrong: false,
    unit: 'points',
    score: (row) => {
      const [right, count] = summary(row) as [number, number]
      return right / count
    },
    summary,
    aggregate: (summaries) => {
      const [right, count] = totals(summaries)
      return right / count
    },
  }
}

function totals(summaries: readonly (readonly number[])[]): readonly [number, number] {
  let [first, second] = [0, 0]
  for (const [a, b] of summaries) {
    first += a!
    second += b!
  }
  return [first, second]
}

/** The tokens that a label holds: one at every place, or the one of a row of a single place; null where it is a text. */
function tokensIn(label: MetricRow['label']): readonly number[] | null {
  if (typeof label === 'number') return [label]
  return typeof label === 'object' ? Array.from(label, Number) : null
}

interface Places {
  readonly scores: ArrayLike<number>
  readonly vocabulary: number
  /** Place among the scores and the token that really stands there. */
  readonly targets: readonly (readonly [place: number, token: number])[]
}

function placesOf({ outputs, label, row }: MetricRow, { output }: LanguageOptions): Places {
  const tokens = tokensIn(label)
  if (tokens === null)
    throw new UserError('bad-data', `the label of row ${row} is no list of next tokens`, {
      where: `row ${row}`,
      hint: 'give a text file as --data, or a label field that holds the next token at every place',
    })
  const found = scoresOf(outputs, tokens, output)
  if (!found)
    throw new UserError('bad-argument', `no output scores the ${tokens.length} tokens of row ${row}`, {
      where: outputTexts(outputs).slice(0, 4).join(', '),
      hint: 'the output of a language model is [row, token, vocabulary]; where it scores what follows the last token alone, [row, 1, vocabulary] or [row, vocabulary], only the last place has a label',
    })
  const { value, from } = found
  const vocabulary = value.dims.at(-1)!
  const targets = tokens.map((token, place) => [place - from, token] as const).filter(([, token]) => token >= 0)
  const outside = targets.find(([, token]) => token >= vocabulary)
  if (outside)
    throw new UserError('bad-data', `row ${row} holds token ${outside[1]}, and the model knows ${vocabulary}`, {
      where: `row ${row}`,
      hint: 'the tokenizer is another model’s: name the right one with --tokenizer',
    })
  return { scores: numbersOf(value), vocabulary, targets }
}

/** Scores as rows of one vocabulary each, and the place in the label that the first row is for. */
interface Scores {
  readonly value: TensorValue
  readonly from: number
}

function scoresOf(outputs: MetricRow['outputs'], label: readonly number[], named?: string): Scores | undefined {
  const fits = (value: TensorValue | undefined) => scoresAt(value, label)
  if (named !== undefined) return fits(outputs[named])
  const fitting = Object.values(outputs).flatMap((value) => fits(value) ?? [])
  return fits(outputs.logits) ?? (fitting.length === 1 ? fitting[0] : undefined)
}

/** An output [tokens, vocabulary] has scores at every place; one of [1, vocabulary] or [vocabulary] behind the last. */
function scoresAt(value: TensorValue | undefined, label: readonly number[], least = 1): Scores | undefined {
  if (!value || !isFloating(value.dtype) || value.dims.length > 2 || value.dims.at(-1)! < least) return undefined
  const places = label.length
  if (value.dims.length === 2 && value.dims[0] === places) return { value, from: 0 }
  const alone = value.dims.length === 1 ? value.dims[0]! > 1 : value.dims[0] === 1
  return alone && onlyLast(label) ? { value, from: places - 1 } : undefined
}

/** Whether nothing but what follows the last place is asked for. */
const onlyLast = (label: readonly number[]) =>
  label.length > 0 && label.findIndex((token) => token >= 0) === label.length - 1

/**
 * The output that scores each of `vocabulary` tokens where the row's label has them: `logits`, or one as wide as that; null
 * where the model has none, as one that makes vectors of tokens or names a class.
 */
export function tokenScoresName(
  outputs: MetricRow['outputs'],
  label: MetricRow['label'],
  vocabulary: number,
): string | null {
  const places = tokensIn(label)
  if (places === null) return null
  if (outputs.logits?.dims.length === 2 && scoresAt(outputs.logits, places)?.from === 0) return 'logits'
  return Object.entries(outputs).find(([, value]) => scoresAt(value, places, vocabulary))?.[0] ?? null
}

/** −log softmax at `token`, in a way that does not overflow. */
function negativeLogLikelihood(scores: ArrayLike<number>, from: number, vocabulary: number, token: number): number {
  let top = Number.NEGATIVE_INFINITY
  for (let i = from; i < from + vocabulary; i++) if (scores[i]! > top) top = scores[i]!
  let sum = 0
  for (let i = from; i < from + vocabulary; i++) sum += Math.exp(scores[i]! - top)
  return top + Math.log(sum) - scores[from + token]!
}

/** Places of an output of scores of one row, and at how many of them both models have the same top token. */
export function tokenAgreement(
  base: MetricRow['outputs'],
  candidate: MetricRow['outputs'],
  output: string,
): { readonly places: number; readonly agreeing: number } | null {
  const [first, second] = [base[output], candidate[output]]
  if (first?.dims.length !== 2 || second?.dims.length !== 2 || !isFloating(first.dtype)) return null
  if (first.dims[0] !== second.dims[0] || first.dims[1] !== second.dims[1]) return null
  const [places, vocabulary] = first.dims as [number, number]
  const [a, b] = [numbersOf(first), numbersOf(second)]
  let agreeing = 0
  for (let place = 0; place < places; place++) {
    const top = argmax(a, place * vocabulary, vocabulary)
    if (top >= 0 && top === argmax(b, place * vocabulary, vocabulary)) agreeing++
  }
  return { places, agreeing }
}
