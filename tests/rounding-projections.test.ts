import { expect, test } from 'vitest'
import { ortNode, type TensorValue } from '../src/engine/index.ts'
import { type Model, nodeLabel, parseModel, type Tensor, tensorOf, tensorValues } from '../src/ir/index.ts'
import { roundingProjections } from '../src/passes/index.ts'
import { lastFloats } from '../src/passes/last-floats.ts'
import { modelWith, randomValue, rangesOf } from './quantize-kit.ts'

/** One weight that two convolutions share, and what the runtime selects slowly. */
const TEXT = `g (float[1,4,6,6] x) => (float y) <float low = {0}, float high = {0.3}> {
  a = Conv<pads = [1,1,1,1]>(x, w, q)  b = Clip(a, low, high)
  c = ConvTranspose<strides = [2,2]>(b, v)  d = Relu(c)
  e = Conv<group = 4>(d, s)  f = Conv(e, u)  y = Conv(f, u) }`
const WEIGHTS = { w: [4, 4, 3, 3], q: [4], v: [4, 4, 2, 2], s: [4, 1, 3, 3], u: [4, 4, 3, 3] }

const numbersOf = (tensor: Tensor) => tensorValues(tensor) as Float32Array

/** The model with its weights moved by a part of their rounding. */
function moved(model: Model, name: string, error: Tensor, part: number): Model {
  const tensor = model.graph.initializers.get(name)!
  const errors = numbersOf(error)
  const values = numbersOf(tensor).map((value, i) => value + part * errors[i]!)
  const initializers = new Map(model.graph.initializers).set(name, tensorOf('float32', tensor.dims, values, name))
  return { ...model, graph: { ...model.graph, initializers } }
}

test('the rounding of each weight is projected as the model with a little of it shows', async () => {
  const model = modelWith(TEXT, WEIGHTS)
  const x = randomValue([1, 4, 6, 6], 5)
  const back = roundingProjections(model, await rangesOf(model, { x }))!
  expect(back.unknown).toEqual([])
  // Masks by products: to select among numbers takes the runtime several times as long.
  expect(back.model.graph.nodes.filter(({ opType }) => opType === 'Where')).toEqual([])

  const run = async (of: Model, feeds: Record<string, TensorValue>, name: string) => {
    const session = await ortNode.open(of, { config: { 'session.disable_quant_qdq': '1' } })
    const value = (await session.run(feeds, [name]))[name]!
    await session.close()
    return value
  }
  const y = await run(model, { x }, 'y')
  const seed = randomValue(y.dims, 11)
  const projected = await run(back.model, { x, [back.seeds.get('y')!]: seed }, back.projections)
  const sum = async (of: Model) => {
    const { data } = await run(of, { x }, 'y')
    return (data as Float32Array).reduce((total, value, i) => total + value * Number(seed.data[i]), 0)
  }
  const part = 0.05
  const products = model.graph.nodes.filter(({ inputs }) => inputs[1] !== undefined && inputs[1] in WEIGHTS)
  const seen: string[] = []
  for (const [i, { kind, name }] of back.sources.entries()) {
    const node = products.find((product) => kind === 'node' && nodeLabel(product) === name)
    if (!node) continue
    const weight = node.inputs[1]!
    const error = back.model.graph.initializers.get(`${weight}_error`)!
    const shown =
      ((await sum(moved(model, weight, error, part))) - (await sum(moved(model, weight, error, -part)))) / (2 * part)
    expect(Math.abs(Number(projected.data[i]) - shown), weight).toBeLessThan(0.02 * Math.abs(shown) + 1e-3)
    seen.push(weight)
  }
  expect(seen).toEqual(['w', 'v', 's', 'u'])
})

test('roundings before an operator that no gradient goes back through are named, those behind it are known', async () => {
  const model = modelWith('g (float[1,4,6,6] x) => (float y) { a = Conv(x, w)  h = Hardmax(a)  y = Conv(h, v) }', {
    w: [4, 4, 3, 3],
    v: [4, 4, 3, 3],
  })
  const back = roundingProjections(model, await rangesOf(model, { x: randomValue([1, 4, 6, 6], 5) }))!
  const [first] = model.graph.nodes
  expect(back.sources.map(({ name }) => name)).not.toContain('a')
  expect(back.unknown.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual(
    ['value x', 'value a', `node ${nodeLabel(first!)}`].sort(),
  )
  expect(back.unknown[0]!.reason).toContain('Hardmax "h" has no gradient rule')
})

test('what decides of whole numbers is what roundings are told of', async () => {
  const giving = modelWith('g (float[1,4,6,6] x) => (float s) { a = Conv(x, w)  b = Relu(a)  s = Conv(b, v) }', {
    w: [4, 4, 3, 3],
    v: [5, 4, 3, 3],
  })
  const decided = parseModel(`<ir_version: 10, opset_import: ["" : 21]>
    g (float[1,5,2,2] s) => (int64[1,1,2,2] map) { map = ArgMax<axis = 1>(s) }`).graph
  const nodes = [...giving.graph.nodes, ...decided.nodes]
  const deciding = { ...giving, graph: { ...giving.graph, nodes, outputs: decided.outputs } }
  const ranges = await rangesOf(giving, { x: randomValue([1, 4, 6, 6], 5) })
  const [ofScores, ofMap] = [roundingProjections(giving, ranges)!, roundingProjections(deciding, ranges)!]
  expect(ofMap.seeds).toEqual(new Map([['s', 'seed:s']]))
  expect(ofMap.sources.length).toBeGreaterThan(3)
  expect({ ...ofMap, model: null }).toEqual({ ...ofScores, model: null })
})

test('the last floats are outputs, or what those that are none are decided by or made from', () => {
  const last = (text: string) => lastFloats(parseModel(`<ir_version: 10, opset_import: ["" : 21]> ${text}`))
  // Of outputs that are floats nothing else is heard, though a condition stands on the way.
  expect(
    last(`g (float[N,4] x) => (float[N,4] y, float[N,4] z) <float zero = {0}> {
      y = Relu(x)  m = Greater(y, zero)  z = Where(m, y, zero) }`),
  ).toEqual(['y', 'z'])
  // A class may be given as a float, and a score in another type.
  expect(
    last(`g (float[N,4] x) => (float[N] class, double[N,4] p) {
      s = Relu(x)  a = ArgMax<axis = 1, keepdims = 0>(s)  class = Cast<to = 1>(a)  e = Exp(x)  p = Cast<to = 11>(e) }`),
  ).toEqual(['s', 'e'])
  // What hangs on the shape alone hears no float; an input is none that is rounded on the way.
  expect(last('g (float[N,4] x) => (int64[2] n, bool[N,4] c) { y = Relu(x)  n = Shape(y)  c = IsNaN(x) }')).toEqual([])
  // Of candidates by their values both the places and what they are taken from.
  expect(
    last(`g (float[N,9] x) => (float[N,2] best, int64[N,2] places) <int64[1] k = {2}> {
      y = Relu(x)  best, places = TopK(y, k) }`),
  ).toEqual(['best', 'y'])
})
