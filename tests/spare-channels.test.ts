import { expect, test } from 'vitest'
import { memoryDataset, randomNumbers } from '../src/data/index.ts'
import { lowestSqnrDb } from '../src/evaluate/index.ts'
import { elementCount, type Model, parseModel, tensorOf } from '../src/ir/index.ts'
import { modelDigest } from '../src/onnx/index.ts'
import { applyRecipe, type Built, noCache, Workbench } from '../src/recipe/index.ts'

const [ROWS, SIDE, WIDTH] = [60, 40, 48]
const settings = { margin: 0.01, alpha: 0.05, seed: 0, threads: 1, target: 'native', cache: noCache } as const

/** A network of pictures whose filters are there three times, `apart` from each other; from 1 on each is its own. */
function network(random: () => number, apart: number): Model {
  const dims = { u: [WIDTH, 1, 3, 3], v: [WIDTH, WIDTH, 3, 3], w: [1, WIDTH, 3, 3], b: [WIDTH], c: [WIDTH], d: [1] }
  const text = Object.entries(dims).map(
    ([name, sizes]) => `float[${sizes.join(',')}] ${name} = {${Array(elementCount(sizes)).fill(0).join(', ')}}`,
  )
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 17]>
    g (float[N,1,${SIDE},${SIDE}] x) => (float[N,1,${SIDE},${SIDE}] y) <${text.join(', ')}>
    { a = Conv<pads: ints = [1,1,1,1]>(x, u, b)  r = Relu(a)  e = Conv<pads: ints = [1,1,1,1]>(r, v, c)  s = Relu(e)
      y = Conv<pads: ints = [1,1,1,1]>(s, w, d) }`)
  const initializers = new Map(model.graph.initializers)
  for (const [name, sizes] of Object.entries(dims)) {
    const inner = elementCount(sizes.slice(1))
    const values = new Float32Array(elementCount(sizes))
    for (let i = 0; i < values.length; i++) {
      const twin = i - (WIDTH / 3) * inner
      values[i] =
        sizes[0] === WIDTH && twin >= 0 && apart < 1
          ? values[twin]! + (random() - 0.5) * apart
          : ((random() - 0.5) * 3) / (sizes.length === 1 ? 20 : Math.sqrt(inner))
    }
    initializers.set(name, tensorOf('float32', sizes, values, name))
  }
  return { ...model, graph: { ...model.graph, initializers } }
}

test('channels that others make up for are left out, also before integers, and the recipe replays', async () => {
  const random = randomNumbers(8)
  const model = network(random, 1e-3)
  const x = Float32Array.from({ length: ROWS * SIDE * SIDE }, () => random() - 0.3)
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [ROWS, 1, SIDE, SIDE], data: x } })
  const bench = await Workbench.open(model, data, settings)
  try {
    const spared = (await bench.addSpared('spare40', 1e-4))!
    expect(spared.of).toBe(2 * WIDTH)
    expect(spared.gone).toBeGreaterThanOrEqual(WIDTH)
    expect(spared.work).toBeLessThan(0.5)
    // Less noise, no more channels.
    expect((await bench.addSpared('spare60', 1e-6))?.gone ?? 0).toBeLessThanOrEqual(spared.gone)

    const integers = {
      words: '',
      scheme: 'static-int8',
      calibration: 'minmax',
      pass: { placement: 'products' },
    } as const
    const [float, whole, small] = [
      await bench.build({ id: 'float', words: '', base: 'spare40' }),
      await bench.build({ id: 'int8', ...integers }),
      await bench.build({ id: 'int8-spare40', ...integers, base: 'spare40' }),
    ] as const
    expect(small.bytes).toBeLessThan(0.6 * whole.bytes)
    expect(small.planned).toEqual(whole.planned)
    const noise = async (built: Built) => 10 ** (-lowestSqnrDb(await bench.judge(built, 'select'))! / 10)
    expect(await noise(float)).toBeLessThan(3e-4)
    expect(await noise(small)).toBeLessThan((await noise(whole)) + 3e-4)

    expect(small.recipe.steps.map(({ pass }) => pass)).toEqual(expect.arrayContaining(['setWeights', 'pruneChannels']))
    const again = await applyRecipe(small.recipe, model, { tensors: bench.tensors })
    expect(again.report.after.digest).toBe(modelDigest(small.model))
  } finally {
    await bench.close()
  }
})

test('where every channel is needed, nothing is left out', async () => {
  const random = randomNumbers(9)
  const x = Float32Array.from({ length: ROWS * SIDE * SIDE }, () => random() - 0.5)
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [ROWS, 1, SIDE, SIDE], data: x } })
  const bench = await Workbench.open(network(random, 1), data, settings)
  try {
    expect(await bench.addSpared('spare40', 1e-4)).toBeNull()
  } finally {
    await bench.close()
  }
})
