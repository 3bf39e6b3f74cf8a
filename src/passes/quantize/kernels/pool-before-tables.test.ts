import { expect, test } from 'vitest'
import { inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'
import { poolBeforeTables } from './pool-before-tables.ts'

const POOL = 'MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>'

async function quantized(body: string) {
  const model = modelWith(`g (float[1,16,12,12] x) => (float y) { c = Conv(x, w) ${body} y = Conv(p, w) }`, {
    w: [16, 16, 1, 1],
  })
  const feeds = { x: randomValue([1, 16, 12, 12], 3) }
  const before = (await inIntegers(model, feeds)).model
  const { model: after, report } = await poolBeforeTables.run(before, {}, [])
  return { before, after, report, feeds }
}

test.each(['LeakyRelu<alpha = 0.2>', 'LeakyRelu<alpha = 0.0>', 'Sigmoid'])(
  '%s is looked up behind the pool, and not a bit changes',
  async (table) => {
    const { before, after, report, feeds } = await quantized(`t = ${table}(c) p = ${POOL}(t)`)
    expect(report).toMatchObject({ applied: 1, refused: [] })
    const order = after.graph.nodes.map(({ opType }) => opType)
    expect(order.indexOf('MaxPool')).toBeLessThan(order.indexOf(table.split('<')[0]!))
    expect(await kernelsOf(after)).toEqual(await kernelsOf(before))
    expect((await runOnce(after, feeds)).y!.data).toEqual((await runOnce(before, feeds)).y!.data)
  },
)

test('a table that falls stays in front, and so does one that is read elsewhere', async () => {
  expect((await quantized(`t = LeakyRelu<alpha = -0.2>(c) p = ${POOL}(t)`)).report.applied).toBe(0)
  const { report } = await quantized(
    `t = LeakyRelu<alpha = 0.2>(c) q = ${POOL}(t) r = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(t) p = Add(q, r)`,
  )
  expect(report.applied).toBe(0)
  expect(report.refused).not.toEqual([])
})
