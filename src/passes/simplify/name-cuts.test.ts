import { expect, test } from 'vitest'
import { parseModel } from '../../ir/index.ts'
import { nameCuts } from './name-cuts.ts'

const CONSTANTS = 'int64[1] nil = {0}, int64[1] two = {2}, int64[1] four = {4}, int64[1] one = {1}'
const namesAfter = async (body: string) => {
  const text = `<ir_version: 8, opset_import: ["" : 18]> g (float[3,4] x, float[3,4] z) => (float[A,B] y) <${CONSTANTS}> { ${body} }`
  const { model, report } = await nameCuts.run(parseModel(text), {}, [])
  expect((await nameCuts.run(model, {}, [])).model).toBe(model)
  return { names: model.graph.nodes.map(({ name }) => name), applied: report.applied }
}

// Releases 1.18 to 1.21 call the Split that they make of them after the first.
test('cuts of two values without names get one each', async () => {
  const { names, applied } = await namesAfter(
    `a = Slice(x, nil, two, one) b = Slice(x, two, four, one) [b] c = Slice(z, nil, two, one) d = Slice(z, two, four, one)
     p = Add(a, b) q = Add(c, d) y = Add(p, q)`,
  )
  expect(names).toEqual(['a', 'b_cut', 'b', 'd', '', '', ''])
  expect(applied).toBe(3)
})

test.each([
  'a = Slice(x, nil, two, one) b = Slice(x, two, four, one) y = Add(a, b)',
  'a = Slice(x, nil, two, one) b = Slice(z, two, four, one) y = Add(a, b)',
])('cuts that nothing can be mistaken for stay as they are: %s', async (body) => {
  expect((await namesAfter(body)).applied).toBe(0)
})
