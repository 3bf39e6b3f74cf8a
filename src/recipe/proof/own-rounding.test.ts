import { expect, test } from 'vitest'
import { modelWith, randomTensor } from '../../../tests/quantize-kit.ts'
import { type Model, parseModel } from '../../ir/index.ts'
import { passes } from '../../passes/index.ts'
import { simplify } from '../simplify.ts'
import { proveEqual } from './prove-equal.ts'

const LAYERS = 8
const names = (letter: string) => Array.from({ length: LAYERS }, (_, i) => `${letter}${i}`)

/** Convolutions with a scale and a shift of channels behind each, which go into their weights. */
const deep = modelWith(
  `g (float[N,8,9,9] h0) => (float[N,8,9,9] h${LAYERS}) <float k = {7.0}> { ${names('h')
    .map(
      (h, i) => `c${i} = Conv<pads = [1,1,1,1]>(${h}, w${i}) m${i} = Mul(c${i}, s${i}) a${i} = Add(m${i}, b${i})
        r${i} = Relu(a${i}) h${i + 1} = Mul(r${i}, k)`,
    )
    .join(' ')} }`,
  {
    ...Object.fromEntries(names('w').map((name) => [name, [8, 8, 3, 3]])),
    ...Object.fromEntries([...names('s'), ...names('b')].map((name) => [name, [1, 8, 1, 1]])),
  },
)
const half = (await passes.convertFloat16!.run(deep, { compute: 'float16' } as never, [])).model

test('a rewrite of a file in float16 may differ by a few times what float16 does to the file itself', async () => {
  const { report } = await simplify(half)
  expect(report.after.nodes).toBeLessThan(report.before.nodes)
  expect(report.equivalence!.maxAbs).toBeGreaterThan(1e-3)
})

test('and by no more', async () => {
  const changed = (model: Model): Model => {
    const initializers = new Map(model.graph.initializers).set('w3', randomTensor([8, 8, 3, 3], 99, 0.2, 'w3'))
    return { ...model, graph: { ...model.graph, initializers } }
  }
  const other = (await passes.convertFloat16!.run(changed(deep), { compute: 'float16' } as never, [])).model
  await expect(proveEqual(half, other, {})).rejects.toThrow('internal: a lossless pass changed output')
})

/** A sine of large numbers: what is rounded off these moves it by far more than a thousandth. */
const steep = (scale: number) =>
  modelWith(
    `g (float[N,8,9,9] x) => (float[N,8,9,9] y) <float far = {200000.0}, float[1] less = {${scale}}> {
      c = Conv<pads = [1,1,1,1]>(x, w) m = Mul(c, s) l = Mul(m, less) f = Mul(l, far) y = Sin(f) }`,
    { w: [8, 8, 3, 3], s: [1, 8, 1, 1] },
  )

test('a model that magnifies what it rounds may differ by a few times what other kernels do to it', async () => {
  const { report } = await simplify(steep(1))
  expect(report.after.nodes).toBeLessThan(report.before.nodes)
  expect(report.equivalence!.maxAbs).toBeGreaterThan(2e-3)
  await expect(proveEqual(steep(1), steep(1.001), {})).rejects.toThrow('internal: a lossless pass changed output')
})

test('where scores are as good, ArgMax may choose either', async () => {
  const chooses = (factor: number) =>
    parseModel(`<ir_version: 8, opset_import: ["" : 17]> g (float[N,3,9] x) => (int32[N,9] y) <float f = {${factor}}> {
      t = Mul(x, f) s = Concat<axis = 1>(x, t) a = ArgMax<axis = 1, keepdims = 0>(s) y = Cast<to = 6>(a) }`)
  const same = await proveEqual(chooses(1), chooses(1.0001), {})
  expect(same.maxAbs).toBe(3)
  await expect(proveEqual(chooses(0.9), chooses(1.1), {})).rejects.toThrow(/elements differ/)
})
