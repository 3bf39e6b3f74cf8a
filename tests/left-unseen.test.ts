import { expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { ortNode } from '../src/engine/index.ts'
import { measureBatchInvariance, safeBatch } from '../src/evaluate/index.ts'
import { compare, quantize, simplify } from '../src/index.ts'
import { parseModel } from '../src/ir/index.ts'

const model = parseModel(`<ir_version: 10, opset_import: ["" : 21]>
g (float[N,3] x) => (seq(float[N,3]) s, float[N,3] y) { h = Neg(x) y = Neg(h) s = SequenceConstruct(h) }`)

const rows = (count: number) =>
  memoryDataset({
    x: { dtype: 'float32', dims: [count, 3], data: Float32Array.from({ length: 3 * count }, (_, i) => i) },
  })

test('an output that no session hands out is named wherever answers are looked at', async () => {
  const said = [/output "s" is not looked at: it is a sequence/]
  const matching = said.map((pattern) => expect.stringMatching(pattern))
  const { model: after, report } = await simplify(model)
  expect(report.warnings).toEqual(matching)
  expect((await simplify(model, { verify: false })).report.warnings).toBeUndefined()
  expect((await quantize(model, { scheme: 'float16' })).report.warnings).toEqual(expect.arrayContaining(matching))
  expect((await compare(model, after, await rows(8))).warnings).toEqual(expect.arrayContaining(matching))
})

test('rows that cannot be told apart in the outputs of a shared run are run one by one', async () => {
  const turned = parseModel(`<ir_version: 10, opset_import: ["" : 21]>
g (float[N,3] x) => (float[3,N] y) { y = Transpose<perm: ints = [1, 0]>(x) }`)
  const session = await ortNode.open(turned)
  expect(await safeBatch(session, await rows(8), 4)).toEqual({
    batch: 1,
    reason: expect.stringMatching(/one by one: output "y" has shape \[3,4\] for 4 rows/),
  })
  await session.close()
})

test('an answer that is zero alone and something among neighbours has no share of zero', async () => {
  const centred = parseModel(`<ir_version: 10, opset_import: ["" : 21]>
g (float[N,3] x) => (float[N,3] y) <int64[1] axis = {0}> { m = ReduceMean(x, axis) y = Sub(x, m) }`)
  const session = await ortNode.open(centred)
  const feeds = [1, 2].map((scale) => ({
    x: { dtype: 'float32' as const, dims: [1, 3], data: Float32Array.of(scale, 2 * scale, -scale) },
  }))
  const { all, reason } = await measureBatchInvariance(session, feeds)
  expect(all).toBe(false)
  expect(reason).toMatch(/zero alone, became [0-9.]+ among neighbours/)
  await session.close()
})
