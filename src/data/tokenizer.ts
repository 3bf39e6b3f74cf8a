/** Text to token numbers and nothing else of what a tokenizer can do. */
export interface Tokenizer {
  /** Where it came from, for messages. */
  readonly path: string
  /** The token that a text begins with, where the model knows one. */
  readonly start: number | null
  /** Tokens that it knows. */
  readonly size: number
  /** Tokens of a text, without the one that begins it. */
  encode(text: string): readonly number[]
  /** Everything that decides the tokens, for digests. */
  readonly fingerprint: Uint8Array
}
