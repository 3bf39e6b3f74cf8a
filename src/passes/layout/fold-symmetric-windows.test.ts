import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { fromNumbers, type Model } from '../../ir/index.ts'
import { foldSymmetricWindows } from './fold-symmetric-windows.ts'

const BINS = 160

/** Cosines and sines under a periodic window of `size` numbers; `from` taps are cut off in front. */
function withWaves(model: Model, { size = 400, from = 1, picture = false, skew = 0, mixed = false } = {}): Model {
  const taps = size - from
  const numbers = Array.from({ length: 2 * BINS * taps }, (_, i) => {
    const [row, tap] = [Math.floor(i / taps), (i % taps) + from]
    const [bin, sine] = mixed ? [row >> 1, row % 2 === 1] : [row % BINS, row >= BINS]
    const phase = (2 * Math.PI * bin * tap) / size
    return (0.5 - 0.5 * Math.cos((2 * Math.PI * tap) / size)) * (sine ? Math.sin(phase) : Math.cos(phase + skew))
  })
  const dims = picture ? [2 * BINS, 1, 1, taps] : [2 * BINS, 1, taps]
  const initializers = new Map([...model.graph.initializers, ['w', fromNumbers('float32', dims, numbers)] as const])
  return { ...model, graph: { ...model.graph, initializers } }
}

const lines = (length: number | string, hop = 160, body = 'y = Conv<strides = [HOP]>(x, w)') =>
  modelWith(`g (float[N,1,${length}] x) => (float y) { ${body.replace('HOP', `${hop}`)} }`, {})

const FRAMES = ['Reshape', 'Transpose']
const FOLD = ['Slice', 'Slice', 'Add', 'Sub', 'MatMul', 'MatMul']

test.each([
  [
    'lines that end in the middle of a step',
    15_990,
    160,
    ['Pad', ...FRAMES, ...Array(3).fill('Slice'), 'Concat', ...FOLD, 'Concat'],
  ],
  ['lines with a rest that no frame reads', 16_050, 160, undefined],
  ['steps that the window is a multiple of', 16_000, 200, undefined],
  [
    'lines of any length',
    'L',
    160,
    ['Pad', 'Shape', 'Div', 'Mul', 'Slice', ...FRAMES, ...Array(3).fill('Slice'), 'Concat', ...FOLD, 'Concat'],
  ],
] as const)('a Fourier transform takes half the products: %s', async (_, length, hop, expected) => {
  for (const from of [0, 1]) {
    const { before, after, report, ops } = await rewriteWith(
      foldSymmetricWindows,
      withWaves(lines(length, hop), { from }),
    )
    expect(report.applied).toBe(1)
    if (expected) expect(ops).toEqual(expected)
    if (typeof length === 'number') await expectEqualModels(before, after, { scale: 2, samples: 1 })
    else
      for (const L of [400, 719, 720, 721, 5000])
        await expectEqualModels(before, after, { scale: 2, samples: 1, sizes: { L } })
  }
})

test('both parts go to what splits the result of pictures of one row', async () => {
  const body = `p = Unsqueeze(x, row) c = Conv<strides = [1, 160]>(p, w) s = Squeeze(c, row) a, b = Split<axis = 1>(s, sizes)
    d = Mul(a, a) e = Mul(b, b) y = Add(d, e)`
  const constants = `<int64[1] row = {2}, int64[2] sizes = {${BINS}, ${BINS}}>`
  const model = modelWith(`g (float[N,1,16000] x) => (float y) ${constants} { ${body} }`, {})
  const { before, after, ops } = await rewriteWith(foldSymmetricWindows, withWaves(model, { picture: true }))
  expect(ops.slice(-9)).toEqual([...FOLD, 'Mul', 'Mul', 'Add'])
  expect(ops).not.toContain('Split')
  await expectEqualModels(before, after, { scale: 2, samples: 1 })
})

test('a picture that others read stays one', async () => {
  const model = modelWith('g (float[N,1,1,16000] x) => (float y) { y = Conv<strides = [1, 160]>(x, w) }', {})
  const { before, after, ops } = await rewriteWith(foldSymmetricWindows, withWaves(model, { picture: true }))
  expect(ops.slice(-2)).toEqual(['Concat', 'Unsqueeze'])
  await expectEqualModels(before, after, { scale: 2, samples: 1 })
})

test.each([
  ['few frames', lines(1000), {}],
  ['waves that begin anywhere', lines(16_000), { skew: 0.3 }],
  ['both kinds in turn', lines(16_000), { mixed: true }],
  ['padding', lines(16_000, 160, 'y = Conv<strides = [160], pads = [200, 200]>(x, w)'), {}],
  ['windows side by side', lines(16_000, 400), {}],
] as const)('a convolution stays: %s', async (_, model, waves) => {
  expect((await rewriteWith(foldSymmetricWindows, withWaves(model, waves))).report.applied).toBe(0)
})
