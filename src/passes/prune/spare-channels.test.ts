import { describe, expect, test } from 'vitest'
import { parseModel, tensorOf, tensorValues } from '../../ir/index.ts'
import { channelGroups, channelReaders, type ReaderEvidence, spareChannels, type Unread } from './index.ts'

const parse = (text: string) => parseModel(`<ir_version: 10, opset_import: ["" : 21]> ${text}`)
const zeros = (count: number) => Array(count).fill(0).join(', ')

/** 32 channels of which the last 16 are the first once more, read by a product with other weights for each. */
function doubled() {
  const model = parse(`g (float[N,4] x) => (float[N,3] y)
    <float[4,32] u = {${zeros(128)}}, float[32] c = {${zeros(32)}}, float[32,3] v = {${zeros(96)}}, float[3] b = {1, 2, 3}>
    { a = Gemm(x, u, c)  r = Relu(a)  y = Gemm(r, v, b) }`)
  const u = Float32Array.from({ length: 128 }, (_, i) => Math.sin(1 + 7 * Math.floor(i / 32) + 3 * (i % 16)))
  const v = Float32Array.from({ length: 96 }, (_, i) => Math.cos(i * 1.7))
  const initializers = new Map(model.graph.initializers)
  initializers.set('u', tensorOf('float32', [4, 32], u, 'u'))
  initializers.set('v', tensorOf('float32', [32, 3], v, 'v'))
  return { ...model, graph: { ...model.graph, initializers } }
}

/** What `v` reads in the model above, for inputs from a seed. */
function evidenceOf(model: ReturnType<typeof doubled>, windows: number, seed: number): ReaderEvidence {
  const u = tensorValues(model.graph.initializers.get('u')!) as Float32Array
  const rows = (count: number, from: number) =>
    Array.from({ length: count }, (_, row) =>
      Array.from({ length: 32 }, (_unit, c) => {
        let sum = 0
        for (let k = 0; k < 4; k++) sum += Math.sin((row + from) * (k + 1.37) + seed) * u[k * 32 + c]!
        return Math.max(0, sum)
      }),
    )
  const fit = rows(windows, 0)
  const mean = Float64Array.from({ length: 32 }, (_, c) => fit.reduce((sum, x) => sum + x[c]! / windows, 0))
  const h = Float64Array.from({ length: 1024 }, (_, at) => {
    const [i, j] = [Math.floor(at / 32), at % 32]
    return fit.reduce((sum, x) => sum + ((x[i]! - mean[i]!) * (x[j]! - mean[j]!)) / windows, 0)
  })
  return { mean, h, windows, held: Float32Array.from(rows(40, 1000).flat()) }
}

describe('spare channels', () => {
  const model = doubled()
  const channels = channelGroups(model)
  const spare = (evidence: ReaderEvidence | Unread, noise: number) =>
    spareChannels(model, channels, new Map([['v', evidence]]))(noise)

  test('go where others hold the same, and whoever reads them has what they gave', () => {
    const { removal, weights } = spare(evidenceOf(model, 300, 0), 1e-4)
    const [gone] = [...removal.values()]
    expect(removal.size).toBe(1)
    // A whole block: sixteen are left.
    expect(gone!.size).toBe(16)
    // Of each pair one.
    expect(new Set([...gone!].map((channel) => channel % 16)).size).toBe(16)
    const [before, after] = [model.graph.initializers.get('v')!, weights.get('v')!].map(
      (tensor) => tensorValues(tensor) as Float32Array,
    ) as [Float32Array, Float32Array]
    expect([...weights.keys()]).toEqual(['v', 'b'])
    for (const channel of gone!)
      for (let o = 0; o < 3; o++) {
        const twin = (channel + 16) % 32
        expect(after[channel * 3 + o]).toBe(0)
        expect(Math.abs(after[twin * 3 + o]! - before[channel * 3 + o]! - before[twin * 3 + o]!)).toBeLessThan(0.1)
      }
  })

  test('stay where there is too little to fit to, or other rows do not bear it out', () => {
    const good = evidenceOf(model, 300, 0)
    const few = spare({ ...good, windows: 100 }, 1e-4)
    expect(few.removal.size).toBe(0)
    expect(few.whole).toEqual([
      { node: 'y', reason: 'the rows show 100 windows of it, and a fit of its 32 inputs needs 128' },
    ])
    expect(spare({ unread: 'too wide' }, 1e-4).whole).toEqual([{ node: 'y', reason: 'too wide' }])
    // Rows on which every channel is its own.
    const held = good.held.map((_, i) => Math.sin(i * i * 0.37))
    const unborne = spare({ ...good, held }, 1e-4)
    expect(unborne.removal.size).toBe(0)
    expect(unborne.whole).toEqual([{ node: 'y', reason: 'other rows do not bear out what was fitted' }])
  })

  test('stay where each holds something of its own', () => {
    const h = Float64Array.from({ length: 1024 }, (_, at) => (Math.floor(at / 32) === at % 32 ? 1 : 0))
    const { held } = evidenceOf(model, 300, 0)
    expect(spare({ mean: new Float64Array(32), h, windows: 300, held }, 1e-3).removal.size).toBe(0)
  })
})

describe('who reads channels', () => {
  const w = (name: string, dims: string, count: number) => `float[${dims}] ${name} = {${zeros(count)}}`
  const readers = (text: string) => {
    const model = parse(text)
    const found = channelReaders(model, channelGroups(model))
    return {
      others: found.others.map(({ node }) => node),
      groups: found.groups.size,
      readers: found.readers.map(({ weight, bias, taps }) => ({ weight, bias, taps })),
    }
  }

  test('convolutions with their windows, also behind depthwise ones, gates and flattening', () => {
    const found = readers(`g (float[N,2,6,6] x) => (float[N,3] y)
      <${w('u', '8,2,1,1', 16)}, ${w('d', '8,1,3,3', 72)}, ${w('v', '4,8,3,3', 288)}, ${w('c', '4', 4)}, ${w('z', '16,3', 48)}>
      { a = Conv(x, u)  b = Conv<group: int = 8, pads: ints = [1,1,1,1]>(a, d)  s = Sigmoid(b)  m = Mul(b, s)
        e = Conv<strides: ints = [2,2]>(m, v, c)  r = Relu(e)  f = Flatten(r)  y = MatMul(f, z) }`)
    expect(found).toEqual({
      others: [],
      groups: 2,
      readers: [
        { weight: 'v', bias: 'c', taps: 9 },
        { weight: 'z', bias: null, taps: 1 },
      ],
    })
  })

  test.each([
    ['a normalization over channels', 'n', 'n = LayerNormalization(a, s)  y = Gemm(n, v)'],
    ['weights that another product shares', 'y1', 'y1 = Gemm(a, v)  b = Relu(a)  y2 = Gemm(b, v)  y = Add(y1, y2)'],
    ['weights that are computed', 'y', 'q = Relu(v)  y = MatMul(a, q)'],
    ['a product with a factor', 'y', 'y = Gemm<alpha: float = 2.0>(a, v)'],
  ])('not %s', (_, other, body) => {
    const found = readers(`g (float[N,4] x) => (float[N,3] y)
      <${w('u', '4,8', 32)}, ${w('s', '8', 8)}, ${w('v', '8,3', 24)}> { a = Gemm(x, u)  ${body} }`)
    expect(found).toEqual({ others: expect.arrayContaining([other]), groups: 0, readers: [] })
  })
})
