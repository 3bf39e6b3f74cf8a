import type { InputWish } from './assign-roles.ts'
import type { LooseArray, Row, TableColumn } from './table.ts'

/** Names under which models take token numbers, the most telling first. */
export const TOKEN_NAMES = ['input_ids', 'tokens', 'token_ids', 'ids', 'input']

/** What the inputs beside the tokens hold for a row of `n` tokens. */
const FILLERS: Readonly<Record<string, (n: number) => BigInt64Array>> = {
  position_ids: (n) => BigInt64Array.from({ length: n }, (_, i) => BigInt(i)),
  attention_mask: (n) => new BigInt64Array(n).fill(1n),
  token_type_ids: (n) => new BigInt64Array(n),
}

/** The input that takes token numbers; undefined where none is an integer of such a name. */
export function tokenInputOf(inputs: readonly InputWish[]): InputWish | undefined {
  const integers = inputs.filter(({ dtype }) => dtype === 'int64' || dtype === 'int32')
  return TOKEN_NAMES.flatMap((name) => integers.filter((input) => input.name === name))[0]
}

/** Inputs of a model that follow from how many tokens a row has. */
export const filledInputs = (inputs: readonly InputWish[]): readonly string[] =>
  Object.keys(FILLERS).filter((name) => inputs.some((input) => input.name === name))

export const tokenColumn = (name: string, length: number | null = null): TableColumn => ({
  name,
  dtype: 'int64',
  rowShape: [length],
})

/** A row's tokens as the cell of `input`, and the cells of the `filled` inputs. */
export function tokenCells(tokens: Int32Array, input: string, filled: readonly string[]): Row['cells'] {
  const dims = [tokens.length]
  return {
    [input]: { dims, data: BigInt64Array.from(tokens, BigInt) },
    ...Object.fromEntries(filled.map((name) => [name, { dims, data: FILLERS[name]!(tokens.length) }])),
  }
}

/** Merged decoders take a flag that says whether their cache holds something: it starts empty. */
export const cacheFlags = (inputs: readonly InputWish[]): readonly LooseArray[] =>
  inputs
    .filter(({ name, dtype }) => dtype === 'bool' && /use_cache/.test(name))
    .map(({ name, shape }) => {
      const dims = shape?.map(() => 1) ?? [1]
      return { name, dtype: 'bool', dims, read: async () => ({ dtype: 'bool', dims, data: Uint8Array.of(0) }) }
    })
