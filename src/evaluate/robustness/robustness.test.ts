import { describe, expect, test } from 'vitest'
import { type Dataset, memoryDataset } from '../../data/index.ts'
import type { Session, TensorValue } from '../../engine/index.ts'
import { parseModel } from '../../ir/index.ts'
import type { RowScores } from '../../report/index.ts'
import type { MetricRow } from '../metric/metric.ts'
import { corruptionErrors, meanCorruptionError, relativeMeanCorruptionError } from './corruption-errors.ts'
import { headOf, NO_HEAD } from './head.ts'
import { measureRobustness, type RobustnessOptions } from './measure.ts'
import type { RobustnessSubject } from './subject.ts'

/** Logits of two classes from an 8 × 8 picture: which half is lighter, by `weight` levels, plus a bias. */
function halves(
  path: string,
  { weight = 40, bias = 0, nan = false, output = 'logits', softmax = false } = {},
): RobustnessSubject & { readonly runs: () => number } {
  let runs = 0
  const session: Session = {
    engine: 'test',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 1, 8, 8] }],
    outputs: [{ name: output, dtype: 'float32', shape: ['n', 2] }],
    async run(feeds): Promise<Record<string, TensorValue>> {
      runs++
      const data = feeds.x!.data as Float32Array
      let left = 0
      for (let i = 0; i < 64; i++) left += (i % 8 < 4 ? 1 : -1) * data[i]!
      const z = nan ? Number.NaN : (weight * left) / 32 + bias
      const p = 1 / (1 + Math.exp(-2 * z))
      return { [output]: { dtype: 'float32', dims: [1, 2], data: Float32Array.from(softmax ? [p, 1 - p] : [z, -z]) } }
    },
    fetchGroups: async (_feeds, names) => [names],
    close: async () => {},
  }
  return { path, digest: `sha256:${path}`, session, head: () => NO_HEAD, runs: () => runs }
}

/** Rows lighter on the left (class 0) or on the right by a tenth, with a sure label. */
function rowsOf(n: number, { labels = true, flip = 0 } = {}): Promise<Dataset> {
  const x = Float32Array.from({ length: n * 64 }, (_, i) => {
    const row = Math.floor(i / 64)
    const light = i % 8 < 4 === (row % 2 === 0)
    return Math.round(255 * (0.35 + (light ? 0.1 + (row % 7) / 50 : 0) + ((i * 7919 + row) % 13) / 260)) / 255
  })
  const truth = BigInt64Array.from({ length: n }, (_, row) => BigInt(row < flip ? 1 - (row % 2) : row % 2))
  return memoryDataset(
    {
      x: { dtype: 'float32', dims: [n, 1, 8, 8], data: x },
      ...(labels ? { labels: { dtype: 'int64', dims: [n], data: truth } as const } : {}),
    },
    { inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 1, 8, 8] }], domains: { x: [0, 1] } },
  )
}

const some: RobustnessOptions = { corruptions: ['gaussian-noise', 'contrast', 'brightness'], severities: [1, 5] }

describe('corruption errors by hand', () => {
  const errors = (base: readonly number[], other: readonly number[]) => [
    Float64Array.from(base),
    Float64Array.from(other),
  ]
  test('divided by the first model, mean over corruptions, the clean error taken off', () => {
    const snow = errors([1, 1, 0, 0], [1, 1, 1, 0])
    const fog = errors([2, 0, 2, 0], [0, 0, 2, 0])
    expect(corruptionErrors(snow)).toEqual([1, 1.5])
    expect(corruptionErrors(fog)).toEqual([1, 0.5])
    expect(meanCorruptionError([snow, fog], 1, { alpha: 0.05, seed: 0 })).toEqual({ value: 1, ci: null })
    expect(meanCorruptionError([snow, fog], 0, { alpha: 0.05, seed: 0 })).toEqual({ value: 1, ci: null })
    // Two severities; clean errors 0 and 1/2 of a row: (2 − 0) and (3 − 1), (4 − 0) and (2 − 1).
    const clean = errors([0, 0, 0, 0], [0.5, 0, 0, 0])
    expect(relativeMeanCorruptionError([snow, fog], clean, 2, 1)).toBeCloseTo((2 / 2 + 1 / 4) / 2, 12)
  })
  test('nothing is relative to a model without errors', () => {
    const none = errors([0, 0], [1, 0])
    expect(corruptionErrors(none)).toEqual([null, null])
    expect(meanCorruptionError([none], 1, { alpha: 0.05, seed: 0 })).toBeNull()
  })
  test('a model that gives no answer to a row makes no fewer errors by that', () => {
    const snow = errors([3, 1, 2], [Number.NaN, 1, 2])
    expect(corruptionErrors(snow)).toEqual([1, 1])
    expect(meanCorruptionError([snow], 1, { alpha: 0.05, seed: 0 })!.value).toBe(1)
    expect(relativeMeanCorruptionError([snow], errors([1, 0, 0], [1, 0, 0]), 1, 1)).toBe(1)
  })
})

describe('with labels', () => {
  test('a model against itself: no change, mean corruption error 1, no churn', async () => {
    const report = await measureRobustness([halves('a'), halves('b')], await rowsOf(60, { flip: 6 }), some)
    expect(report.models[0]).toMatchObject({ clean: 0.9, change: null, mce: { value: 1 }, churn: null })
    expect(report.models[1]).toMatchObject({
      clean: 0.9,
      change: { delta: 0 },
      mce: { value: 1, ci: [1, 1] },
      relativeMce: report.models[0]!.relativeMce,
      churn: { clean: 0, corrupted: 0 },
    })
    expect(report.corruptions.map(({ cells }) => cells.length)).toEqual([2, 2, 2])
    expect(report.corruptions[0]!.cells[1]!.changes).toEqual([
      null,
      { delta: 0, ci: expect.anything(), verdict: 'inconclusive' },
    ])
    expect(report.calibration![1]).toMatchObject({ n: 60, changes: { nll: { delta: 0, ci: [0, 0] } } })
    expect(report.calibration![0]!.bins.reduce((sum, { n }) => sum + n, 0)).toBe(60)
    expect(report.missing).toEqual({ outOfDistribution: 'no rows from elsewhere were given (--ood)' })
  })
  test('a model that leans to one class under noise is worse, in the cells, in the mean and in words', async () => {
    const report = await measureRobustness(
      [halves('good'), halves('lean', { weight: 40, bias: 3 })],
      await rowsOf(120),
      some,
    )
    expect(report.models[1]!.corrupted).toBeLessThan(report.models[0]!.corrupted!)
    expect(report.models[1]!.change!.verdict).toBe('regressed')
    expect(report.models[1]!.change!.ci[1]).toBeLessThan(0)
    expect(report.sentence).toMatch(
      /^lean stands corruptions worse than good: top1 goes from [\d.]+ on clean rows to [\d.]+ on average under 3 corruptions at 2 severities, with good from [\d.]+ on clean rows to [\d.]+ \(120 rows\)/,
    )
    const contrast = report.corruptions[1]!
    expect(contrast.cells[1]!.changes[1]!.delta).toBeLessThan(-0.2)
    expect(report.models[1]!.churn!.corrupted).toBeGreaterThan(0)
  })
  test('the same seed gives the same report, another seed another', async () => {
    const data = await rowsOf(40)
    const run = (seed: number) => measureRobustness([halves('a'), halves('b', { bias: 1 })], data, { ...some, seed })
    expect(await run(3)).toEqual(await run(3))
    expect(JSON.stringify((await run(4)).corruptions)).not.toBe(JSON.stringify((await run(3)).corruptions))
  })
  test('all fifteen without being asked, and 75 versions of a row count as one', async () => {
    const report = await measureRobustness([halves('a'), halves('b')], await rowsOf(24), {})
    expect(report.corruptions).toHaveLength(15)
    expect(report.severities).toEqual([1, 2, 3, 4, 5])
    // 24 rows that never differ prove nothing within a point, however often each was corrupted.
    expect(report.models[1]!.change!.verdict).toBe('inconclusive')
  })
  test('a metric of errors is divided as it is; one without a right has no corruption error', async () => {
    const data = await rowsOf(24)
    const nll = await measureRobustness([halves('a'), halves('b', { weight: 20 })], data, { ...some, metric: 'nll' })
    expect(nll).toMatchObject({ metric: 'nll', higherIsBetter: false })
    expect(nll.models[1]!.mce!.value).toBeGreaterThan(0)
    const own = {
      name: 'margin',
      higherIsBetter: true,
      score: ({ outputs }: { outputs: Record<string, TensorValue> }) => Number(outputs.logits!.data[0]),
    }
    const report = await measureRobustness([halves('a'), halves('b')], data, { ...some, metric: own })
    expect(report.models[1]!.mce).toBeNull()
    expect(report.missing.mce).toMatch(/margin is no rate and no error/)
  })
  test('an aggregate over all rows has cells and no interval of the mean', async () => {
    const report = await measureRobustness([halves('a'), halves('b', { bias: 2 })], await rowsOf(40, { flip: 4 }), {
      ...some,
      corruptions: ['contrast'],
      metric: 'auroc',
    })
    expect(report.models[1]).toMatchObject({ clean: expect.closeTo(report.models[0]!.clean!, 6), change: null })
    expect(report.corruptions[0]!.cells[0]!.values[0]).toBeGreaterThan(0.5)
  })
})

test('a detector, by a name with settings', async () => {
  const pictures = await rowsOf(4, { labels: false })
  const data = await memoryDataset(
    {
      ...(await columnsOf(pictures)),
      labels: {
        dtype: 'float32',
        dims: [4, 1, 5],
        data: Float32Array.from({ length: 20 }, (_, i) => [0, 0, 0, 4, 4][i % 5]!),
      },
    },
    { inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 1, 8, 8] }], domains: { x: [0, 1] } },
  )
  const { session } = halves('d')
  // Finds the box while the picture has contrast.
  const run: Session['run'] = async ({ x }) => {
    const pixels = x!.data as Float32Array
    const score = Math.max(...pixels) - Math.min(...pixels) > 0.05 ? 0.9 : 0.1
    return {
      found: { dtype: 'float32', dims: [2, 6], data: Float32Array.from([0, 0, 4, 4, score, 0, 5, 5, 7, 7, 0.2, 0]) },
    }
  }
  const outputs = [{ name: 'found', dtype: 'float32', shape: [null, 6] }] as const
  const subject = { path: 'd', digest: 'sha256:d', session: { ...session, outputs, run }, head: () => NO_HEAD }
  const report = await measureRobustness([subject], data, {
    ...some,
    corruptions: ['contrast'],
    metric: 'detection:boxes,score=0.5',
  })
  expect(report).toMatchObject({ metric: 'map', models: [{ clean: 1, mce: { value: 1 } }], brittleness: null })
  expect(report.corruptions[0]!.cells.map(({ values }) => values[0])).toEqual([1, 0])
  expect(report.missing.brittleness).toMatch(/answers with a class/)
})

/** The columns of a small set, whole. */
async function columnsOf(data: Dataset) {
  for await (const rows of data.read({ batch: data.rows })) return rows.columns
  throw new Error('no rows')
}

describe('the smallest changes', () => {
  test('a model on the edge gives way, a sure one does not', async () => {
    const data = await rowsOf(40)
    const edge = halves('edge', { weight: 1e6 })
    // Its sign is that of a sum which one level cannot change, but its bias is: a model that looks at brightness.
    const bright: RobustnessSubject = {
      ...edge,
      path: 'bright',
      digest: 'sha256:bright',
      session: {
        ...edge.session,
        run: async ({ x }) => {
          const mean = (x!.data as Float32Array).reduce((sum, value) => sum + value, 0) / 64
          const level = Math.round(mean * 255 * 64) / 64
          return { logits: { dtype: 'float32', dims: [1, 2], data: Float32Array.from([Math.sin(level * Math.PI), 0]) } }
        },
      },
    }
    const report = await measureRobustness([edge, bright], data, {
      ...some,
      corruptions: ['contrast'],
      severities: [1],
    })
    const up = report.brittleness!.find(({ name }) => name === 'one level up')!
    expect(up.changed[0]).toBe(0)
    expect(up.changed[1]).toBeGreaterThan(0.9)
    expect(up.changes[1]!.ci[1]).toBeLessThan(0)
    expect(report.brittleness).toHaveLength(6)
  })
})

describe('rows from elsewhere', () => {
  test('four detectors by name, energy only from logits, the difference paired', async () => {
    const data = await rowsOf(60)
    const gray = await memoryDataset(
      {
        x: {
          dtype: 'float32',
          dims: [30, 1, 8, 8],
          data: Float32Array.from({ length: 30 * 64 }, (_, i) => 0.5 + ((i * 31) % 7) / 700),
        },
      },
      { inputs: data.fields.map(({ name, dtype }) => ({ name, dtype, shape: ['n', 1, 8, 8] })).slice(0, 1) },
    )
    const report = await measureRobustness([halves('a'), halves('p', { softmax: true })], data, {
      ...some,
      corruptions: ['contrast'],
      severities: [1],
      outside: gray,
    })
    const found = report.outOfDistribution!
    expect(found).toMatchObject({ inRows: 30, fitRows: 30, outRows: 30 })
    expect(found.detectors.map(({ name }) => name)).toEqual(['msp', 'energy', 'mahalanobis', 'knn'])
    // Gray pictures leave the model undecided: told at once.
    expect(found.detectors[0]!.models[0]).toEqual({ auroc: 1, auprOut: 1, fpr95OodPositive: 0, fpr95IdPositive: 0 })
    expect(found.detectors[0]!.changes[1]).toMatchObject({ delta: 0, p: 1 })
    expect(found.detectors[1]!.models.map((score) => score === null)).toEqual([false, true])
  })
})

describe('without labels', () => {
  test('right is the own answer to the untouched row; calibration says why it is missing', async () => {
    const report = await measureRobustness(
      [halves('a'), halves('b', { bias: 3 })],
      await rowsOf(40, { labels: false }),
      some,
    )
    expect(report).toMatchObject({ metric: 'same-answer', labelled: false, calibration: null })
    expect(report.models.map(({ clean }) => clean)).toEqual([1, 1])
    expect(report.models[1]!.corrupted).toBeLessThan(1)
    expect(report.missing.calibration).toBe('calibration needs labels')
  })
  test('outputs without a class and no labels leave nothing to ask', async () => {
    const data = await rowsOf(8, { labels: false })
    await expect(measureRobustness([halves('a', { output: 'embedding' })], data, some)).rejects.toThrow(
      /no output answers with a class/,
    )
  })
})

describe('bad input', () => {
  test('NaN scores are wrong answers, and have no probabilities', async () => {
    const report = await measureRobustness([halves('a'), halves('n', { nan: true })], await rowsOf(30), some)
    expect(report.models[1]!.clean).toBe(0)
    expect(report.calibration).toBeNull()
    expect(report.missing.calibration).toMatch(/no row has finite class scores/)
  })
  test('a model that gives no number under a corruption has regressed, and is named', async () => {
    const level = {
      name: 'level',
      higherIsBetter: true,
      bounds: [0, 1] as const,
      score: ({ outputs }: MetricRow) => 0.5 + 0 * Number(outputs.logits!.data[0]),
    }
    const { session, ...other } = halves('overflows')
    const overflows: RobustnessSubject = {
      ...other,
      session: {
        ...session,
        async run(feeds) {
          const pixels = feeds.x!.data as Float32Array
          // Bright pictures whose left is the lighter half: every other row.
          const light = pixels[0]! > pixels[63]! && pixels[63]! > 0.6
          const { logits } = await session.run(feeds)
          return { logits: light ? { ...logits!, data: Float32Array.of(Number.NaN, Number.NaN) } : logits! }
        },
      },
    }
    const report = await measureRobustness([halves('a'), overflows], await rowsOf(30), {
      ...some,
      corruptions: ['brightness'],
      metric: level,
    })
    expect(report.models[1]!.change).toMatchObject({ delta: expect.closeTo(0, 9), verdict: 'regressed' })
    expect(report.warnings).toEqual([
      expect.stringMatching(/^overflows gives no number on 15 of 30 rows under some corruption, where a does/),
    ])
  })
  test('one row, one class, constant scores', async () => {
    const one = await measureRobustness([halves('a'), halves('b')], await rowsOf(1), some)
    expect(one).toMatchObject({ n: 1, models: [{ clean: 1 }, { change: { verdict: 'inconclusive' } }] })
    const constant = await measureRobustness([halves('c', { weight: 0 })], await rowsOf(20), {
      ...some,
      outside: await rowsOf(20, { labels: false }),
    })
    expect(constant.models[0]!.clean).toBe(0.5)
    expect(constant.outOfDistribution!.detectors[0]!.models[0]!.auroc).toBe(0.5)
    // Every stranger must be flagged to flag 95 % of them, and with them all ordinary rows.
    expect(constant.outOfDistribution!.detectors[0]!.models[0]!.fpr95OodPositive).toBe(1)
  })
  test('unknown corruptions, severities and labels are named', async () => {
    const data = await rowsOf(4)
    const run = (options: RobustnessOptions) => measureRobustness([halves('a')], data, options)
    await expect(run({ corruptions: ['fogg'] })).rejects.toThrow(/no corruption "fogg" for images/)
    await expect(run({ severities: [6] })).rejects.toThrow(/6 is no severity/)
    await expect(run({ severities: [Number.NaN] })).rejects.toThrow(/no severity/)
    await expect(run({ label: 'truth' })).rejects.toThrow(/no field "truth"/)
  })
})

describe('long runs', () => {
  const shelf = () => {
    const kept = new Map<string, RowScores>()
    const keep: RobustnessOptions['keep'] = async (key, make) => {
      const name = JSON.stringify(key)
      const found = kept.get(name)
      if (found) return found
      const made = await make()
      kept.set(name, JSON.parse(JSON.stringify(made)))
      return made
    }
    return { kept, keep }
  }
  test('what is finished is not run again, and progress counts it at once', async () => {
    const data = await rowsOf(10)
    const { kept, keep } = shelf()
    const stop = new AbortController()
    const first = [halves('a'), halves('b')]
    const stopped = measureRobustness(first, data, {
      ...some,
      keep,
      signal: stop.signal,
      onProgress: ({ part }) => (part === 'contrast, severity 1' ? stop.abort() : undefined),
    })
    await expect(stopped).rejects.toThrow(/abort/i)
    // Clean rows and both severities of the noise.
    expect(kept.size).toBe(3)
    const again = [halves('a'), halves('b')]
    const shares: number[] = []
    const resumed = await measureRobustness(again, data, {
      ...some,
      keep,
      onProgress: ({ done, total }) => shares.push(done / total),
    })
    expect(resumed).toEqual(await measureRobustness([halves('a'), halves('b')], data, some))
    // 1 + 6 cells + 6 nudges of 10 rows less the 3 kept, one probe and 10 rows of class scores.
    expect(again[0]!.runs()).toBe(10 * (13 - 3) + 1 + 10)
    expect(shares[0]).toBeCloseTo(1 / 13, 12)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.at(-1)).toBe(1)
  })
  test('another model, seed or metric is other evidence', async () => {
    const data = await rowsOf(6)
    const { kept, keep } = shelf()
    const options = { ...some, corruptions: ['snow'], severities: [1], keep }
    await measureRobustness([halves('a')], data, options)
    const before = kept.size
    await measureRobustness([halves('z')], data, options)
    expect(kept.size).toBe(2 * before)
    await measureRobustness([halves('a')], data, { ...options, seed: 1 })
    expect(kept.size).toBe(2 * before + 1)
    await measureRobustness([halves('a')], data, { ...options, metric: 'nll' })
    expect(kept.size).toBe(3 * before + 1)
  })
})

describe('what stands behind an output', () => {
  const model = (body: string) =>
    parseModel(
      `<ir_version: 8, opset_import: ["" : 17]> g (float[N,4] x, float[4,3] w, float[3] b) => (float[N,3] y) { ${body} }`,
    )
  test('logits before the Softmax, features before the last product', () => {
    const graph = model('h = Relu (x) z = MatMul (h, w) s = Add (z, b) y = Softmax (s)')
    expect(headOf(graph, 'y')).toEqual({ logits: 's', features: 'h' })
    expect(headOf(model('h = Relu (x) y = Gemm (h, w, b)'), 'y')).toEqual({ logits: null, features: 'h' })
  })
  test('an unknown way ends the search', () => {
    expect(headOf(model('h = MatMul (x, w) y = Erf (h)'), 'y')).toEqual({ logits: null, features: null })
    expect(headOf(model('h = MatMul (x, w) y = Erf (h)'), 'x')).toEqual({ logits: null, features: null })
  })
})
