import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { tensorOf } from '../../ir/index.ts'
import { addEvenPart } from './add-even-part.ts'

const WEIGHTS = {
  g: [64, 4, 1, 1],
  few: [8, 4, 1, 1],
  w: [8, 68, 1, 1],
  even: [8, 128, 1, 1],
  twice: [8, 72, 1, 1],
  three: [8, 68, 3, 3],
  rows: [8, 64, 1, 1],
  narrow: [8, 12, 1, 1],
  grouped: [4, 34, 1, 1],
  b: [8],
}

const model = (body: string, outputs = 'float y', input = 'float[2,4,5,6] x') => {
  const built = modelWith(`g (${input}) => (${outputs}) { ${body} }`, WEIGHTS)
  const scales = tensorOf('float32', [4], Float32Array.of(1, 1, 5, 6))
  const shape = tensorOf('int64', [4], BigInt64Array.of(2n, 64n, 5n, 6n))
  const around = tensorOf('int64', [8], BigInt64Array.of(0n, 0n, 2n, 2n, 0n, 0n, 2n, 3n))
  const initializers = new Map(built.graph.initializers)
  for (const [name, tensor] of Object.entries({ scales, shape, around })) initializers.set(name, tensor)
  return { ...built, graph: { ...built.graph, initializers } }
}

const POOLED = 'q = GlobalAveragePool(x) p = Conv(q, g)'

test.each([
  ['first', `${POOLED} e = Resize<mode = "linear">(p, , scales) c = Concat<axis = 1>(e, x) y = Conv(c, w, b)`, 1],
  ['last, expanded', `${POOLED} e = Expand(p, shape) c = Concat<axis = 1>(x, e) y = Conv(c, w)`, 1],
  ['between', `${POOLED} e = Resize(p, , scales) c = Concat<axis = 1>(x, e, x) y = Conv(c, twice, b)`, 2],
  [
    'windows and strides',
    `${POOLED} e = Expand(p, shape) c = Concat<axis = 1>(x, e) y = Conv<strides = [2, 1]>(c, three, b)`,
    1,
  ],
] as const)('%s: computed once and added', async (_, body, parts) => {
  const { before, after, ops } = await rewriteWith(addEvenPart, model(body))
  const joined = parts > 1 ? ['Concat'] : []
  expect(ops).toEqual(['GlobalAveragePool', 'Conv', 'Conv', ...joined, 'Conv', 'Add'])
  await expectEqualModels(before, after)
})

test('a part that is joined twice is added once, and stays for the other time', async () => {
  const { before, after, ops } = await rewriteWith(
    addEvenPart,
    model(`${POOLED} e = Expand(p, shape) c = Concat<axis = 1>(e, e) y = Conv(c, even)`),
  )
  expect(ops).toEqual(['GlobalAveragePool', 'Conv', 'Expand', 'Conv', 'Conv', 'Add'])
  await expectEqualModels(before, after)
})

test.each([
  ['nothing even', `${POOLED} e = Conv(x, g) c = Concat<axis = 1>(x, e) y = Conv(c, w)`],
  [
    'a few channels',
    'q = GlobalAveragePool(x) p = Conv(q, few) e = Resize(p, , scales) c = Concat<axis = 1>(x, e) y = Conv(c, narrow)',
  ],
  ['a pixel with a border', `${POOLED} e = Pad(p, around) c = Concat<axis = 1>(x, e) y = Conv(c, w)`],
  ['joined along the rows', `${POOLED} e = Expand(p, shape) c = Concat<axis = 2>(e, e) y = Conv(c, rows)`],
  ['joined with nothing', `${POOLED} e = Expand(p, shape) c = Concat<axis = 1>(e) y = Conv(c, rows)`],
] as const)('left alone: %s', async (_, body) => {
  const { report } = await rewriteWith(addEvenPart, model(body))
  expect(report).toMatchObject({ applied: 0, refused: [] })
})

const EVEN = `${POOLED} e = Expand(p, shape) c = Concat<axis = 1>(x, e)`

test.each([
  ['padding', `${EVEN} y = Conv<pads = [1, 1, 1, 1]>(c, three)`, /padding is zero/],
  ['groups', `${EVEN} y = Conv<group = 2>(c, grouped)`, /groups/],
  ['the joined value is read elsewhere', `${EVEN} d = Conv(c, w) y = Softmax(c) z = Abs(d)`, /read elsewhere/],
  ['the even part is', `${EVEN} y = Conv(c, w) z = Softmax(e)`, /read elsewhere/],
  ['weights that are computed', `${EVEN} v = Abs(w) y = Conv(c, v)`, /no constant floats/],
] as const)('refused: %s', async (_, body, reason) => {
  const { report, reasons } = await rewriteWith(
    addEvenPart,
    model(body, body.includes('z =') ? 'float y, float z' : 'float y'),
  )
  expect(report.applied).toBe(0)
  expect(reasons.join()).toMatch(reason)
})

test('refused: channels that are not known', async () => {
  const pixel = 'float[2,4,5,6] x, float[2,64,1,1] p, float[2,C,5,6] u'
  const body = 'e = Expand(p, shape) c = Concat<axis = 1>(u, e) y = Conv(c, w)'
  expect((await rewriteWith(addEvenPart, model(body, 'float y', pixel))).reasons.join()).toMatch(/not known/)
})
