import { expect, test } from 'vitest'
import { type ByteTensor, readStrings } from '../../engine/index.ts'
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

test('classes of every row, of what has no classes, and of what is no number', () => {
  const of = (dtype: ByteTensor['dtype'], dims: readonly number[], pieces: readonly Uint8Array[], k = 2) => {
    const outputs = [{ name: 'y', dtype, dims, pieces }]
    const request = { id: '', parameters: {}, inputs: [], outputs: [{ name: 'y', binary: false, classes: k }] }
    const { tensor } = requestedOutputs(request, { model: 'm', version: '1', outputs })[0]!
    return [tensor.dims, readStrings(tensor.pieces[0]!, 'y')]
  }
  const odd = new Uint8Array(25)
  odd.set(new Uint8Array(Float64Array.of(0.25, 2, -1).buffer), 1)
  expect(of('float64', [1, 3], [odd.subarray(1)])).toEqual([
    [1, 2],
    ['2:1', '0.250000:0'],
  ])
  const codes = new Uint8Array(Int8Array.of(1, 9, -3, 4, 5, 6).buffer)
  expect(of('int8', [2, 3], [codes])).toEqual([
    [2, 2],
    ['9:1', '1:0', '6:2', '5:1'],
  ])
  expect(of('int8', [2, 3], [codes], 9)[0]).toEqual([2, 3])
  expect(of('int8', [], [codes.subarray(1, 2)], 1)).toEqual([[1], ['9:0']])
  expect(of('float32', [2, 0], [])).toEqual([[2, 0], []])
  for (const dtype of ['string', 'bool', 'float16', 'bfloat16'] as const)
    expect(() => of(dtype, [1], [new Uint8Array(2)])).toThrow(/class result not available for output 'y'/)
})
