import { expect, test } from 'vitest'
import { modelWith, randomValue, runHere } from '../../../tests/quantize-kit.ts'
import { rewriteWith } from '../../../tests/rewrite-kit.ts'
import type { Feeds } from '../../engine/index.ts'
import { partAttention } from './part-attention.ts'

const [TOKENS, WIDTH] = [6, 32]
const weights = { w: [WIDTH, 3 * WIDTH], b: [3 * WIDTH], bias: [1, 4, TOKENS, TOKENS] }
const attention = (inputs: string, attributes = 'num_heads = 4', more = '', outputs = 'y', opset = 21) =>
  modelWith(
    `g (float[N,${TOKENS},${WIDTH}] x${more}) => (float y) { ${outputs} = com.microsoft.Attention<${attributes}>(${inputs}) }`,
    weights,
    opset,
  )
const masked = (dims: readonly number[], value: (i: number) => number): Feeds[string] => ({
  dtype: 'int32',
  dims,
  data: Int32Array.from({ length: dims.reduce((all, dim) => all * dim, 1) }, (_, i) => value(i)),
})

test.each([
  ['nothing else', attention('x, w, b'), {}],
  ['a scale of its own', attention('x, w, b', 'num_heads = 4, scale = 0.5'), {}],
  ['a bias of scores', attention('x, w, b, , , bias'), {}],
  ['values that are narrower', attention('x, w, b', 'num_heads = 4, qkv_hidden_sizes = [40, 40, 16]'), {}],
  ['lengths', attention('x, w, b, m', undefined, ', int32[N] m'), { m: masked([2], (i) => 3 + i) }],
  [
    'a mask of tokens',
    attention('x, w, b, m', 'num_heads = 4, mask_filter_value = -50.0', `, int32[N,${TOKENS}] m`),
    { m: masked([2, TOKENS], (i) => Number(i % TOKENS < 4)) },
  ],
  [
    'a mask of pairs',
    attention('x, w, b, m', undefined, `, int32[N,${TOKENS},${TOKENS}] m`),
    { m: masked([2, TOKENS, TOKENS], (i) => Number(i % 5 !== 1)) },
  ],
] as const)('the product and the attention behind it answer alike: %s', async (_, model, masks) => {
  const { after, ops } = await rewriteWith(partAttention, model)
  expect(ops).toEqual(['MatMul', 'Add', 'Split', 'com.microsoft.MultiHeadAttention'])
  const feeds = { x: randomValue([2, TOKENS, WIDTH], 3), ...masks }
  const [expected, found] = [await runHere(model, feeds), await runHere(after, feeds)]
  expect(found.y!.dims).toEqual(expected.y!.dims)
  for (const [i, value] of Array.from(found.y!.data as Float32Array).entries())
    expect(value).toBeCloseTo((expected.y!.data as Float32Array)[i]!, 5)
})

test.each([
  ['computed weights', attention('x, u, b', undefined, `, float[${WIDTH},${3 * WIDTH}] u`), 'its weights are computed'],
  // The runtime's kernel reads it whether it is there or not.
  ['no bias', attention('x, w'), 'it has no bias, without which the runtime ends'],
  ['a cache', attention('x, w, b', undefined, '', 'y, present'), 'it keeps a cache'],
  [
    'earlier tokens alone',
    attention('x, w, b', 'num_heads = 4, unidirectional = 1'),
    'it turns positions, or looks at earlier tokens alone',
  ],
  ['lengths at either end', attention('x, w, b, m', undefined, ', int32[M] m'), 'its mask has another form'],
  ['an older Split', attention('x, w, b', undefined, '', undefined, 12), 'Split reads its sizes as of operator set 13'],
] as const)('stays: %s', async (_, model, reason) => {
  expect((await rewriteWith(partAttention, model)).reasons).toEqual([reason])
})
