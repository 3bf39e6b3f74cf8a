import { expect, test } from 'vitest'
import { readStrings } from '../../engine/index.ts'
import { requestedOutputs } from './infer-answer.ts'

const classes = (values: readonly number[], k: number) => {
  const pieces = [new Uint8Array(Float32Array.from(values).buffer)]
  const outputs = [{ name: 'y', dtype: 'float32' as const, dims: [1, values.length], pieces }]
  const asked = [{ name: 'y', binary: false, classes: k }]
  const request = { id: '', parameters: {}, inputs: [], outputs: asked }
  const [first] = requestedOutputs(request, { model: 'm', version: '1', outputs })
  return readStrings(first!.tensor.pieces[0]!, 'y')
}

test('of classes the greatest comes first, of equals the first, and NaN hides none of them', () => {
  expect(classes([1, 5, 3, 5], 3)).toEqual(['5:1', '5:3', '3:2'])
  expect(classes([1, Number.NaN, 5], 1)).toEqual(['5:2'])
  expect(classes([Number.NaN, 1, Number.NaN, 5], 4)).toEqual(['5:3', '1:1', 'NaN:0', 'NaN:2'])
})
