import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { randomNumbers } from '../data/index.ts'
import { ortNode } from '../engine/index.ts'
import { type Model, parseModel, tensorOf } from '../ir/index.ts'
import { differentiate } from '../passes/index.ts'
import { UserError } from '../platform/index.ts'
import { placeOf } from './first-not-finite.ts'
import {
  epochOrder,
  layoutOf,
  type Optimizer,
  packWeights,
  type ReadBatches,
  rateAt,
  readCheckpoint,
  STEP,
  stepGraph,
  type TrainOptions,
  type TrainState,
  train,
  trainableWeights,
  unpackWeights,
  writeCheckpoint,
} from './index.ts'

const random = randomNumbers(7)
const noise = (count: number) => Float32Array.from({ length: count }, () => random() * 2 - 1)

/** Two layers with a normalisation, seeded weights. */
function network(): Model {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 21]>
  g (float[N,4] x) => (float[N,3] z)
  <float[4,8] w1, float[8] scale, float[8] shift, float[8] mean, float[8] variance, float[8,3] w2, float[3] b2>
  { a = MatMul(x, w1)  n = BatchNormalization(a, scale, shift, mean, variance)  r = Relu(n)  z = Gemm(r, w2, b2) }`)
  const seeded = randomNumbers(3)
  const values = (count: number) => Float32Array.from({ length: count }, () => seeded() - 0.5)
  const initializers = new Map([
    ['w1', tensorOf('float32', [4, 8], values(32), 'w1')],
    ['scale', tensorOf('float32', [8], new Float32Array(8).fill(1), 'scale')],
    ['shift', tensorOf('float32', [8], new Float32Array(8), 'shift')],
    ['mean', tensorOf('float32', [8], new Float32Array(8), 'mean')],
    ['variance', tensorOf('float32', [8], new Float32Array(8).fill(1), 'variance')],
    ['w2', tensorOf('float32', [8, 3], values(24), 'w2')],
    ['b2', tensorOf('float32', [3], new Float32Array(3), 'b2')],
  ])
  return { ...model, graph: { ...model.graph, initializers } }
}

const ROWS = 48
const pixels = noise(ROWS * 4)
/** The class is where the largest of the first three numbers is. */
const labels = BigInt64Array.from({ length: ROWS }, (_, row) => {
  const own = [...pixels.subarray(row * 4, row * 4 + 3)]
  return BigInt(own.indexOf(Math.max(...own)))
})
const read: ReadBatches = async function* batches(rows, batch) {
  for (let from = 0; from < rows.length; from += batch) {
    const part = rows.slice(from, from + batch)
    const x = Float32Array.from(part.flatMap((row) => [...pixels.subarray(row * 4, row * 4 + 4)]))
    yield {
      rows: part.length,
      feeds: {
        x: { dtype: 'float32', dims: [part.length, 4], data: x },
        labels: { dtype: 'int64', dims: [part.length], data: BigInt64Array.from(part, (row) => labels[row]!) },
      },
    }
  }
}

function setUp(optimizer: Optimizer = { kind: 'adamw' }, more: Partial<TrainOptions> = {}) {
  const model = network()
  const made = differentiate(model, {
    loss: { kind: 'cross-entropy', output: 'z', labels: 'labels' },
    wrt: trainableWeights(model),
    training: true,
    keepOutputs: false,
  })
  const weights = layoutOf(model, made.gradients.keys())
  const statistics = layoutOf(model, made.updates.keys())
  const step = stepGraph(made, weights, statistics, optimizer)
  const options: TrainOptions = {
    epochs: 4,
    rows: Array.from({ length: ROWS }, (_, i) => i),
    read,
    start: { weights: packWeights(model, weights), statistics: packWeights(model, statistics) },
    open: () => ortNode.open(step.model),
    run: 'a run',
    batch: 10,
    rate: 0.03,
    ...more,
  }
  return { model, step, options, weights, statistics }
}

const folder = join(tmpdir(), `whetstone-train-${process.pid}`)

describe('a training step is one run of a graph', () => {
  test('the classes are learned, statistics follow the rows, and what was learned can be taken apart again', async () => {
    const { step, options, statistics } = setUp()
    const trained = await train(step, { ...options, epochs: 30 })
    expect(trained.epochs[0]!.loss).toBeGreaterThan(0.8)
    expect(trained.epochs.at(-1)!.loss).toBeLessThan(0.3)
    const learned = unpackWeights(trained.statistics, statistics)
    expect([...learned.keys()].sort()).toEqual(['mean', 'variance'])
    expect(trained.statistics.some((value) => value !== 0 && value !== 1)).toBe(true)
  })

  test('AdamW and SGD with momentum move as their formulas say', async () => {
    for (const optimizer of [
      { kind: 'adamw', decay: 0.1 },
      { kind: 'sgd', momentum: 0.8, decay: 0.1 },
    ] as const) {
      const { step, options, weights } = setUp(optimizer)
      const session = await ortNode.open(step.model)
      const size = weights.size
      const flat = (data: Float32Array) => ({ dtype: 'float32' as const, dims: [data.length], data })
      const scalar = (value: number) => ({ dtype: 'float32' as const, dims: [], data: Float32Array.of(value) })
      const moments = noise(size).map((value) => value * 0.01)
      const squares = noise(size).map((value) => value * value * 1e-4)
      const average = noise(size)
      const adam = optimizer.kind === 'adamw'
      const state = {
        [STEP.weights]: flat(options.start.weights),
        [STEP.moment1]: flat(moments),
        ...(adam
          ? { [STEP.moment2]: flat(squares), [STEP.correction1]: scalar(2), [STEP.correction2]: scalar(5) }
          : {}),
        [STEP.average]: flat(average),
        [STEP.statistics]: flat(options.start.statistics),
        [STEP.rate]: scalar(0.01),
        [STEP.keep]: scalar(0.75),
      }
      for await (const { feeds } of read(options.rows, ROWS, 0)) {
        const out = await session.run({ ...feeds, ...state })
        const next = (name: string) => out[`${name}/next`]!.data as Float32Array
        // The gradient as the first moment shows it.
        const [beta, share] = adam ? [0.9, 0.1] : [0.8, 1]
        for (let i = 0; i < size; i++) {
          const gradient = (next(STEP.moment1)[i]! - beta * moments[i]!) / share
          const second = 0.999 * squares[i]! + 0.001 * gradient * gradient
          const direction = adam
            ? (next(STEP.moment1)[i]! * 2) / (Math.sqrt(second * 5) + 1e-8)
            : next(STEP.moment1)[i]!
          const entry = weights.entries.findLast(({ from }) => from <= i)!
          const decay = entry.dims.length > 1 ? 0.1 : 0
          const wanted = options.start.weights[i]! - 0.01 * (direction + decay * options.start.weights[i]!)
          expect(next(STEP.weights)[i]).toBeCloseTo(wanted, 5)
          expect(next(STEP.average)[i]).toBeCloseTo(0.75 * average[i]! + 0.25 * wanted, 5)
        }
        const norm = Math.hypot(...Array.from(next(STEP.moment1), (value, i) => (value - beta * moments[i]!) / share))
        expect(norm).toBeLessThanOrEqual(1 + 1e-4)
        expect(Number(out[STEP.norm]!.data[0])).toBeGreaterThan(0)
      }
      await session.close()
    }
  })
})

describe('a run that was stopped', () => {
  test.each([1, 7, 13])('goes on from step %i to the bit as if nothing had happened', async (at) => {
    const { step, options } = setUp()
    const whole = await train(step, options)
    const path = join(folder, `at-${at}`, 'checkpoint.bin')
    mkdirSync(join(folder, `at-${at}`), { recursive: true })
    const stop = new AbortController()
    const stopped = train(step, {
      ...options,
      signal: stop.signal,
      keep: (state) => writeCheckpoint(path, state),
      onStep: ({ step: done }) => done === at && stop.abort(new Error('stopped')),
    })
    await expect(stopped).rejects.toThrow('stopped')
    const resume = await readCheckpoint(path, 'a run')
    expect(resume.step).toBe(at)
    const { seconds: _, ...rest } = await train(step, { ...options, resume })
    const { seconds: __, ...wanted } = whole
    expect(rest).toEqual(wanted)
  })

  test('a checkpoint of another run, a cut one and another file are refused', async () => {
    const path = join(tmpdir(), `whetstone-checkpoint-${process.pid}.bin`)
    const state: TrainState = {
      ...{
        run: 'a',
        planned: 3,
        step: 1,
        epoch: 0,
        row: 3,
        batch: 2,
        lossSum: 0.1 + 0.2,
        seconds: 1,
        epochs: [],
        best: null,
      },
      arrays: new Map([['w', Float32Array.of(0.1, Number.MIN_VALUE, -0)]]),
      bestArrays: new Map(),
    }
    try {
      await writeCheckpoint(path, state)
      expect(await readCheckpoint(path, 'a')).toEqual(state)
      await expect(readCheckpoint(path, 'b')).rejects.toMatchObject({ code: 'bad-argument' })
      writeFileSync(path, readFileSync(path).subarray(0, -1))
      await expect(readCheckpoint(path, 'a')).rejects.toMatchObject({ code: 'bad-data' })
      writeFileSync(path, 'something else')
      await expect(readCheckpoint(path, 'a')).rejects.toMatchObject({ code: 'bad-data' })
    } finally {
      rmSync(path, { force: true })
    }
  })
})

test('a machine that became slower than planned ends training with what is there, also when it goes on', async () => {
  let judged = 0
  const { step, options } = setUp(
    { kind: 'adamw' },
    {
      epochs: { seconds: 0.1, most: 1000 },
      // Quick when the epochs are planned, slow from then on.
      validate: async () => {
        if (judged++ > 0) await new Promise((done) => setTimeout(done, 200))
        return 1
      },
    },
  )
  const states: TrainState[] = []
  const trained = await train(step, { ...options, keep: async (state) => void states.push(state) })
  expect(trained.epochs.length).toBe(1)
  const again = await train(step, { ...options, resume: states.at(-1) })
  expect(again.weights).toEqual(trained.weights)
})

test('a loss that is no number stops the run, names what went first and leaves the last good state', async () => {
  const { step, options } = setUp()
  const kept: TrainState[] = []
  const poisoned: ReadBatches = async function* batches(rows, batch, epoch) {
    let count = 0
    for await (const part of read(rows, batch, epoch)) {
      const x = part.feeds.x!
      if (++count === 3) (x.data as Float32Array)[0] = Number.NaN
      yield part
    }
  }
  const error = await train(step, {
    ...options,
    read: poisoned,
    keepEvery: 1,
    keep: async (state) => void kept.push(state),
  }).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'bad-data', message: expect.stringContaining('step 3') })
  expect((error as { where: string }).where).toContain('"x"')
  expect(kept.at(-1)!.step).toBe(2)
})

test('what went first is said in words of the model', () => {
  const { step } = setUp()
  const [weight, gradient] = [...step.gradients][0]!
  const before = step.model.graph.nodes.find(({ outputs }) => outputs.includes(gradient))!.inputs[0]!
  expect(before).toMatch(/^gradient\//)
  expect(placeOf(step, before)).toBe(`the gradient by "${weight}"`)
  expect(placeOf(step, 'x')).toBe('"x"')
  expect(placeOf(step, 'step/weights')).toBe('the weights')
  expect(placeOf(step, 'step/6')).toContain('length of the whole gradient')
})

test('a loss that is no number before anything was kept leaves the state in front of it', async () => {
  const { step, options } = setUp()
  const poisoned: ReadBatches = async function* batches(rows, batch, epoch) {
    let count = 0
    for await (const part of read(rows, batch, epoch)) {
      if (++count === 3) (part.feeds.x!.data as Float32Array)[0] = Number.NaN
      yield part
    }
  }
  const kept: TrainState[] = []
  const keep = async (state: TrainState) => void kept.push(state)
  const failed = train(step, { ...options, read: poisoned, keep })
  await expect(failed).rejects.toMatchObject({ hint: expect.stringContaining('the last good state is kept') })
  expect(kept.map((state) => state.step)).toEqual([2])
  expect([...kept[0]!.arrays.values()].every((values) => values.every(Number.isFinite))).toBe(true)
  await expect(train(step, { ...options, read: poisoned })).rejects.toMatchObject({
    hint: expect.not.stringContaining('kept'),
  })
})

test('a batch that does not fit into memory is halved, and the user is told', async () => {
  const { step, options } = setUp()
  const notes: string[] = []
  const trained = await train(step, {
    ...options,
    epochs: 1,
    onNote: (note) => notes.push(note),
    open: async () => {
      const session = await ortNode.open(step.model)
      return {
        ...session,
        run: (feeds, fetch) =>
          feeds.x!.dims[0]! > 6
            ? Promise.reject(new UserError('out-of-resources', 'no memory'))
            : session.run(feeds, fetch),
        close: () => session.close(),
      }
    },
  })
  expect(notes).toEqual([expect.stringContaining('going on with 5')])
  expect(trained.epochs[0]!.batch).toBe(5)
})

test('training ends when scores do not get better, and gives the best epoch', async () => {
  const { step, options } = setUp()
  const scores = [0.1, 0.5, 0.4, 0.3, 0.9]
  const trained = await train(step, { ...options, epochs: 9, patience: 2, validate: async () => scores.shift()! })
  expect(trained.epochs.length).toBe(4)
  expect(trained.bestEpoch).toBe(1)
})

test('the rate rises in a line and falls as half a cosine', () => {
  const schedule = { rate: 1, warmUp: 0.25, steps: 8 }
  expect([0, 1, 2, 5, 8].map((step) => rateAt(step, schedule))).toEqual([
    0.5,
    1,
    1,
    expect.closeTo(0.5, 12),
    expect.closeTo(0, 12),
  ])
})

test('every epoch holds each row once, in an order that depends on seed and epoch alone', () => {
  const rows = Array.from({ length: 50 }, (_, i) => i * 2)
  const first = epochOrder(rows, 1, 0)
  expect([...first].sort((a, b) => a - b)).toEqual(rows)
  expect(epochOrder(rows, 1, 0)).toEqual(first)
  expect(epochOrder(rows, 1, 1)).not.toEqual(first)
  expect(epochOrder(rows, 2, 0)).not.toEqual(first)
})
