import { type InputWish, looksLikeState } from './assign-roles.ts'
import type { Cell, LooseArray, Row, TableColumn } from './table.ts'
import { NEXT_TOKENS } from './text-task.ts'
import type { Tokenizer } from './tokenizer.ts'

/** Names under which models take token numbers, the most telling first. */
export const TOKEN_NAMES = ['input_ids', 'tokens', 'token_ids', 'ids', 'input']

/** How many tokens a cache holds, and how many are read now. */
export interface TokenCounts {
  readonly past: number
  readonly now: number
  /** The segment of each that is read now, where there are several; all are of the first otherwise. */
  readonly segments?: Uint8Array
}

const placesOf = ({ past, now }: TokenCounts) => Array.from({ length: now }, (_, i) => past + i)

/** What the inputs beside the tokens hold: a number for every token, or one for the whole row. */
const FILLERS: Readonly<Record<string, (counts: TokenCounts) => readonly number[] | Uint8Array | number>> = {
  position_ids: placesOf,
  cache_position: placesOf,
  attention_mask: ({ past, now }) => new Array<number>(past + now).fill(1),
  token_type_ids: ({ now, segments }) => segments ?? new Array<number>(now).fill(0),
  // Of com.microsoft.GroupQueryAttention: "equivalent to total_sequence_lengths − 1".
  seqlens_k: ({ past, now }) => past + now - 1,
  total_sequence_length: ({ past, now }) => past + now,
  past_seq_len: ({ past }) => past,
  past_sequence_length: ({ past }) => past,
  // Of transformers' decoders: "if 0, logits of all tokens".
  num_logits_to_keep: () => 0,
  logits_to_keep: () => 0,
}

/** What the input of this name holds beside the tokens of a row; null where it does not follow from their number. */
export function besideTokens(name: string, counts: TokenCounts): Cell | null {
  if (!Object.hasOwn(FILLERS, name)) return null
  const values = FILLERS[name]!(counts)
  const whole = typeof values === 'number'
  return {
    dims: whole ? [] : [values.length],
    data: BigInt64Array.from(whole ? [values] : values, BigInt),
  }
}

/** The input that takes token numbers; undefined where none is an integer of such a name. */
export function tokenInputOf(inputs: readonly InputWish[]): InputWish | undefined {
  const integers = inputs.filter(({ dtype }) => dtype === 'int64' || dtype === 'int32')
  return TOKEN_NAMES.flatMap((name) => integers.filter((input) => input.name === name))[0]
}

/** Inputs of a model that follow from how many tokens a row has. */
export const filledInputs = (inputs: readonly InputWish[]): readonly string[] =>
  Object.keys(FILLERS).filter((name) => inputs.some((input) => input.name === name))

/** The column of an input that text fills; `length` where every row has as many tokens. */
export const tokenColumn = (name: string, length: number | null): TableColumn => ({
  name,
  dtype: 'int64',
  rowShape: besideTokens(name, { past: 0, now: 1 })?.dims.length === 0 ? [] : [length],
})

/** A row's tokens as the cell of `input`, and the cells of the `filled` inputs. */
export function tokenCells(
  tokens: Int32Array,
  input: string,
  filled: readonly string[],
  segments?: Uint8Array,
): Row['cells'] {
  const counts = { past: 0, now: tokens.length, ...(segments ? { segments } : {}) }
  return {
    [input]: { dims: [tokens.length], data: BigInt64Array.from(tokens, BigInt) },
    ...Object.fromEntries(filled.map((name) => [name, besideTokens(name, counts)!])),
  }
}

/**
 * Cells of one value a token as cells of `length` places, filled up before or behind the row as the tokenizer has it: the
 * tokens (`input`) with its padding, labels with places that are not scored, all others with 0.
 */
export function padded(cells: Row['cells'], length: number, input: string, tokenizer: Tokenizer): Row['cells'] {
  const pad = ([name, cell]: [string, Cell]) => {
    if (cell.dims.length === 0) return [name, cell]
    const filler = name === input ? tokenizer.pad : name === NEXT_TOKENS ? -100 : 0
    const all = new BigInt64Array(length).fill(BigInt(filler))
    all.set(cell.data as BigInt64Array, tokenizer.padsLeft ? length - cell.data.length : 0)
    return [name, { dims: [length], data: all }]
  }
  return Object.fromEntries(Object.entries(cells).map(pad))
}

/** Tokens of every row where the model fixes how many it reads; null where it does not. */
export const fixedLength = ({ shape }: InputWish): number | null => (typeof shape?.[1] === 'number' ? shape[1] : null)

/** Whether a model reads tokens behind others, as one does that takes the cache of a decoder. */
export const takesCache = (inputs: readonly InputWish[]): boolean => inputs.some(({ name }) => looksLikeState(name))

/** What stands before the tokens of a text that a model goes on with. */
export const startOf = ({ before, start }: Tokenizer): readonly number[] =>
  before.length > 0 || start === null ? before : [start]

/** Whether an input is the flag of a merged decoder that says whether its cache holds something. */
export const isCacheFlag = ({ name, dtype }: InputWish): boolean => dtype === 'bool' && /use_cache/.test(name)

/** The flags of caches, which start empty. */
export const cacheFlags = (inputs: readonly InputWish[]): readonly LooseArray[] =>
  inputs.filter(isCacheFlag).map(({ name, shape }) => {
    const dims = shape?.map(() => 1) ?? [1]
    return { name, dtype: 'bool', dims, read: async () => ({ dtype: 'bool', dims, data: Uint8Array.of(0) }) }
  })
