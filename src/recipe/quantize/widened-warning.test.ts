import { expect, test } from 'vitest'
import { modelWith, randomValue } from '../../../tests/quantize-kit.ts'
import { memoryDataset } from '../../data/index.ts'
import type { Model } from '../../ir/index.ts'
import { passById } from '../trail.ts'
import { quantize } from './quantize.ts'
import { widenedWarning } from './widened-warning.ts'

/** A layer of an encoder: every token of a row is a row of its products. */
const encoder = modelWith(`g (float[N,T,64] x) => (float y) { a = MatMul(x, w)  r = Relu(a)  y = MatMul(r, v) }`, {
  w: [64, 256],
  v: [256, 64],
})

async function coded(options: object): Promise<Model> {
  const { model } = await passById('quantizeWeights').run(encoder, options as never, [])
  return model
}

const ratioOf = (warning: string | undefined) => Number(/ ([\d.]+) times/.exec(warning ?? '')?.[1])
const row = (tokens: number) => ({ x: randomValue([1, tokens, 64], 1) })

test('products whose codes are widened in every run are told by what a sample makes them read', async () => {
  const model = await coded({ bits: 8 })
  const [few] = widenedWarning(model, row(8))
  expect(few).toMatch(/2 products in codes take .* each reads 8 rows .*--accuracy-level 4.* or --scheme dynamic-int8/)
  const many = ratioOf(widenedWarning(model, row(128))[0])
  // Measured with 768×768: 10.0 and 1.84 times.
  expect(ratioOf(few)).toBeGreaterThan(many)
  expect(many).toBeGreaterThan(1.5)
  expect(many).toBeLessThan(2.5)
  // Its kernels never saturate, so that it is portable as well.
  expect(widenedWarning(model, row(8), 'portable')).toEqual([few])
})

test('four bits: one row is as fast as in float, some are not, and many hide it', async () => {
  const model = await coded({ bits: 4 })
  expect(widenedWarning(model, row(1))).toEqual([])
  expect(widenedWarning(model, row(4))[0]).toContain('of 1 row, as where a text is written token by token')
  expect(widenedWarning(model, row(512))).toEqual([])
})

test('nothing is told where codes are read as they are, where products are float, or nothing was run', async () => {
  expect(widenedWarning(await coded({ bits: 8, accuracyLevel: 4 }), row(8))).toEqual([])
  expect(widenedWarning(await coded({ bits: 8, products: 'stored' }), row(8))).toEqual([])
  expect(widenedWarning(await coded({ bits: 8 }), undefined)).toEqual([])
  expect(widenedWarning(await coded({ bits: 8 }), row(8), 'web')).toEqual([])
})

test('quantize says so of the rows that it is given', async () => {
  const x = randomValue([3, 16, 64], 2)
  const data = await memoryDataset(
    { x: { ...x, data: x.data as Float32Array } as never },
    { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 'T', 64] }] },
  )
  const { report } = await quantize(encoder, { scheme: 'weight-int8', data })
  expect(report.warnings).toContainEqual(expect.stringMatching(/ times as long as in float: each reads 16 rows/))
  const fast = await quantize(encoder, { scheme: 'weight-int8', data, accuracyLevel: 4 })
  expect(fast.report.warnings.join()).not.toContain('times as long')
})
