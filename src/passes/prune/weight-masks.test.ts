import { describe, expect, test } from 'vitest'
import { elementCount, type Model, parseModel, tensorOf } from '../../ir/index.ts'
import { maskableWeights, masksByPattern, masksByShare } from './index.ts'

function withZeros(text: string, weights: Readonly<Record<string, readonly number[]>>): Model {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 21]> ${text}`)
  const zeros = (dims: readonly number[], name: string) =>
    tensorOf('float32', dims, new Float32Array(elementCount(dims)), name)
  const initializers = new Map(Object.entries(weights).map(([name, dims]) => [name, zeros(dims, name)]))
  return { ...model, graph: { ...model.graph, initializers } }
}

const model = withZeros(
  `g (float[N,8,4,4] x, float[N,8] t) => (float[N,6,4,4] y, float[N,4] z, float[N,3] s, float[N,4] v)
   { d = Conv <group: int = 8, pads: ints = [1,1,1,1]> (x, depthwise, bias)  y = Conv (d, conv)
     z = MatMul (t, right)  s = Gemm <transB: int = 1> (t, turned)  u = Transpose (table)  v = MatMul (t, u) }`,
  { conv: [6, 8, 1, 1], right: [8, 4], turned: [3, 8], depthwise: [8, 1, 3, 3], bias: [8], table: [4, 8] },
)

const axes = (pattern?: Parameters<typeof maskableWeights>[1]) =>
  Object.fromEntries(maskableWeights(model, pattern).weights.map(({ name, axis }) => [name, axis]))

describe('which weights become zero', () => {
  test('those of products, along the axis that the product sums over', () => {
    expect(axes()).toEqual({ conv: 1, right: 0, turned: 1, depthwise: 1 })
  })

  test('in a pattern: whole runs alone, the others are named', () => {
    const { weights, held } = maskableWeights(model, { keep: 2, of: 4 })
    expect(weights.map(({ name }) => name)).toEqual(['conv', 'right', 'turned'])
    expect(held).toEqual([{ node: expect.any(String), reason: 'it sums over 1 at a time, which is no multiple of 4' }])
  })

  test('a weight that something else reads as well is left alone and named', () => {
    const text = 'g (float[N,4] x) => (float[N,4] y, float[4,4] r) { y = MatMul (x, w)  r = Relu (w) }'
    const shared = withZeros(text, { w: [4, 4] })
    expect(maskableWeights(shared)).toEqual({
      weights: [],
      held: [{ node: expect.any(String), reason: 'something else than a product reads its weights as well' }],
    })
  })

  test('2:4 keeps the two most important of every four that are summed next to each other', () => {
    const { weights } = maskableWeights(model, { keep: 2, of: 4 })
    const right = weights.filter(({ name }) => name === 'right')
    // Column 0 rises, the others fall: the sum runs down the columns.
    const scores = Float64Array.from({ length: 32 }, (_, i) => (i % 4 === 0 ? i : -i))
    const mask = masksByPattern(right, { keep: 2, of: 4 }, new Map([['right', scores]])).get('right')!
    const column = (k: number) => Array.from({ length: 8 }, (_, row) => mask[row * 4 + k])
    expect(column(0)).toEqual([0, 0, 1, 1, 0, 0, 1, 1])
    expect(column(1)).toEqual([1, 1, 0, 0, 1, 1, 0, 0])
  })

  test('a share of all: compared across tensors, but none is emptied; else the same share of each', () => {
    const weights = maskableWeights(model).weights.filter(({ name }) => ['right', 'turned'].includes(name))
    const scores = new Map([
      ['right', Float64Array.from({ length: 32 }, (_, i) => i / 1000)],
      ['turned', Float64Array.from({ length: 24 }, (_, i) => 10 + i)],
    ])
    const kept = (scale: 'across' | 'within') =>
      [...masksByShare(weights, 0.5, scores, scale).values()].map((mask) => mask.reduce((sum, bit) => sum + bit, 0))
    expect(kept('within')).toEqual([16, 12])
    const [right, turned] = kept('across') as [number, number]
    expect(right + turned).toBe(28)
    expect(right).toBe(4)
  })
})
