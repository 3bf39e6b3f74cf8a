import { expect, test } from 'vitest'
import { memoryDataset } from '../../data/index.ts'
import { parseModel } from '../../ir/index.ts'
import { learnedModel } from './learning-proof.ts'
import { rowsToProve } from './proof-rows.ts'

const rows = (from: number, count: number) =>
  memoryDataset({
    x: { dtype: 'float32', dims: [count, 1], data: Float32Array.from({ length: count }, (_, i) => from + i) },
  })

test('rows that are learned from prove nothing', async () => {
  const data = await rows(0, 20)
  const some = await rowsToProve(data, { proof: await rows(15, 20) })
  expect(some.prove.rows).toBe(15)
  expect(some.notes).toEqual(['5 rows of "memory" stand in "memory" as well, and were not used to prove'])
  expect((await rowsToProve(data, { proof: await rows(30, 10) })).notes).toEqual([])
  await expect(rowsToProve(data, { proof: await rows(5, 10) })).rejects.toThrow(
    'the rows to prove on are the rows that are learned from',
  )
})

test('copies of a row are learned from or prove, not both', async () => {
  const twice = Float32Array.from({ length: 40 }, (_, i) => i % 20)
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [40, 1], data: twice } })
  const { train, select, prove, notes } = await rowsToProve(data, {})
  expect([train.length, select.length, prove.rows]).toEqual([24, 4, 12])
  for (const row of [...train, ...select]) expect([...train, ...select]).toContain((row + 20) % 40)
  expect(notes.join()).toMatch(/^20 of 40 rows hold the inputs of an earlier row/)
})

test('figures of a model that takes exactly several rows are of one of them', async () => {
  const model = (rows: string) =>
    parseModel(
      `<ir_version: 8, opset_import: ["" : 13]> g (float[${rows},1] x) => (float[${rows},2] y)
       <float[1,2] w = {1, 2}> { y = MatMul(x, w) }`,
    )
  const data = await memoryDataset(
    { x: { dtype: 'float32', dims: [8, 1], data: new Float32Array(8) } },
    { inputs: [{ name: 'x', dtype: 'float32', shape: [4, 1] }] },
  )
  const of = (rows: string) => learnedModel({ path: 'm', model: model(rows) }, data, 6, null)
  expect(of('4')).toMatchObject({ p50Ms: 1.5, macs: 2 })
  expect(of('N')).toMatchObject({ p50Ms: 6, macs: 2 })
  expect(of('1')).toMatchObject({ p50Ms: 6, macs: 2 })
})
