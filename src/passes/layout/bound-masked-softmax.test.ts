import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, opsOf, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { fromNumbers, type Model, parseModel, type Tensor } from '../../ir/index.ts'
import { boundMaskedSoftmax } from './bound-masked-softmax.ts'

const SIZE = 64
const floats = (dims: readonly number[], data: readonly number[]) => fromNumbers('float32', dims, data)
const triangle = (hidden: number, shown: number) =>
  floats(
    [SIZE, SIZE],
    Array.from({ length: SIZE * SIZE }, (_, i) => (i % SIZE > Math.floor(i / SIZE) ? hidden : shown)),
  )
const number = (value: number) => floats([], [value])
const integers = (dims: readonly number[], data: readonly number[]) => fromNumbers('int64', dims, data)

function scores(body: string, constants: Readonly<Record<string, Tensor>> = {}, shape = `N,4,${SIZE},${SIZE}`): Model {
  const model = modelWith(`g (float[${shape}] x) => (float y) { ${body} }`, {})
  const initializers = new Map([...model.graph.initializers, ...Object.entries(constants)])
  return { ...model, graph: { ...model.graph, initializers } }
}
const BOUND = ['ReduceMax', 'Add', 'Max', 'Softmax']
const COUNTED = `
  size = Shape(x) last = Constant<value_ints = [3]>() n = Gather(size, last) scalar = Squeeze(n)
  places = Range(from, scalar, step) columns = Unsqueeze(places, front) lines = Unsqueeze(places, back)`

const places = { from: integers([], [0]), step: integers([], [1]) }

test('what a constant mask hides is bounded by the greatest of its row, for the same answers', async () => {
  for (const hidden of [-1e9, -10000, Number.NEGATIVE_INFINITY]) {
    const model = scores('a = Add(x, m) y = Softmax<axis = -1>(a)', { m: triangle(hidden, 0) })
    const { before, after, report } = await rewriteWith(boundMaskedSoftmax, model)
    expect(report.applied).toBe(1)
    expect(opsOf(after)).toEqual(['Add', ...BOUND])
    await expectEqualModels(before, after, { scale: 30 })
  }
})

test.each([
  ['a mask in another shape', 'w = Unsqueeze(m, ax) a = Add(w, x) y = Softmax<axis = 3>(a)', triangle(-1e4, 0)],
  ['a mask that is multiplied', 'w = Mul(m, low) a = Add(x, w) y = Softmax<axis = -1>(a)', triangle(1, 0)],
  [
    'a mask that is turned around',
    't = Sub(one, m) w = Mul(t, low) a = Add(x, w) y = Softmax<axis = -1>(a)',
    triangle(0, 1),
  ],
])('%s hides as well', async (_, body, m) => {
  const model = scores(body, { m, ax: integers([1], [0]), low: number(-1e9), one: number(1) })
  const { before, after, report } = await rewriteWith(boundMaskedSoftmax, model)
  expect(report.applied).toBe(1)
  await expectEqualModels(before, after, { scale: 30 })
})

test.each<[string, string, Readonly<Record<string, Tensor>>]>([
  ['nothing is masked', 'y = Softmax<axis = -1>(x)', {}],
  ['the mask hides little', 'a = Add(x, m) y = Softmax<axis = -1>(a)', { m: triangle(-50, 0) }],
  ['the mask hides nothing', 'a = Add(x, m) y = Softmax<axis = -1>(a)', { m: triangle(0, 0) }],
  ['it runs along another axis', 'a = Add(x, m) y = Softmax<axis = 2>(a)', { m: triangle(-1e9, 0) }],
])('a Softmax stays where %s', async (_, body, weights) => {
  expect((await rewriteWith(boundMaskedSoftmax, scores(body, weights))).report.applied).toBe(0)
})

const ROWS = `{ a = Add(x, m) y = Softmax<axis = -1>(a) }`
test.each([
  ['the mask is given from outside', `(float[N,4,64,64] x, float[64,64] m) => (float y) ${ROWS}`],
  [
    'what is hidden is of padding',
    '(float[N,4,64,64] x, float[N,1,1,64] p) => (float y) { low = Constant<value = float {-1e9}>() m = Mul(p, low) a = Add(x, m) y = Softmax<axis = -1>(a) }',
  ],
])('a Softmax stays where %s', async (_, body) => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 18]> g ${body}`)
  expect((await rewriteWith(boundMaskedSoftmax, model)).report.applied).toBe(0)
})

test('places that are compared by their numbers hide in any case, but not where a cache stands in front', async () => {
  const of = (shape: string) =>
    scores(
      `${COUNTED} seen = LessOrEqual(columns, lines) m = Where(seen, zero, low) a = Add(x, m) y = Softmax<axis = -1>(a)`,
      {
        ...places,
        zero: number(0),
        low: number(-1e9),
        front: integers([1], [0]),
        back: integers([1], [1]),
      },
      shape,
    )
  expect((await rewriteWith(boundMaskedSoftmax, of('N,4,T,T'))).report.applied).toBe(1)
  expect((await rewriteWith(boundMaskedSoftmax, of('N,4,1,S'))).report.applied).toBe(0)
  expect((await rewriteWith(boundMaskedSoftmax, of('N,4,T,S'))).report.applied).toBe(0)
})
