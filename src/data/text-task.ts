import { isFloating } from '../ir/index.ts'
import type { InputWish } from './assign-roles.ts'
import { randomNumbers } from './random-numbers.ts'
import type { Cell } from './table.ts'
import type { Tokenizer } from './tokenizer.ts'

/** The column of the tokens that a model is to find. */
export const NEXT_TOKENS = 'labels'

/**
 * What a model does with a text, and so which tokens are its truth: of `next` the one that follows at every place, of
 * `last` the one that follows the whole row, of `hidden` those that stand behind a mask.
 */
export type TextTask = 'next' | 'last' | 'hidden'

/** A row as the model is fed it, and the tokens that it is to find. */
interface TaskRow {
  readonly tokens: Int32Array
  readonly labels: Cell
}

/** Share of a row's tokens that are hidden. Source: Devlin et al. 2019, BERT, §3.1, without its replacements of training. */
const HIDDEN_SHARE = 0.15
/** At a place that is not scored, as trainers mark it. */
const UNSCORED = -100

/**
 * What a model is asked, by what it gives: scores of all tokens at every place, or behind the last one alone. A model that
 * scores every place of whole texts, which its tokenizer ends and can hide tokens of, finds hidden tokens; it foretells
 * none. `next` where nothing is known of the outputs. Where rows are `fixed` in length and may be filled up, their last place
 * may be one that fills, so that nothing is asked of it alone.
 */
export function textTask(
  outputs: readonly InputWish[] | undefined,
  { mask, after, size }: Tokenizer,
  { cached, fixed }: { readonly cached: boolean; readonly fixed: boolean },
): TextTask {
  if (!outputs) return 'next'
  const wholeTexts = !cached && after.length > 0
  const scores = outputs.filter((output) => isAsWide(output, size))
  if (wholeTexts) return mask !== null && scores.some(scoresPlaces) ? 'hidden' : 'next'
  return !fixed && scores.length > 0 && !scores.some(scoresPlaces) ? 'last' : 'next'
}

/** Names of features: of a small vocabulary (bytes, amino acids) they may be as many as there are tokens. */
const FEATURES = /hidden_state|embedding|pooler|encoder_output/i

/** Whether an output has a number for every token. Vocabularies are rounded up, by less than a vector of features may be longer. */
function isAsWide({ name, dtype, shape }: InputWish, size: number): boolean {
  const wide = shape?.at(-1)
  if (!isFloating(dtype) || typeof wide !== 'number' || wide < size || FEATURES.test(name)) return false
  return name === 'logits' || wide <= size * 1.05 + 128
}

/** Whether there are scores at every place, and not one row of them for all. */
const scoresPlaces = ({ shape }: InputWish) => shape?.length === 3 && shape[1] !== 1

/** A row of a text as `task` asks it; null where it has too few tokens for that. `scored` places have a next token. */
export function taskRow(
  tokens: Int32Array,
  task: TextTask,
  { tokenizer, seed, scored = tokens.length - 1 }: TaskOptions,
): TaskRow | null {
  if (task === 'hidden') return hideTokens(tokens, tokenizer, seed)
  const labels = new BigInt64Array(tokens.length).fill(BigInt(UNSCORED))
  labels.set(BigInt64Array.from(tokens.subarray(1, scored + 1), BigInt))
  if (task === 'next') return { tokens, labels: cellOf(labels) }
  const read = tokens.length - 1
  if (read < 1) return null
  return { tokens: tokens.slice(0, read), labels: cellOf(labels.slice(0, read).fill(BigInt(UNSCORED), 0, read - 1)) }
}

interface TaskOptions {
  readonly tokenizer: Tokenizer
  /** Decides which tokens are hidden. */
  readonly seed: number
  readonly scored?: number
}

/** A share of a row's own tokens behind the mask, at least one of them. */
function hideTokens(tokens: Int32Array, { mask, before, after, pair, pad }: Tokenizer, seed: number): TaskRow | null {
  const around = new Set<unknown>([mask, pad, ...before, ...after, ...pair.map(({ part }) => part)])
  const free = [...tokens.keys()].filter((place) => !around.has(tokens[place]))
  if (free.length === 0) return null
  const random = randomNumbers(seed)
  const labels = new BigInt64Array(tokens.length).fill(BigInt(UNSCORED))
  const shown = tokens.slice()
  for (let left = Math.max(1, Math.round(free.length * HIDDEN_SHARE)); left > 0; left--) {
    const place = free.splice(Math.floor(random() * free.length), 1)[0]!
    labels[place] = BigInt(tokens[place]!)
    shown[place] = mask!
  }
  return { tokens: shown, labels: cellOf(labels) }
}

const cellOf = (data: BigInt64Array): Cell => ({ dims: [data.length], data })

/** What is told of a task that changes the rows; `length` are the tokens of each where the model fixes them. */
export function taskNotes(task: TextTask, length: number | null = null): readonly string[] {
  if (task === 'hidden')
    return [
      `The model finds tokens that are hidden: ${100 * HIDDEN_SHARE} % of each row's stand behind the tokenizer's mask, and those are scored.`,
    ]
  if (task === 'last' && length !== null)
    return [
      `The model reads ${length === 1 ? 'one token' : `${length} tokens`} and scores what follows: rows are as many tokens of one text${length === 1 ? ', judged without those before it' : ''}, and the token behind them is the truth.`,
    ]
  if (task === 'last')
    return ['The model scores what follows its last token alone: the last token of each row is held back as the truth.']
  return []
}
