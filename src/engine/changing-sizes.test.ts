import { expect, test } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { changingSizes } from './changing-sizes.ts'

const changing = (body: string) =>
  [
    ...changingSizes(
      parseModel(`<ir_version: 8, opset_import: ["" : 18]> g (float[N,4] x, int64[1] k) => (float y)
      <float w = {2}, int64[1] one = {1}, int64[1] zero = {0}, int64 first = {0}, int64 step = {1}, float[3] c = {1,0,2}> { ${body} }`),
    ),
  ].filter((name) => name.length === 1)

test.each([
  ['what is not zero', 'm = Mul(x, w) n = NonZero(m) g = GatherND(m, n) y = Neg(g)', ['n', 'g', 'y']],
  [
    'lengths that were computed',
    'm = Mul(x, w) s = ReduceSum<keepdims = 0>(m) l = Cast<to: int = 7>(s) r = Range(first, l, step) y = Cast<to: int = 1>(r)',
    ['r', 'y'],
  ],
  [
    'the size of such a value',
    'm = Mul(x, w) n = NonZero(m) q = Shape(n) e = ConstantOfShape(q) y = Neg(e)',
    ['n', 'q', 'e', 'y'],
  ],
])('changes: %s', (_, body, names) => {
  expect(changing(body)).toEqual(names)
})

test.each([
  ['sizes of the inputs', 'm = Mul(x, w) s = Shape(m) e = ConstantOfShape(s) y = Add(e, m)'],
  ['sizes that are given', 'm = Mul(x, w) y, i = TopK(m, k)'],
  ['constants', 'n = NonZero(c) f = Cast<to: int = 1>(n) r = ReduceSum(f) y = Add(r, x)'],
  ['factors of sizes', 's = Shape(x) f = Cast<to: int = 1>(s) h = Mul(f, w) l = Cast<to: int = 7>(h) y = Expand(x, l)'],
])('stays: %s', (_, body) => {
  expect(changing(body)).toEqual([])
})
