import { UserError } from '../platform/index.ts'
import type { PairPart, Tokenizer } from './tokenizer.ts'

/** The tokens of one row, and the segment of each. */
export interface TokenRow {
  readonly tokens: Int32Array
  /** Where a row is one segment, it has none. */
  readonly segments?: Uint8Array
}

/**
 * Joins the tokens of one text, or of two, as the `frame` of a tokenizer says, to `most` tokens at most. What is too
 * much goes from the ends: first from the longer text, down to the length of the other, then from both alike ("longest
 * first", as tokenizers of Hugging Face cut pairs). `whole` is how long the row would have been.
 *
 * @throws UserError where the frame has no place for a text.
 */
export function joinTexts(frame: readonly PairPart[], most: number, { path }: Tokenizer) {
  const own = frame.filter(({ part }) => typeof part === 'number').length
  const room = Math.max(0, most - own)
  if (!frame.some(({ part }) => part === 'first'))
    throw new UserError('bad-data', `"${path}" does not say how two texts are joined`, {
      where: path,
      hint: 'Is it the tokenizer of this model? Else give the joined input_ids, token_type_ids and attention_mask as lists.',
    })
  const several = frame.some(({ segment }) => segment !== 0)
  return (first: readonly number[], second: readonly number[]): TokenRow & { readonly whole: number } => {
    const [a, b] = shares(first.length, second.length, room)
    const cut = { first: first.slice(0, a), second: second.slice(0, b) }
    const parts = frame.map(({ part, segment }) => ({ own: typeof part === 'number' ? [part] : cut[part], segment }))
    return {
      tokens: Int32Array.from(parts.flatMap(({ own }) => own)),
      ...(several ? { segments: Uint8Array.from(parts.flatMap(({ own, segment }) => own.map(() => segment))) } : {}),
      whole: own + first.length + second.length,
    }
  }
}

function shares(first: number, second: number, room: number): readonly [number, number] {
  const short = Math.min(first, second, room >> 1)
  const kept = first > second ? [room - short, short] : [short, room - short]
  return [Math.min(first, kept[0]!), Math.min(second, kept[1]!)]
}
