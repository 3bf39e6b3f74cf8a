import { describe, expect, test } from 'vitest'
import { parseModel, tensorOf, toNumbers } from '../../../ir/index.ts'
import { quantizeWeights } from './quantize-weights.ts'

/** The greatest error of a sum over an output channel's weights, in steps of its codes. */
async function worstSum(graph: string, dims: readonly number[], axis: 0 | 1, bits: 4 | 8): Promise<number> {
  const bare = parseModel(graph)
  const count = dims.reduce((product, dim) => product * dim, 1)
  const values = Float32Array.from({ length: count }, (_, i) => Math.sin((i + 1) * 1.37) * (1 + (i % 5)))
  const initializers = new Map([['w', tensorOf('float32', dims, values)]])
  const before = { ...bare, graph: { ...bare.graph, initializers } }
  const { model } = await quantizeWeights.run(before, { bits, stored: true, products: 'stored' }, [])
  const named = (end: string) => {
    const found = [...model.graph.initializers].find(([name]) => name.endsWith(end))
    return toNumbers(found![1])
  }
  const [codes, scales] = [named('_codes'), named('_scale')]
  const sums = new Float64Array(scales.length)
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
  for (let i = 0; i < count; i++) {
    const channel = Math.floor(i / inner) % scales.length
    sums[channel]! += Number(codes[i]) - values[i]! / Number(scales[channel])
  }
  return Math.max(...sums.map(Math.abs))
}

describe('errors of stored weights cancel in the sum of a channel', () => {
  test.each([
    ['a convolution', 'g (float[1,32,8,8] x) => (float y) { y = Conv(x, w) }', [16, 32, 3, 3], 0, 8],
    ['a depthwise one', 'g (float[1,64,8,8] x) => (float y) { y = Conv<group = 64>(x, w) }', [64, 1, 5, 5], 0, 8],
    ['one of 4 bits', 'g (float[1,32,8,8] x) => (float y) { y = Conv(x, w) }', [16, 32, 3, 3], 0, 4],
    ['a product', 'g (float[4,64] x) => (float y) { y = MatMul(x, w) }', [64, 48], 1, 8],
    ['a turned one', 'g (float[4,64] x) => (float y) { y = Gemm<transB = 1>(x, w) }', [48, 64], 0, 8],
  ] as const)('%s', async (_, graph, dims, axis, bits) => {
    const opset = `<ir_version: 10, opset_import: ["" : 21]> ${graph}`
    expect(await worstSum(opset, dims, axis, bits)).toBeLessThan(0.51)
  })

  test('a table has the nearest codes: a lookup adds nothing up', async () => {
    const graph = '<ir_version: 10, opset_import: ["" : 21]> g (int64[4] i) => (float y) { y = Gather(w, i) }'
    expect(await worstSum(graph, [48, 64], 0, 8)).toBeGreaterThan(0.51)
  })
})
