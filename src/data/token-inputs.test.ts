import { expect, test } from 'vitest'
import { besideTokens, cacheFlags, filledInputs, startOf, takesCache, tokenInputOf } from './token-inputs.ts'
import type { Tokenizer } from './tokenizer.ts'

const port = (
  name: string,
  dtype: 'int64' | 'int32' | 'float32' | 'bool' = 'int64',
  shape: (string | number)[] = [],
) => ({
  name,
  dtype,
  shape,
})

test.each<[string, readonly number[] | number]>([
  ['position_ids', [5, 6, 7]],
  ['cache_position', [5, 6, 7]],
  ['attention_mask', [1, 1, 1, 1, 1, 1, 1, 1]],
  ['token_type_ids', [0, 0, 0]],
  ['seqlens_k', 7],
  ['total_sequence_length', 8],
  ['past_seq_len', 5],
  ['past_sequence_length', 5],
  ['num_logits_to_keep', 0],
  ['logits_to_keep', 0],
])('where three tokens are read behind five, %s holds %j', (name, expected) => {
  const { dims, data } = besideTokens(name, { past: 5, now: 3 })!
  expect([dims, Array.from(data as BigInt64Array, Number)]).toEqual(
    typeof expected === 'number' ? [[], [expected]] : [[expected.length], expected],
  )
  expect(filledInputs([port('x'), port(name)])).toEqual([name])
})

test('segments are those that are told, and other names follow from nothing', () => {
  const segments = Uint8Array.of(0, 1, 1)
  expect(besideTokens('token_type_ids', { past: 0, now: 3, segments })!.data).toEqual(BigInt64Array.of(0n, 1n, 1n))
  for (const name of ['pixel_values', 'toString']) expect(besideTokens(name, { past: 0, now: 1 })).toBeNull()
})

test('tokens go to integers of the most telling name, whatever stands before', () => {
  const nameOf = (...inputs: ReturnType<typeof port>[]) => tokenInputOf(inputs)?.name
  expect(nameOf(port('input'), port('tokens', 'int32'), port('attention_mask'))).toBe('tokens')
  expect(nameOf(port('input_ids', 'float32'), port('ids'))).toBe('ids')
  expect(nameOf(port('input', 'float32'), port('mask'))).toBeUndefined()
})

test('a text goes on behind what the tokenizer puts before it, else behind its first token', () => {
  const of = (before: readonly number[], start: number | null) => startOf({ before, start } as unknown as Tokenizer)
  expect([of([4], 7), of([4, 5], null), of([], 7), of([], null)]).toEqual([[4], [4, 5], [7], []])
})

test('a cache is an input among others; its flag says that it holds nothing yet', async () => {
  const cache = port('past_key_values.0.key', 'float32')
  expect([takesCache([port('input_ids'), cache]), takesCache([port('input_ids')]), takesCache([])]).toEqual([
    true,
    false,
    false,
  ])
  const flags = [port('use_cache_branch', 'bool', ['n', 3]), port('use_cache', 'int64'), port('mask', 'bool')]
  const [flag, ...others] = cacheFlags(flags)
  expect([flag!.name, others]).toEqual(['use_cache_branch', []])
  expect(await flag!.read()).toEqual({ dtype: 'bool', dims: [1, 1], data: Uint8Array.of(0) })
})
