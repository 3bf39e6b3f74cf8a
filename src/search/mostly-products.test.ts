import { expect, test } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { mostlyProducts } from './mostly-products.ts'

const of = (width: number) =>
  mostlyProducts(
    parseModel(`<ir_version: 10, opset_import: ["" : 20]> g (float[1,3,8,8] x) => (float[1,${width}] y)
      <float[4,3,3,3] k = {${Array(108).fill(1)}}, float[4,${width}] w = {${Array(4 * width).fill(1)}}>
      { c = Conv<pads=[1,1,1,1]>(x, k)  p = GlobalAveragePool(c)  f = Flatten(p)  y = MatMul(f, w) }`),
  )

test('a convolutional network with a small head is none of products, one with a large head is', () => {
  expect(of(10)).toBe(false)
  expect(of(40)).toBe(true)
})
