import { expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { quantize } from '../src/index.ts'
import type { Model } from '../src/ir/index.ts'
import { decibels, modelWith, randomTensor, randomValue, runOnce } from './quantize-kit.ts'

/** Two products, the first with weights of about `size`. */
function products(size: number): Model {
  const model = modelWith('g (float[n,64] x) => (float y) { a = MatMul(x, w) r = Relu(a) y = MatMul(r, v) }', {
    w: [64, 128],
    v: [128, 64],
  })
  const initializers = new Map(model.graph.initializers)
  initializers.set('w', randomTensor([64, 128], 3, size, 'w'))
  return { ...model, graph: { ...model.graph, initializers } }
}
const ROWS = 8
const x = randomValue([ROWS, 64], 5)
const data = () => memoryDataset({ x }, { inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 64] }] })

test('noise is told where squares leave float32, and where integers leave nothing', async () => {
  const small = products(1e-25)
  const codes = await quantize(small, { scheme: 'dynamic-int8', data: await data() })
  const [before, after] = [await runOnce(small, { x }), await runOnce(codes.model, { x })]
  expect(codes.report.sqnrDb).toBeGreaterThan(25)
  // Rows that share a run share its ranges, so a few decibels lie between the two.
  expect(Math.abs(codes.report.sqnrDb! - decibels(before.y!, after.y!))).toBeLessThan(6)
  const lost = await quantize(products(1e-41), { scheme: 'dynamic-int8', data: await data() })
  expect(lost.report.sqnrDb).toBeLessThan(25)
  expect(lost.report.warnings?.join()).toContain('25 dB are what')
})

test('weights of which float16 keeps little stay in float32, by name', async () => {
  for (const size of [1e-41, 1e-25, 1e-7]) {
    const { report } = await quantize(products(size), { scheme: 'float16', data: await data() })
    expect(report.float).toEqual([{ node: 'w', reason: expect.stringContaining('float16 keeps little') }])
    expect(report.sqnrDb).toBeGreaterThan(60)
  }
  const { report } = await quantize(products(1e-4), { scheme: 'float16', data: await data() })
  expect(report.float).toEqual([])
})
