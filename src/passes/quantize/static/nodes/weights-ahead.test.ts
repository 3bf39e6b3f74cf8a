import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeNode, parseModel, tensorOf } from '../../../../ir/index.ts'
import { quantizeChannels } from '../../codes/channel-weights.ts'
import { codeAhead } from '../quantize-static-int8.ts'
import { weightLayout, weightsOnce } from './weights-ahead.ts'

const weight = (values: readonly number[]) => tensorOf('float32', [3, 4], Float32Array.from(values), 'w')

test('codes that are kept are those under the bounds, wherever they are given out', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constant(0), fc.double({ min: -2, max: 2, noNaN: true })), { minLength: 12, maxLength: 12 }),
      fc.array(fc.double({ min: 0, max: 0.03, noNaN: true }), { minLength: 3, maxLength: 3 }),
      fc.boolean(),
      fc.constantFrom(7, 127),
      (values, atLeast, balanced, most) => {
        const tensor = weight(values)
        const layout = { dims: tensor.dims, axis: 0 }
        const floats = Float32Array.from(values)
        const bound = quantizeChannels(floats, tensor.dims, 0, { balanced, most, atLeast })
        const kept = weightsOnce(tensor, layout, { balanced, most }, atLeast)
        if (kept) expect(kept).toEqual(bound)
        const reaches = (c: number) => Math.max(...floats.subarray(4 * c, 4 * c + 4).map(Math.abs)) / most
        expect(kept !== undefined).toBe(atLeast.every((least, c) => least <= reaches(c)))
      },
    ),
  )
})

test('a weight is coded once for each way of rounding', () => {
  const tensor = weight([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  const layout = weightLayout(makeNode('Gemm', ['x', 'w'], ['y']), tensor)
  const codes = (balanced: boolean, most: number) => weightsOnce(tensor, layout, { balanced, most })!.codes
  expect(codes(true, 127)).toBe(codes(true, 127))
  expect(codes(true, 127)).not.toBe(codes(false, 127))
  expect(codes(true, 7)).not.toEqual(codes(true, 127))
})

test('what is coded ahead is what the pass asks for: each float32 weight of a product, none for pairs that must be safe', () => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 13]>
    g (float[2, 4] x) => (float[2, 3] z)
    <float[4, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, float[3, 3] v = {1, 2, 3, 4, 5, 6, 7, 8, 9}>
    { y = MatMul (x, w)  z = Gemm <alpha: float = 2.0> (y, v) }`)
  const steps = (options: Parameters<typeof codeAhead>[1]) => [...codeAhead(model, options)].length
  // The Gemm's factor is in its codes.
  expect(steps({})).toBe(1)
  expect(steps({ target: 'portable' })).toBe(0)
})
