import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { memoryDataset, randomNumbers } from '../src/data/index.ts'
import { elementCount, type Model, parseModel, tensorOf } from '../src/ir/index.ts'
import { modelDigest } from '../src/onnx/index.ts'
import { applyRecipe, diskCache, noCache, recipeOf, trainStudent, Workbench } from '../src/recipe/index.ts'
import { Budget } from '../src/search/budget.ts'
import { optimize } from '../src/search/index.ts'
import { placementSpecs } from '../src/search/plan.ts'
import { Pool } from '../src/search/pool.ts'
import { trainStudents } from '../src/search/students.ts'
import { reportIn } from './schema.ts'

const folder = mkdtempSync(join(tmpdir(), 'whet-students-'))

const random = randomNumbers(4)
const normal = (dims: readonly number[], size: number) =>
  Float32Array.from({ length: elementCount(dims) }, () => (random() - 0.5) * size)

/** A small network of pictures with weights from a seed. */
function network(): Model {
  const dims = { w0: [16, 1, 3, 3], w1: [32, 16, 3, 3], w2: [3, 32], b2: [3] } as const
  const zeros = Object.entries(dims).map(([name, sizes]) => {
    return `float[${sizes.join(',')}] ${name} = {${Array(elementCount(sizes)).fill(0).join(', ')}}`
  })
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 17]>
    g (float[N,1,8,8] x) => (float[N,3] logits) <${zeros.join(', ')}>
    { a = Conv<pads: ints = [1,1,1,1]>(x, w0)  r = Relu(a)  b = Conv<pads: ints = [1,1,1,1]>(r, w1)  s = Relu(b)
      p = GlobalAveragePool(s)  f = Flatten(p)  logits = Gemm<transB: int = 1>(f, w2, b2) }`)
  const initializers = new Map(model.graph.initializers)
  for (const [name, sizes] of Object.entries(dims))
    initializers.set(
      name,
      tensorOf('float32', sizes, normal(sizes, 2 / Math.sqrt(elementCount(sizes.slice(1)) || 1)), name),
    )
  return { ...model, graph: { ...model.graph, initializers } }
}

const teacher = network()
const inputs = [{ name: 'x', dtype: 'float32', shape: ['N', 1, 8, 8] }] as const
const rowsOf = (rows: number) =>
  memoryDataset({ x: { dtype: 'float32', dims: [rows, 1, 8, 8], data: normal([rows, 64], 2) } }, { inputs })

describe('a student', () => {
  const shape = { kind: 'cut', width: 1, depth: 1, resolution: 0.5 } as const
  const options = (cache: string) => ({ ...{ seconds: 1e6, most: 3, seed: 1, threads: 1 }, cache: diskCache(cache) })

  test('whose training was interrupted goes on to the same bits; its recipe replays it; finished is finished', async () => {
    const data = await rowsOf(160)
    const whole = await trainStudent(teacher, data, shape, options(join(folder, 'a')))
    expect(whole.epochs).toBe(3)
    expect(whole.words).toContain('0.5 of the resolution')
    const stop = new AbortController()
    const stopped = trainStudent(teacher, data, shape, {
      ...options(join(folder, 'b')),
      signal: stop.signal,
      onProgress: (line) => line.startsWith('step 7 ') && stop.abort(new Error('stopped')),
    })
    await expect(stopped).rejects.toThrow('stopped')
    const resumed = await trainStudent(teacher, data, shape, options(join(folder, 'b')))
    expect(modelDigest(resumed.trail.model)).toBe(modelDigest(whole.trail.model))

    const steps: string[] = []
    const again = await trainStudent(teacher, data, shape, {
      ...options(join(folder, 'a')),
      onProgress: (line) => line.startsWith('step ') && steps.push(line),
    })
    expect(steps).toEqual([])
    expect(modelDigest(again.trail.model)).toBe(modelDigest(whole.trail.model))

    const recipe = recipeOf(whole.trail)
    expect(recipe.steps.map(({ pass }) => pass)).toEqual(expect.arrayContaining(['halveGrid', 'setWeights']))
    reportIn(JSON.stringify(Object.values(recipe.evidence)[0]), 'learned-weights')
    const replayed = await applyRecipe(recipe, teacher, { tensors: whole.tensors })
    expect(modelDigest(replayed.model)).toBe(modelDigest(whole.trail.model))
    await expect(applyRecipe(recipe, teacher, { tensors: new Map() })).rejects.toMatchObject({
      message: expect.stringContaining('what was learned, and that is not beside it'),
    })
  })
})

describe('a search with rows to train on', () => {
  test('builds students in float and in integers, with recipes that replay', { timeout: 180_000 }, async () => {
    const [data, trainData] = [await rowsOf(40), await rowsOf(60)]
    const settings = { margin: 0.01, alpha: 0.05, seed: 0, threads: 1, target: 'native', cache: noCache } as const
    const bench = await Workbench.open(teacher, data, settings)
    try {
      // A clock that stands still, so that the test does not hang on this machine's.
      const budget = new Budget(300_000, () => 0)
      const pool = new Pool(bench, { name: 'latency' }, budget, () => {}, 1)
      // As timed on a machine where integers gain, so that the test does not hang on this one.
      const everywhere = placementSpecs().find(({ pass }) => pass?.placement === 'everywhere')!
      const timed = (await pool.build(everywhere))!
      const ratio = { base: 'original', other: everywhere.id, median: 0.5, ci: [0.4, 0.6] as [number, number] }
      timed.result = { ...timed.result, p50Ms: 1, ratio, speedup: 2 }
      const { trials, tensors } = await trainStudents(pool, budget, trainData, { ...settings, seconds: 0.1 })
      // This network has no residual blocks; what that plan leaves of the time is the others'.
      expect(pool.warnings).toEqual(['half-resolution-depth was not trained: no block of this model can be left out'])
      const ids = trials.map(({ built }) => built.spec.id)
      const floats = ids.filter((id) => !id.includes('int8'))
      expect(ids[0]).toBe('tuned-int8')
      expect(floats).toEqual(['half-resolution', 'pruned', 'half-width'])
      expect(ids.some((id) => id.startsWith('half-resolution-int8'))).toBe(true)
      for (const { built, result } of trials) {
        expect(result.recipe).toMatch(/(trained|tuned) \d+ times over 54 rows/)
        expect(built.planned.QLinearConv ?? 0).toBeGreaterThanOrEqual(built.spec.id.includes('int8') ? 1 : 0)
      }
      const tuned = trials[0]!
      expect(tuned.result.kernels?.QLinearConv).toBeGreaterThanOrEqual(1)
      await pool.judge(tuned)
      expect(tuned.comparison?.n).toBeGreaterThan(0)
      for (const { built } of [tuned, trials.find((trial) => trial.built.spec.scheme)!]) {
        const replayed = await applyRecipe(built.recipe, teacher, { tensors })
        expect(modelDigest(replayed.model)).toBe(built.digest)
      }
    } finally {
      await bench.close()
    }
  })

  test('leaves out rows and students that there is no time for', { timeout: 60_000 }, async () => {
    const settings = { margin: 0.01, alpha: 0.05, seed: 0, threads: 1, target: 'native', cache: noCache } as const
    const bench = await Workbench.open(teacher, await rowsOf(40), settings)
    try {
      let now = 0
      const budget = new Budget(1000, () => (now += 100))
      const pool = new Pool(bench, { name: 'latency' }, budget, () => {}, 1)
      const { trials } = await trainStudents(pool, budget, await rowsOf(2048), { ...settings, seconds: 1e-6 })
      expect(trials).toEqual([])
      expect(budget.leftOut.slice(0, 2)).toEqual(['1,536 of 2,048 rows to train on', 'training half-resolution-depth'])
      expect(budget.leftOut.at(-1)).toBe('training half-width')
    } finally {
      await bench.close()
    }
  })

  test('which must be others than those that judge', async () => {
    const data = await rowsOf(30)
    await expect(optimize(teacher, data, { trainData: data, time: 100 })).rejects.toMatchObject({
      code: 'bad-argument',
      message: expect.stringContaining('rows to train on are the rows that the search judges by'),
    })
  })
})
