import { expect, test } from 'vitest'
import { parseModel, tensorOf } from '../ir/index.ts'
import { isNewer, oldestRuntime } from './oldest-runtime.ts'

const of = (body: string, { opset = 18, ir = 8, x = 'float[2,32] x' } = {}) =>
  oldestRuntime(
    parseModel(
      `<ir_version: ${ir}, opset_import: ["" : ${opset}, "com.microsoft" : 1]> g (${x}) => (float y) { ${body} }`,
    ),
  )

test.each([
  ['y = Relu(x)', {}, '1.14', []],
  ['y = Gelu(x)', { opset: 20, ir: 9 }, '1.17', ['operator set 20']],
  ['y = Relu(x)', { opset: 21, ir: 10 }, '1.18', ['operator set 21', 'IR version 10']],
  ['y = Relu(x)', { opset: 17, ir: 10 }, '1.18', ['IR version 10']],
  ['y = Relu(x)', { opset: 99 }, '1.25', ['operator set 99']],
  [
    'y = com.microsoft.MatMulNBits<K = 32, N = 4, bits = 4, block_size = 32>(x, b, s)',
    {},
    '1.16',
    ['com.microsoft.MatMulNBits'],
  ],
  [
    'y = com.microsoft.MatMulNBits<K = 32, N = 4, accuracy_level = 4, block_size = 32>(x, b, s)',
    {},
    '1.17',
    ['accuracy levels'],
  ],
  [
    'y = com.microsoft.MatMulNBits<K = 32, N = 4, bits = 8, block_size = 32>(x, b, s)',
    {},
    '1.23',
    ['blocks of 8-bit codes'],
  ],
  ['c = Cast<to = 22>(x) y = Cast<to = 1>(c)', { opset: 21, ir: 10 }, '1.23', ['codes of 4 bits that are cast']],
  ['m = Max(x, x) y = Cast<to = 1>(m)', { x: 'uint8[2] x' }, '1.24', ['Max of 8-bit codes']],
  ['m = Max(x, x) y = Neg(m)', {}, '1.14', []],
] as const)('%s %o runs from %s on', (body, form, release, because) => {
  expect(of(body, form)).toEqual({ release, because })
})

test('constants of 4 bits are seen without shapes', () => {
  const text = `<ir_version: 10, opset_import: ["" : 21]> g (float[2,4] x) => (float[2,4] y)
    <float s = {1}> { d = DequantizeLinear(w, s) y = Mul(x, d) }`
  const { graph, ...rest } = parseModel(text)
  const initializers = new Map(graph.initializers).set('w', tensorOf('int4', [4], new Uint8Array(2), 'w'))
  expect(oldestRuntime({ ...rest, graph: { ...graph, initializers } })).toEqual({
    release: '1.19',
    because: ['codes of 4 bits'],
  })
})

test('integer products of set 21 have a kernel from 1.20 on', () => {
  const body = 'q = QuantizeLinear(x, s) d = DequantizeLinear(q, s) y = MatMul(d, w)'
  expect(of(body, { opset: 20, ir: 9 }).release).toBe('1.17')
  expect(of(body, { opset: 21 })).toEqual({ release: '1.20', because: ['integer products of operator set 21'] })
})

test('releases are compared by number', () => {
  expect([isNewer('1.30', '1.4'), isNewer('1.9', '1.14'), isNewer('1.17', '1.17')]).toEqual([true, false, false])
})
