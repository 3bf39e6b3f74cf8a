import { expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { simplify } from '../src/recipe/index.ts'
import { modelWith, randomValue } from './quantize-kit.ts'

/** Noise on top of an answer, as loud as an input says: what models of speech synthesis do. */
const noisy = modelWith(
  `g (float[N,8] x, float[1] scale) => (float y) {
     i = Identity(x) r = RandomNormalLike<dtype = 1>(i) n = Mul(r, scale) s = Add(i, n) y = MatMul(s, w) }`,
  { w: [8, 8] },
)
const rows = (scale: number) =>
  memoryDataset(
    { x: randomValue([8, 8], 3) },
    { constants: { scale: { dtype: 'float32', dims: [1], data: Float32Array.of(scale) } } },
  )

test('a model that draws numbers is proven on rows whose constants silence them, and on these alone', async () => {
  const { report } = await simplify(noisy, { data: await rows(0) })
  expect(report.equivalence).toMatchObject({ samples: 4, realSamples: 4 })
  expect(report.equivalence!.maxAbs).toBeLessThan(1e-5)
})

test('where the rows draw some too, that is what it is refused for', async () => {
  const refusal = { name: 'UserError', code: 'unsupported', hint: expect.stringContaining('a noise scale of 0') }
  await expect(simplify(noisy, { data: await rows(0.5) })).rejects.toMatchObject(refusal)
  await expect(simplify(noisy)).rejects.toMatchObject(refusal)
})
