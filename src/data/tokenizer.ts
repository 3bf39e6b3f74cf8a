/** Tokens of a row at most, by default. */
export const DEFAULT_WINDOW = 256

/** How text is made tokens: the file of the tokenizer, or folders to look in, and the most tokens of a row. */
export interface TextChoice {
  readonly tokenizer?: string | undefined
  readonly folders?: readonly string[] | undefined
  readonly window?: number | undefined
}

/** A token of its own, or the place of one of the two texts. */
export interface PairPart {
  readonly part: number | 'first' | 'second'
  readonly segment: number
}

/** Text to token numbers and nothing else of what a tokenizer can do. */
export interface Tokenizer {
  /** Where it came from, for messages. */
  readonly path: string
  /** The token that a text begins with, where the model knows one. */
  readonly start: number | null
  /** The tokens that it puts around a text: `[CLS]` before and `[SEP]` after it, say. */
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** The token that fills up short rows, and whether it stands before them. */
  readonly pad: number
  readonly padsLeft: boolean
  /** The token that stands for one that is hidden, where the model was trained to find such. */
  readonly mask: number | null
  /** How two texts are joined to one row: its tokens in order, each with the number of the segment that it is of. */
  readonly pair: readonly PairPart[]
  /** Tokens that it knows. */
  readonly size: number
  /** Tokens of a text, without those around it. */
  encode(text: string): readonly number[]
  /** Everything that decides the tokens, for digests. */
  readonly fingerprint: Uint8Array
}
