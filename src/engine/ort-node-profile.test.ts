import { expect, test } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { kernelCounts } from './ort-node-profile.ts'

test('kernels are in one order, whatever the order of the nodes', () => {
  const nodes = ['a = Neg(x)', 'b = Abs(x)', 'c = Relu(x)', 'd = Relu(x)']
  const inOrder = (lines: readonly string[]) =>
    Object.entries(
      kernelCounts(
        parseModel(
          `<ir_version: 10, opset_import: ["" : 20]> g (float[2] x) => (float[2] a, float[2] b, float[2] c, float[2] d) { ${lines.join(' ')} }`,
        ),
      ),
    )
  const expected = [
    ['Relu', 2],
    ['Abs', 1],
    ['Neg', 1],
  ]
  expect(inOrder(nodes)).toEqual(expected)
  expect(inOrder(nodes.toReversed())).toEqual(expected)
})
