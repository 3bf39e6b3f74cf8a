import { expect, test } from 'vitest'
import { ortNode, type TensorValue } from '../src/engine/index.ts'
import { type Model, nodeLabel, type Tensor, tensorOf, tensorValues } from '../src/ir/index.ts'
import { roundingProjections } from '../src/passes/index.ts'
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
