import { expect, test } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { inputPorts, outputPorts } from './model-ports.ts'

/** A model that looks tokens up and scores them; the sizes of its output have names alone. */
const scoring = (take: string) =>
  parseModel(`<ir_version: 8, opset_import: ["" : 17]>
g (int64[b,s] input_ids) => (float[b,places,words] logits)
  <float[3,2] table = {1, 2, 3, 4, 5, 6}, float[2,3] w = {1, 2, 3, 4, 5, 6}, int64 one = {1}, int64[1] axis = {1}, int64[1] zero = {0}, int64[1] far = {99}> {
  x = Gather(table, input_ids) shape = Shape(input_ids) count = Gather(shape, one)
  end = Unsqueeze(count, zero) last = Sub(count, one) start = Unsqueeze(last, zero)
  ${take}
  logits = MatMul(taken, w) }`)

test('places that nobody named are told by what the graph does with some tokens', () => {
  const [behind] = outputPorts(scoring('taken = Slice(x, start, end, axis)'))
  expect(behind).toMatchObject({ name: 'logits', shape: ['b', 1, 3] })
  const [everywhere] = outputPorts(scoring('taken = Slice(x, zero, far, axis)'))
  expect(everywhere!.shape![1]).not.toBe(1)
})

test('an input of which not even the number of dimensions is told has no shape', () => {
  const model = parseModel(
    '<ir_version: 8, opset_import: ["" : 17]> g (float[] x, float s) => (float[] y) { y = Mul(x, s) }',
  )
  expect(inputPorts(model)).toEqual([
    { name: 'x', dtype: 'float32', shape: null },
    { name: 's', dtype: 'float32', shape: [] },
  ])
})
