import { expect, test } from 'vitest'
import { modelWith, randomValue } from '../../../tests/quantize-kit.ts'
import { memoryDataset, spreadRows } from '../../data/index.ts'
import { ortNode } from '../../engine/index.ts'
import type { Model } from '../../ir/index.ts'
import { quantize } from './quantize.ts'
import { unseenRows } from './unseen-rows.ts'

const INPUTS = 256
const model = modelWith('g (float[N,256] x) => (float[N,64] y) { y = MatMul(x, w) }', { w: [INPUTS, 64] })
const dataOf = (rows: number) => memoryDataset({ x: randomValue([rows, INPUTS], 3) as never })

/** Decibels that the outputs of `after` keep on these values, by hand. */
async function kept(after: Model, data: Float32Array): Promise<number> {
  const outputs = await Promise.all(
    [model, after].map(async (each) => {
      const session = await ortNode.open(each)
      const dims = [data.length / INPUTS, INPUTS]
      const { y } = await session.run({ x: { dtype: 'float32', dims, data } }, ['y'])
      await session.close()
      return y!.data as Float32Array
    }),
  )
  const [base, other] = outputs as [Float32Array, Float32Array]
  const power = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0)
  return 10 * Math.log10(power(base) / power(base.map((value, i) => value - other[i]!)))
}

test.each(['gptq', 'learned'] as const)('noise is told of rows that %s did not round by', async (rounding) => {
  const data = await dataOf(300)
  const { model: after, report } = await quantize(model, { scheme: 'weight-int4', rounding, samples: 64, data })
  const unknown = (randomValue([200, INPUTS], 9) as { data: Float32Array }).data
  // Fewer rows than inputs can be fitted far better than others: told of those, it would be several decibels more.
  expect(Math.abs(report.sqnrDb! - (await kept(after, unknown)))).toBeLessThan(1.5)
  expect(report.warnings.join()).not.toMatch(/rounded by/)
})

test('noise of static integers is told of rows that their ranges were not taken from', async () => {
  const { data } = randomValue([300, INPUTS], 3) as { data: Float32Array }
  const calibrating = new Set(spreadRows({ rows: 300 }, undefined, 128))
  // All others reach twice as far, and are cut short.
  const values = data.map((value, i) => (calibrating.has(Math.floor(i / INPUTS)) ? value : 2 * value))
  const rows = await memoryDataset({ x: { dtype: 'float32', dims: [300, INPUTS], data: values } as never })
  const { model: after, report } = await quantize(model, { scheme: 'static-int8', samples: 128, data: rows })
  const others = values.filter((_, i) => !calibrating.has(Math.floor(i / INPUTS)))
  expect(Math.abs(report.sqnrDb! - (await kept(after, others)))).toBeLessThan(1.5)
  expect(report.sqnrSamples).toBe(64)
})

test('where no other rows are left, that is said', async () => {
  const options = { scheme: 'weight-int4', data: await dataOf(30) } as const
  const warnings = async (more: object) => (await quantize(model, { ...options, ...more })).report.warnings.join()
  expect(await warnings({ rounding: 'gptq' })).toMatch(/on rows that the weights were rounded by/)
  expect(await warnings({ rounding: 'rtn' })).not.toMatch(/rounded by/)
  expect(await warnings({ scheme: 'static-int8' })).not.toMatch(/rounded by/)
})

test('rows that nothing was rounded by are all rows', async () => {
  const data = await dataOf(10)
  const scheme = 'weight-int4'
  expect(unseenRows({ scheme, data, rounding: 'hqq' }, 4)).toBeUndefined()
  expect(unseenRows({ scheme, data, rounding: 'awq', indices: [0, 1, 2, 3, 4, 5] }, 4)).toEqual([6, 7, 8, 9])
  expect(unseenRows({ scheme, data, rounding: 'awq', indices: [0, 1, 2, 3, 4, 5] }, 5)).toBeNull()
})
