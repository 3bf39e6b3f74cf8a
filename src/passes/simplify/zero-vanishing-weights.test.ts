import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { type Model, type Node, tensorOf, tensorValues } from '../../ir/index.ts'
import { zeroVanishingWeights } from './zero-vanishing-weights.ts'

/** The model with weights of about a tenth, multiplied by what `factor` says of the place of each. */
function scaled(model: Model, name: string, factor: (place: number) => number): Model {
  const weight = model.graph.initializers.get(name)!
  const values = Float32Array.from(tensorValues(weight) as Float32Array, (_, i) => (0.1 + (i % 7) / 50) * factor(i))
  const initializers = new Map(model.graph.initializers).set(name, tensorOf('float32', weight.dims, values, name))
  return { ...model, graph: { ...model.graph, initializers } }
}

/** How many of the weights that a node reads are 0. */
const zeros = (node: Node, { graph }: Model) =>
  (tensorValues(graph.initializers.get(node.inputs[1]!)!) as Float32Array).filter((value) => value === 0).length

const convs = () =>
  modelWith('g (float[1,3,6,5] x) => (float y) { a = Conv(x, w, b) r = Relu(a) y = Conv(r, v) }', {
    w: [16, 3, 1, 1],
    b: [16],
    v: [5, 16, 3, 3],
  })

test('weights that training left behind next to 0 are 0', async () => {
  const model = scaled(convs(), 'v', (i) => (Math.floor(i / 9) % 16 >= 6 ? 1e-30 : 1))
  const { before, after, report } = await rewriteWith(zeroVanishingWeights, model)
  expect(report.applied).toBe(1)
  expect(after.graph.nodes.map((node) => node.opType)).toEqual(['Conv', 'Relu', 'Conv'])
  await expectEqualModels(before, after)
  expect(zeros(after.graph.nodes.at(-1)!, after)).toBe(5 * 10 * 9)
})

test('what is small is small beside the other weights of its output', async () => {
  // Each output of a MatMul has a column. The third column is small as a whole, and what is small beside it smaller yet.
  const column = (i: number) => (i % 4 === 2 ? 1e-25 : 1) * (i < 8 ? 1e-12 : 1)
  const model = modelWith('g (float[N,6] x) => (float y) { r = Relu(x) y = MatMul(r, v) }', { v: [6, 4] })
  const { report } = await rewriteWith(zeroVanishingWeights, scaled(model, 'v', column))
  expect(report.applied).toBe(0)
  const vanishing = scaled(model, 'v', (i) => (i % 4 === 2 ? 1e-12 : 1) * (i < 8 ? 1e-22 : 1))
  const { after } = await rewriteWith(zeroVanishingWeights, vanishing)
  expect(zeros(after.graph.nodes.at(-1)!, after)).toBe(8)
})

test('numbers that are not of full precision are zeros', async () => {
  const { after } = await rewriteWith(
    zeroVanishingWeights,
    scaled(convs(), 'v', (i) => (i < 9 ? 1e-39 : 1)),
  )
  expect(zeros(after.graph.nodes.at(-1)!, after)).toBe(9)
})

test('weights that somebody else reads stay as they are', async () => {
  const model = modelWith('g (float[N,4] x) => (float y) { m = MatMul(x, v) n = MatMul(m, v) y = Relu(n) }', {
    v: [4, 4],
  })
  const { report } = await rewriteWith(
    zeroVanishingWeights,
    scaled(model, 'v', (i) => (i < 4 ? 1e-30 : 1)),
  )
  expect(report.applied).toBe(0)
  expect(report.refused[0]!.reason).toBe('its weights are read by others too')
})

test('what the caller gives may be of any size', async () => {
  const { report } = await rewriteWith(
    zeroVanishingWeights,
    scaled(convs(), 'w', (i) => (i % 3 === 0 ? 1e-30 : 1)),
  )
  expect(report.applied).toBe(0)
})
