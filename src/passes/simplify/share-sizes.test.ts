import { expect, test } from 'vitest'
import { rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { shareSizes } from './share-sizes.ts'

const CONSTANTS =
  'int64 first = {0}, int64 second = {1}, int64[1] zero = {0}, int64[1] one = {1}, int64[1] six = {6}, int64[2] rows = {-1, 6}'
const model = (body: string, inputs = 'float[N,L,6] x', outputs = 'float[P,Q,R] y') =>
  `<ir_version: 8, opset_import: ["" : 20]> g (${inputs}) => (${outputs}) <${CONSTANTS}> { ${body} }`

/** A layer that flattens all rows and asks its input for the sizes to restore, as exporters write it. */
const layer = (input: string, output: string, name: string) =>
  `${name}s = Shape(${input}) ${name}n = Slice(${name}s, zero, one)
   ${name}g = Gather(${name}s, second) ${name}l = Unsqueeze(${name}g, zero)
   ${name}t = Concat<axis = 0>(${name}n, ${name}l, six)
   ${name}r = Reshape(${input}, rows) ${name}e = Sin(${name}r) ${output} = Reshape(${name}e, ${name}t)`

test('sizes that are equal by name are computed once', async () => {
  const { ops } = await rewriteEqually(shareSizes, model(`${layer('x', 'a', 'p')} ${layer('a', 'y', 'q')}`), {
    sizes: { N: 2, L: 3 },
  })
  // x has the sizes that the target spells out, so not even that is put together.
  expect(ops).toEqual(['Shape', 'Reshape', 'Sin', 'Reshape', 'Reshape', 'Sin', 'Reshape'])
})

test('lengths that two inputs call the same are their own, numbers of rows are not', async () => {
  const two = 'float[N,L,6] x, float[N,L,6] z'
  const apart = `${layer('x', 'a', 'p')} ${layer('z', 'b', 'q')} c = Gather<axis = 1>(a, first) d = Gather<axis = 1>(b, first)
    e = Add(c, d) y = Unsqueeze(e, zero)`
  const { ops } = await rewriteEqually(shareSizes, model(apart, two), { sizes: { N: 2, L: 3 } })
  expect(ops.filter((op) => op === 'Shape')).toHaveLength(2)
  const rows =
    's = Shape(x) n = Gather(s, first) t = Shape(z) m = Gather(t, first) k = Add(n, m) f = Cast<to = 1>(k) y = Mul(x, f)'
  const shared = await rewriteEqually(shareSizes, model(rows, two), { sizes: { N: 2, L: 3 } })
  expect(shared.ops.filter((op) => op === 'Gather')).toHaveLength(1)
})

test('sizes that may differ, a scalar beside a list, and outputs stay', async () => {
  const two = 'float[N,L,6] x, float[N,M,6] z'
  const other = `${layer('x', 'a', 'p')} ${layer('z', 'b', 'q')} c = Add(a, x) d = Add(b, z) y = Concat<axis = 1>(c, d)`
  const { ops } = await rewriteEqually(shareSizes, model(other, two), { sizes: { N: 2, L: 3, M: 4 } })
  expect(ops.filter((op) => op === 'Shape')).toHaveLength(2)
  const counted = 'u = NonZero(x) v = NonZero(z) s = Shape(u) t = Shape(v) n = Gather(s, second) m = Gather(t, second)'
  const unknown = await rewriteWith(shareSizes, model(`${counted} a = Add(n, m) y = Expand(x, a)`, two))
  expect(unknown.ops.filter((op) => op === 'Shape')).toHaveLength(2)
  const asked = 's = Shape(x) n = Gather(s, first) m = Gather(s, zero) t = Shape(x) y = Identity(x)'
  const outputs = 'float[P,Q,R] y, int64 n, int64[1] m, int64[3] t'
  const { report } = await rewriteWith(shareSizes, model(asked, 'float[N,L,6] x', outputs))
  expect(report.applied).toBe(0)
})
