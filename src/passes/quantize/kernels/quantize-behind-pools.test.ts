import { expect, test } from 'vitest'
import { inIntegers, modelWith, optimizedBy, randomValue, rangesOf, runOnce } from '../../../../tests/quantize-kit.ts'
import type { Model } from '../../../ir/index.ts'
import { quantizeStaticInt8 } from '../static/quantize-static-int8.ts'
import { quantizeBehindPools } from './quantize-behind-pools.ts'

async function quantized(keepFloat: readonly string[]) {
  const model = modelWith(
    'g (float[1,3,12,12] x) => (float y) { c = Conv(x, w) r = Relu(c) p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(r) y = Conv(p, v) }',
    { w: [16, 3, 3, 3], v: [16, 16, 1, 1] },
  )
  const feeds = { x: randomValue([1, 3, 12, 12], 3) }
  const before = (await inIntegers(model, feeds, { keepFloat })).model
  const { model: after, report } = await quantizeBehindPools.run(before, {}, [])
  return { before, after, report, feeds }
}

/** What makes the input of the pool in the runtime's own graph. */
async function inFrontOfPool(model: Model): Promise<string | undefined> {
  const { nodes } = (await optimizedBy(model, 'all')).graph
  const pool = nodes.find(({ opType }) => opType === 'MaxPool')
  return nodes.find(({ outputs }) => outputs.includes(pool?.inputs[0] ?? ''))?.opType
}

test('codes are made behind a float pool, where the runtime would pool codes in the slow layout; the same ones', async () => {
  const { before, after, report, feeds } = await quantized(['c', 'p'])
  expect(report.applied).toBe(1)
  expect(await inFrontOfPool(before)).toBe('QuantizeLinear')
  expect(await inFrontOfPool(after)).toBe('Conv')
  expect((await runOnce(after, feeds)).y!.data).toEqual((await runOnce(before, feeds)).y!.data)
})

test('a pool that was planned in integers behind a float convolution is pooled in float; the codes are the same', async () => {
  const { before, after, report, feeds } = await quantized(['c'])
  expect(report.applied).toBe(1)
  expect(await inFrontOfPool(before)).toBe('QuantizeLinear')
  expect(await inFrontOfPool(after)).toBe('Conv')
  expect((await runOnce(after, feeds)).y!.data).toEqual((await runOnce(before, feeds)).y!.data)
})

test('a pool among integers stays as it is', async () => {
  expect((await quantized([])).report.applied).toBe(0)
})

test('a pool behind a table of codes stays as it is, and so does the table', async () => {
  const model = modelWith(
    'g (float[1,16,12,12] x) => (float y) { c = Conv(x, w) r = LeakyRelu(c) p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(r) y = Conv(p, w) }',
    { w: [16, 16, 1, 1] },
  )
  const feeds = { x: randomValue([1, 16, 12, 12], 3) }
  const evidence = [{ report: await rangesOf(model, feeds) }]
  const { model: before } = await quantizeStaticInt8.run(model, { placement: 'everywhere' }, evidence)
  expect((await quantizeBehindPools.run(before, {}, [])).report.applied).toBe(0)
})

test.each([
  [
    'side by side',
    'p = MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(s) q = MaxPool<kernel_shape = [5, 5], pads = [2, 2, 2, 2]>(s)',
  ],
  [
    'one behind the other',
    'p = MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(s) q = MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(p)',
  ],
])('pools of several sizes over one float value, %s: none of them pools codes', async (_, pools) => {
  const model = modelWith(
    `g (float[1,16,12,12] x) => (float y) { c = Conv(x, w) s = Relu(c) ${pools} k = Concat<axis = 1>(s, p, q) y = Conv(k, v) }`,
    { w: [16, 16, 1, 1], v: [16, 48, 1, 1] },
  )
  const feeds = { x: randomValue([1, 16, 12, 12], 3) }
  const before = (await inIntegers(model, feeds, { keepFloat: ['c', 's'] })).model
  const { model: after, report } = await quantizeBehindPools.run(before, {}, [])
  expect(report.applied).toBe(2)
  const { nodes } = (await optimizedBy(after, 'all')).graph
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node.opType])))
  const fronts = nodes.filter(({ opType }) => opType === 'MaxPool').map(({ inputs }) => makers.get(inputs[0]!))
  expect(fronts.length).toBe(2)
  for (const front of fronts) expect(['Conv', 'MaxPool']).toContain(front)
  expect((await runOnce(after, feeds)).y!.data).toEqual((await runOnce(before, feeds)).y!.data)
})
