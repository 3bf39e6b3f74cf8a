import { expect, test } from 'vitest'
import { modelWith } from '../../tests/quantize-kit.ts'
import { memoryDataset } from '../data/index.ts'
import type { Model } from '../ir/index.ts'
import { noCache } from './evidence/evidence-cache.ts'
import { FloatForms } from './float-forms.ts'

const attention = (attributes: string) =>
  modelWith(`g (float[N,6,32] x) => (float y) { y = com.microsoft.Attention<${attributes}>(x, w, b) }`, {
    w: [32, 96],
    b: [96],
  })

async function formsOf(model: Model): Promise<FloatForms> {
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [1, 6, 32], data: new Float32Array(6 * 32) } })
  const options = { target: 'native', seed: 0, cache: noCache } as const
  return new FloatForms(model, { data, indices: [] }, options, null, async () => null)
}

test('products are looked for where candidates have them: an attention that cannot be taken apart has none', async () => {
  const parted = await formsOf(attention('num_heads = 4'))
  expect((await parted.forProducts()).graph.nodes.map(({ opType }) => opType)).toContain('MatMul')
  expect(await parted.hasProducts()).toBe(true)
  const fused = await formsOf(attention('num_heads = 4, unidirectional = 1'))
  expect((await fused.forProducts()).graph.nodes.map(({ opType }) => opType)).toEqual(['Attention'])
  expect(await fused.hasProducts()).toBe(false)
})
