import { expect, test } from 'vitest'
import { memoryDataset, subset } from '../../data/index.ts'
import { parseModel, tensorOf } from '../../ir/index.ts'
import { quantize } from './quantize.ts'
import { rowsForNoise } from './rows-for-noise.ts'

const convOver = (size: number | string) =>
  parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[N,16,${size},${size}] x, float[16,16,3,3] w) => (float[N,16,H,W] y) { y = Conv<pads = [1, 1, 1, 1]>(x, w) }`)
const picture = (size: number) => ({
  x: { dtype: 'float32' as const, dims: [1, 16, size, size], data: new Float32Array() },
})

test('small models are heard on more rows; what a run costs is told by the model and the row', () => {
  const weights = { w: { dtype: 'float32' as const, dims: [16, 16, 3, 3], data: new Float32Array() } }
  expect(rowsForNoise(convOver('S'), { ...picture(8), ...weights })).toBe(64)
  expect(rowsForNoise(convOver('S'), { ...picture(64), ...weights })).toBe(64)
  expect(rowsForNoise(convOver('S'), { ...picture(128), ...weights })).toBe(46)
  expect(rowsForNoise(convOver('S'), { ...picture(512), ...weights })).toBe(4)
  const unknown = parseModel(`<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
    g (float[N,4] x) => (float[N,4] y) { y = own.Thing(x) }`)
  expect(rowsForNoise(unknown, { x: { dtype: 'float32', dims: [1, 4], data: new Float32Array(4) } })).toBe(4)
})

test('the noise of inputs with a long tail is that of many rows, not of four', async () => {
  // Every tenth row is a hundred times as large, and none of the four at even distances is: the codes are for these rows.
  const values = Float32Array.from(
    { length: 400 },
    (_, i) => Math.sin(i * 1.7) * (Math.floor(i / 4) % 10 === 7 ? 100 : 1),
  )
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [100, 4], data: values } })
  const model = parseModel(
    `<ir_version: 8, opset_import: ["" : 17]> g (float[N,4] x) => (float[N,8] y) { y = MatMul(x, w) }`,
  )
  const w = tensorOf(
    'float32',
    [4, 8],
    Float32Array.from({ length: 32 }, (_, i) => Math.cos(i * 2.3)),
    'w',
  )
  const graph = { ...model.graph, initializers: new Map([['w', w]]) }
  const { report } = await quantize({ ...model, graph }, { scheme: 'static-int8', data })
  expect(report.sqnrSamples).toBe(64)
  expect(report).not.toHaveProperty('sqnrRandom')
  expect(report.sqnrDb).toBeGreaterThan(30)
  // Where rows are few, random inputs are heard, and the report says so.
  const few = await quantize({ ...model, graph }, { scheme: 'static-int8', data: subset(data, [7]) })
  expect(few.report).toMatchObject({ sqnrSamples: 3, sqnrRandom: 2 })
})
