import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Dataset, memoryDataset } from '../src/data/index.ts'
import { ortNode } from '../src/engine/index.ts'
import { checkModel, type Model, tensorOf, tensorValues } from '../src/ir/index.ts'
import { modelDigest, readModel, writeModel } from '../src/onnx/index.ts'
import { applyRecipe, distil, quantize, tune } from '../src/recipe/index.ts'
import { renderTerminal } from '../src/view/index.ts'
import { reportIn } from './schema.ts'
import { bandedPictures, seeded } from './seeded-network.ts'

const ROWS = 256
const CHANNELS = 16
const { x: shown, labels } = bandedPictures(ROWS)
const inputs = [{ name: 'x', dtype: 'float32', shape: ['N', 1, 6, 6] }] as const

/** A depthwise network. */
const network = () =>
  seeded(
    `g (float[N,1,6,6] x) => (float[N,4] logits) <WEIGHTS>
    { a = Conv<pads: ints = [1,1,1,1]>(x, w0, b0)  r = Relu(a)
      b = Conv<pads: ints = [1,1,1,1], group: int = 16>(r, d1, b1)  s = Relu(b)  c = Conv(s, p1, b2)  t = Relu(c)
      p = GlobalAveragePool(t)  q = Flatten(p)  logits = Gemm<transB: int = 1>(q, w3, b3) }`,
    {
      ...{ w0: [CHANNELS, 1, 3, 3], b0: [CHANNELS], d1: [CHANNELS, 1, 3, 3], b1: [CHANNELS] },
      ...{ p1: [CHANNELS, CHANNELS, 1, 1], b2: [CHANNELS], w3: [4, CHANNELS], b3: [4] },
    },
    { opset: 21, spread: 4 },
  )

/** The same answers from channels whose ranges differ by up to 128, as folded normalisations leave them. */
function unequal(model: Model): Model {
  const initializers = new Map(model.graph.initializers)
  const factor = (channel: number) => 2 ** ((channel * 5) % 8)
  const scale = (name: string, by: (place: number) => number) => {
    const tensor = initializers.get(name)!
    const values = (tensorValues(tensor) as Float32Array).map((value, i) => value * by(i))
    initializers.set(name, tensorOf('float32', tensor.dims, values, name))
  }
  scale('d1', (i) => factor(Math.floor(i / 9)))
  scale('b1', factor)
  scale('p1', (i) => 1 / factor(i % CHANNELS))
  return { ...model, graph: { ...model.graph, initializers } }
}

/** The shares that the model gives to the four classes, row by row. */
async function shares(model: Model): Promise<Float32Array> {
  const session = await ortNode.open(model)
  try {
    const logits = (await session.run({ x: shown })).logits!.data as Float32Array
    const powers = logits.map((value) => Math.exp(value))
    return powers.map((value, i) => value / powers.subarray(i - (i % 4), i - (i % 4) + 4).reduce((a, b) => a + b, 0))
  } finally {
    await session.close()
  }
}

const distance = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0)

test('a model with nothing to tune is named by its file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-tune-'))
  const file = join(folder, 'sums.onnx')
  try {
    await writeModel(
      seeded('g (float[N,4] x) => (float[N,4] y) <WEIGHTS> { y = Mul(x, w) }', { w: [4] }, { opset: 21 }),
      file,
    )
    const data = await memoryDataset(
      { x: { dtype: 'float32', dims: [ROWS, 4], data: Float32Array.from({ length: ROWS * 4 }, (_, i) => i) } },
      { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 4] }] },
    )
    await expect(tune(await readModel(file), data, { epochs: 1, rate: 1e-3 })).rejects.toMatchObject({
      code: 'unsupported',
      where: file,
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

describe('tuning for static int8, on a depthwise network that is trained here', () => {
  const open = (one: Model) => ortNode.open(one)
  const shared = { open, timed: false, seed: 1, batch: 16 } as const
  const pass = { placement: 'everywhere' } as const
  let model: Model
  let data: Dataset
  beforeAll(async () => {
    const labelled = await memoryDataset({ x: shown, labels }, { inputs, label: 'labels' })
    const student = network()
    const settings = { ...shared, rate: 0.02, teacherShare: 0, epochs: 25, margin: 0.2 }
    const trained = await distil(network(), labelled, { ...settings, student })
    expect(trained.report.student.metric).toBeGreaterThan(0.85)
    model = unequal(trained.model)
    data = await memoryDataset({ x: shown }, { inputs })
  })

  test('without labels, more than half of what rounding changes in the answers comes back', async () => {
    const plain = await quantize(model, { scheme: 'static-int8', data, pass })
    const tuned = await tune(model, data, { ...shared, epochs: 16, rate: 3e-3, margin: 0.2, pass })
    const exact = await shares(model)
    const [before, after] = [distance(await shares(plain.model), exact), distance(await shares(tuned.model), exact)]
    expect(after).toBeLessThan(before / 2)
    expect(checkModel(tuned.model)).toEqual([])
    reportIn(JSON.stringify(tuned.report), 'tuning')
    // Of the few rows that prove, one answer more or less is luck; what the report says of them are their counts.
    const [, changed, rows] = /^No measurable change: (\d+) of (\d+) answers/.exec(tuned.report.proof)!
    const lost = 1 - tuned.report.plain.metric!
    expect(tuned.report.gapClosed).toBeCloseTo(1 - +changed! / +rows! / lost, 9)
    expect(renderTerminal(tuned.report, { color: false, width: 100 })).toContain('without tuning')

    // What comes out is what the planner writes: the same nodes, so the same kernels.
    const nodes = (one: Model) => one.graph.nodes.map(({ opType }) => opType).sort()
    expect(nodes(tuned.model)).toEqual(nodes(plain.model))
    const again = await applyRecipe(tuned.recipe, model, { tensors: tuned.tensors })
    expect(modelDigest(again.model)).toBe(modelDigest(tuned.model))
  })
  test('rows that give no ranges are what is wrong, not the model', async () => {
    const values = new Float32Array(36 * ROWS).fill(Number.NaN)
    const same = await memoryDataset({ x: { ...shown, data: values.slice() } }, { inputs })
    await expect(tune(model, same, { ...shared, epochs: 1, pass })).rejects.toThrow(
      `"memory" has ${ROWS} rows, of which ${ROWS - 1} repeat others: too few to learn`,
    )
    for (let row = 0; row < ROWS; row++)
      for (let bit = 0; bit < 8; bit++) if ((row >> bit) & 1) values[row * 36 + bit] = Number.POSITIVE_INFINITY
    const none = await memoryDataset({ x: { ...shown, data: values } }, { inputs })
    await expect(tune(model, none, { ...shared, epochs: 1, pass, proof: data })).rejects.toMatchObject({
      code: 'bad-data',
      message: expect.stringContaining('the rows give no ranges'),
      where: expect.stringContaining('x: '),
    })
  })

  test('interrupted in the middle and gone on with, it gives the same bytes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'whet-tune-'))
    try {
      const settings = { ...shared, epochs: 2, rate: 3e-3, margin: 0.2, pass }
      const whole = await tune(model, data, settings)
      const checkpoint = join(folder, 'state.bin')
      const stop = new AbortController()
      const stopped = tune(model, data, {
        ...{ ...settings, checkpoint, signal: stop.signal },
        onProgress: (line) => line.startsWith('step 7 ') && stop.abort(new Error('stopped')),
      })
      await expect(stopped).rejects.toThrow('stopped')
      const steps: string[] = []
      const resumed = await tune(model, data, {
        ...{ ...settings, checkpoint, resume: true },
        onProgress: (line) => line.startsWith('step ') && steps.push(line),
      })
      expect(steps[0]).toMatch(/^step 8 /)
      expect(modelDigest(resumed.model)).toBe(modelDigest(whole.model))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
