import { expect, test } from 'vitest'
import { shortPaths } from './short-paths.ts'

const short = (...paths: readonly string[]) => [...shortPaths(paths).values()]

test('models are called by the last parts of their paths that tell them apart', () => {
  expect(short('a/b/model.onnx', 'int8.onnx')).toEqual(['model.onnx', 'int8.onnx'])
  expect(short('digits/1/model.onnx', 'digits/2/model.onnx', 'x/int8.onnx')).toEqual([
    '1/model.onnx',
    '2/model.onnx',
    'int8.onnx',
  ])
  expect(short('a/1/model.onnx', 'b/1/model.onnx')).toEqual(['a/1/model.onnx', 'b/1/model.onnx'])
  expect(short('model.onnx', '/tmp/out/model.onnx')).toEqual(['model.onnx', 'out/model.onnx'])
  expect(short('C:\\a\\model.onnx', 'C:\\b\\model.onnx')).toEqual(['a/model.onnx', 'b/model.onnx'])
  expect(short('./m.onnx', 'm.onnx')).toEqual(['m.onnx', 'm.onnx'])
})
