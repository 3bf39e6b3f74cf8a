import { describe, expect, test } from 'vitest'
import { memoryDataset, randomNumbers } from '../src/data/index.ts'
import { ortNode } from '../src/engine/index.ts'
import { encodeNumbers, type Model, parseModel, tensorOf, tensorValues } from '../src/ir/index.ts'
import { encodeModel } from '../src/onnx/index.ts'
import { applyRecipe, attack, distil, prune, tune } from '../src/recipe/index.ts'
import { seeded } from './seeded-network.ts'

const open = (model: Model) => ortNode.open(model)
const [ROWS, WIDTH, CLASSES] = [120, 16, 4]

const network = seeded(
  `g (float[N,${WIDTH}] x) => (float[N,${CLASSES}] p) <WEIGHTS>
   { a = MatMul(x, w1)  b = Add(a, b1)  c = Relu(b)  d = MatMul(c, w2)  p = Softmax<axis: int = -1>(d) }`,
  { w1: [WIDTH, 32], b1: [32], w2: [32, CLASSES] },
)

/** The same as a file of another floating type, inputs and outputs and all. */
function fileOf(dtype: 'float16' | 'float64', { graph, ...rest }: Model): Model {
  const typed = (one: (typeof graph.inputs)[number]) => ({ ...one, type: { ...one.type, dtype } as typeof one.type })
  const initializers = [...graph.initializers].map(([name, tensor]) => {
    const values = Float64Array.from(tensorValues(tensor) as Float32Array)
    return [
      name,
      tensorOf(dtype, tensor.dims, dtype === 'float16' ? encodeNumbers(dtype, values) : values, name),
    ] as const
  })
  const borders = { inputs: graph.inputs.map(typed), outputs: graph.outputs.map(typed) }
  return { ...rest, graph: { ...graph, ...borders, initializers: new Map(initializers) } }
}

const random = randomNumbers(5)
const x = Float32Array.from({ length: ROWS * WIDTH }, () => random())
const answers = await (async () => {
  const session = await open(network)
  const { p } = await session.run({ x: { dtype: 'float32', dims: [ROWS, WIDTH], data: x } })
  await session.close()
  const values = p!.data as Float32Array
  const best = (row: readonly number[]) => BigInt(row.indexOf(Math.max(...row)))
  return BigInt64Array.from({ length: ROWS }, (_, i) => best([...values.subarray(i * CLASSES, (i + 1) * CLASSES)]))
})()
const rows = (model: Model) =>
  memoryDataset(
    {
      x: { dtype: 'float32', dims: [ROWS, WIDTH], data: x },
      labels: { dtype: 'int64', dims: [ROWS], data: answers },
    },
    {
      inputs: [
        {
          name: 'x',
          dtype: model.graph.inputs[0]!.type.kind === 'tensor' ? model.graph.inputs[0]!.type.dtype : 'undefined',
          shape: ['N', WIDTH],
        },
      ],
      label: 'labels',
    },
  )

const bordersOf = ({ graph }: Model) => [...graph.inputs, ...graph.outputs].map(({ name, type }) => ({ name, type }))
const settings = { open, timed: false, seed: 1, batch: 16, rate: 0.01, epochs: 2 } as const

describe.each(['float16', 'float64'] as const)('a file in %s', (dtype) => {
  const file = fileOf(dtype, network)

  test.each([
    ['prune, channels', async () => prune(file, await rows(file), { ...settings, macs: 0.6 })],
    ['prune, weights', async () => prune(file, await rows(file), { ...settings, sparsity: 0.5 })],
    ['distil', async () => distil(file, await rows(file), { ...settings, width: 0.5, augment: ['noise'] })],
    ['tune', async () => tune(file, await rows(file), { ...settings, pass: { placement: 'everywhere' } })],
  ] as const)(
    '%s: learns as float32, comes back with its inputs and outputs, and is made again byte for byte',
    async (_, make) => {
      const { model, report, recipe, tensors } = await make()
      expect(bordersOf(model)).toEqual(bordersOf(file))
      const [first, last] = [report.epochs[0]!, report.epochs.at(-1)!]
      expect(last.loss).toBeLessThan(first.loss)
      // Weights of a file in float16 come back as such, where they are not integers.
      const kept = [...model.graph.initializers.values()].filter(({ dims }) => dims.length > 1)
      const type = dtype === 'float16' ? /^float16$|int8/ : /^float32$|int8/
      if (_ !== 'prune, weights') for (const tensor of kept) expect(tensor.dtype).toMatch(type)
      const { model: again } = await applyRecipe(recipe, file, { tensors })
      expect(encodeModel(again)).toEqual(encodeModel(model))
    },
  )

  test('attack: the file answers, the float32 model behind it shows the way', async () => {
    const options = { attack: 'pgd', eps: 4, range: [-5, 5], open } as const
    const [own, plain] = [
      await attack(file, await rows(file), options),
      await attack(network, await rows(network), options),
    ]
    expect([own.gradient, plain.gradient]).toEqual(['straight-through', 'exact'])
    expect(own.clean.correct).toBeGreaterThanOrEqual(ROWS - 2)
    expect(own.robust.correct).toBeLessThan(own.clean.correct)
    expect(Math.abs(own.robust.correct - plain.robust.correct)).toBeLessThanOrEqual(2)
  })
})

test('a number that float32 cannot hold keeps a float64 file from learning, by name', async () => {
  const large = parseModel(`<ir_version: 9, opset_import: ["" : 17]>
    g (double[N,2] x) => (double[N,2] y) <double[2,2] w = {1e300, 0, 0, 1}> { y = MatMul(x, w) }`)
  const data = await memoryDataset(
    { x: { dtype: 'float32', dims: [20, 2], data: x.slice(0, 40) } },
    { inputs: [{ name: 'x', dtype: 'float64', shape: ['N', 2] }] },
  )
  await expect(prune(large, data, { ...settings, sparsity: 0.5 })).rejects.toThrow(
    /constant w is too large or too small for float32/,
  )
})
