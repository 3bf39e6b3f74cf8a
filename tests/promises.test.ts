import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Dataset, memoryDataset } from '../src/data/index.ts'
import { optimize } from '../src/index.ts'
import { type Model, nodeLabel, parseModel } from '../src/ir/index.ts'
import { encodeModel } from '../src/onnx/index.ts'
import { applyRecipe, type EvidenceCache } from '../src/recipe/index.ts'
import type { ComparisonReport, LatencyReport, Report } from '../src/report/index.ts'
import { chooseByProof } from '../src/search/choose.ts'
import { finalists } from '../src/search/finalists.ts'
import { CLASSIFIER, weights } from './command.ts'
import { modelWith } from './quantize-kit.ts'

/** Evidence from a script: what a measure would have said of each candidate; everything else is measured. */
interface Script {
  /** Interval of the time ratio by candidate. */
  readonly ratio: (id: string) => readonly [number, number]
  readonly comparison?: (id: string, rows: number) => Partial<ComparisonReport>
}

interface Asked {
  readonly measure: string
  /** Of comparisons. */
  readonly indices?: readonly number[]
  /** Of calibrations. */
  readonly rows?: readonly number[]
  readonly ids?: readonly string[]
  readonly purpose?: string
}

/** Remembers what was asked and answers timings (and comparisons, where told) from the script. */
function scripted({ ratio, comparison }: Script, asked: Asked[] = []): EvidenceCache {
  const ids = new Map<unknown, string>()
  const kept = new Map<string, Report>()
  return {
    find: async (key) => kept.get(JSON.stringify(key)),
    async get(key, make) {
      asked.push(key as unknown as Asked)
      if (key.measure === 'latency') {
        const names = key.ids as readonly string[]
        for (const [i, digest] of (key.models as readonly string[]).entries()) ids.set(digest, names[i]!)
        return timings(names, ratio) as never
      }
      if (key.measure === 'comparison' && comparison) {
        // Other calibrations of a placement take its time, so they are judged without having been timed.
        const id = ids.get((key.models as readonly string[])[1]) ?? 'int8-untimed'
        const made = comparison(id, (key.indices as unknown[]).length)
        return { ...PASS, ...made, n: (key.indices as unknown[]).length } as never
      }
      const name = JSON.stringify(key)
      if (!kept.has(name)) kept.set(name, await make())
      return kept.get(name) as never
    },
  }
}

const PASS: ComparisonReport = {
  kind: 'comparison',
  version: 1,
  verdict: 'pass',
  grade: 'proven',
  sentence: '',
  metric: 'top1',
  higherIsBetter: true,
  labelled: true,
  n: 0,
  alpha: 0.05,
  base: { value: 0.9 },
  candidate: { value: 0.9 },
  discordant: { baseOnly: 0, candidateOnly: 0 },
  nonInferiority: null,
  mcnemar: null,
  requiredN: null,
  agreement: { rate: 1, changed: 0, changedUpperBound: 0 },
  measurablyWorse: false,
  outputs: [],
  slices: [],
  warnings: [],
}

/** The machine is slower the more models there are to time, so that no two timings are of one pace. */
function timings(ids: readonly string[], ratio: Script['ratio']): LatencyReport {
  const middle = (id: string) => (id === 'original' ? 1 : Math.sqrt(ratio(id)[0] * ratio(id)[1]))
  const ms = (id: string) => ids.length * middle(id)
  return {
    kind: 'latency',
    version: 1,
    scenario: 'single-stream',
    threads: 1,
    batch: 1,
    cpu: 'scripted',
    runtime: 'scripted',
    models: ids.map((id) => ({
      path: id,
      p50Ms: ms(id),
      p90Ms: ms(id),
      p99Ms: 2 * ms(id),
      throughput: 1,
      loadMs: 1,
      peakRssBytes: 1e6,
      runs: 100,
    })),
    ratios: ids
      .slice(1)
      .map((id) => ({ base: 'original', other: id, median: middle(id), ci: [...ratio(id)] as [number, number] })),
    warnings: [],
  }
}

let model: Model
let data: Dataset
beforeAll(async () => {
  model = parseModel(`<ir_version: 10, opset_import: ["" : 20]> ${CLASSIFIER}`)
  const rows = 40
  data = await memoryDataset(
    {
      x: {
        dtype: 'float32',
        dims: [rows, 16],
        data: Float32Array.from({ length: rows * 16 }, (_, i) => Math.sin(i * 1.7)),
      },
      labels: { dtype: 'int64', dims: [rows], data: BigInt64Array.from({ length: rows }, (_, i) => BigInt(i % 2)) },
    },
    { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 16] }] },
  )
})

const run = (script: Script, more: Parameters<typeof optimize>[2] = {}, asked?: Asked[]) =>
  optimize(model, data, { cache: scripted(script, asked), ...more })

describe('never slower', () => {
  test('where everything is slower, the original comes back, byte for byte, and says why', async () => {
    const { model: out, report } = await run({ ratio: () => [1.1, 1.2], comparison: () => ({}) })
    expect(report.chosen.id).toBe('original')
    expect(report.chosen.reason).not.toBe('')
    expect(encodeModel(out)).toEqual(encodeModel(model))
    for (const { id, note } of report.candidates) if (id !== 'original') expect(note).toMatch(/not .*(fast|better)/)
  })

  test('what is handed out is timed again by itself, and nothing else is measured twice', async () => {
    const asked: Asked[] = []
    const { report } = await run({ ratio: () => [0.5, 0.6], comparison: () => ({}) }, {}, asked)
    const alone = asked.filter((key) => key.measure === 'latency' && key.purpose === 'confirm')
    expect(alone.map(({ ids }) => ids)).toEqual([['original', report.chosen.id]])
    const keys = asked.map((key) => JSON.stringify(key))
    expect(keys.filter((key, i) => keys.indexOf(key) !== i)).toEqual([])
  })

  test('a candidate is told to be faster with fewer milliseconds, however slow the machine was when it was timed', async () => {
    const { report } = await run({
      ratio: (id) => (id === 'lossless' ? [0.5, 0.6] : [0.8, 0.9]),
      comparison: () => ({}),
    })
    const timed = report.candidates.filter(({ id, ratio }) => ratio && id !== report.chosen.id)
    expect(timed.length).toBeGreaterThan(0)
    for (const { p50Ms, p99Ms, speedup } of report.candidates)
      if (speedup) {
        expect(p50Ms! * speedup).toBeCloseTo(report.baseline.p50Ms, 9)
        expect(p99Ms).toBeCloseTo(2 * p50Ms!, 9)
      }
  })

  test('where only the lossless one is not slower, it is handed out', async () => {
    const { report } = await run({
      ratio: (id) => (id === 'lossless' ? [0.99, 1.01] : [1.1, 1.2]),
      comparison: () => ({}),
    })
    expect([report.chosen.id, report.proof?.verdict]).toEqual(['lossless', 'pass'])
  })

  test('the fastest that passes is handed out; one that regressed never, however fast', async () => {
    const fast = (id: string): [number, number] =>
      id === 'lossless' ? [0.9, 0.95] : id.startsWith('int8') ? [0.3, 0.4] : [1.1, 1.2]
    const good = await run({ ratio: fast, comparison: () => ({}) })
    expect(good.report.chosen.id).toMatch(/^int8/)
    expect(good.report.sentence).toMatch(/2\.9× faster/)
    const bad = await run({
      ratio: fast,
      comparison: (id) =>
        id.startsWith('int8') ? { verdict: 'regressed', grade: null, candidate: { value: 0.1 } } : {},
    })
    expect(bad.report.chosen.id).toBe('lossless')
  })

  test('a limit holds for whatever is handed out', async () => {
    const script: Script = { ratio: () => [0.5, 0.6], comparison: () => ({}) }
    const { report } = await run(script, { maxBytes: 10 })
    expect(report.chosen.id).toBe('original')
    const { report: slow } = await run(script, { maxP99Ms: 0.001 })
    expect(slow.chosen.id).toBe('original')
  })

  test('for the goal of size, what is handed out is smaller than the original', async () => {
    const { report } = await run({ ratio: () => [1, 1.01], comparison: () => ({}) }, { goal: 'size' })
    const chosen = report.candidates.find(({ id }) => id === report.chosen.id)!
    expect(chosen.bytes!).toBeLessThan(report.baseline.bytes)
  })
})

describe('no verdict without evidence, and rows are spent once', () => {
  test('calibration, selection and proof see rows of their own, and only finalists are proven', async () => {
    const asked: Asked[] = []
    // Only what is faster than the lossless model, which changes no answer, is judged on selection rows.
    const faster: Script['ratio'] = (id) => (id === 'lossless' ? [0.9, 0.95] : [0.5, 0.6])
    const { report } = await run({ ratio: faster, comparison: () => ({}) }, {}, asked)
    const calibrated = new Set(
      asked.filter(({ measure }) => measure === 'calibration').flatMap(({ rows }) => rows ?? []),
    )
    const judged = [
      ...new Set(asked.filter((key) => key.measure === 'comparison').map((key) => JSON.stringify(key.indices))),
    ].map((text) => JSON.parse(text) as number[])
    expect(judged).toHaveLength(2)
    const [select, prove] = judged as [number[], number[]]
    expect([calibrated.size, select.length, prove.length]).toEqual([8, 12, 20])
    expect(report.rows).toEqual({ calibrate: 8, select: 12, prove: 20 })
    expect(new Set([...calibrated, ...select, ...prove]).size).toBe(40)
    const proofs = asked.filter((key) => key.measure === 'comparison' && key.indices?.length === 20)
    expect(proofs.length).toBeLessThanOrEqual(5)
  })

  test('few rows that were lucky for one candidate do not leave it alone: the next best is there when it fails', async () => {
    const lucky = 'int8-products-minmax'
    const settled = { verdict: 'inconclusive', margin: 0.3, nonInferiority: {} } as unknown as Partial<ComparisonReport>
    const script: Script = {
      // Nothing to fall back on but other integers.
      ratio: (id) => (id === 'lossless' ? [1.1, 1.2] : id === lucky ? [0.3, 0.35] : [0.5, 0.6]),
      comparison: (id, rows) => {
        if (id !== lucky)
          return rows < 20 ? settled : { nonInferiority: { margin: 0.3, z: 3, p: 0.001, ci: [0, 0], lowerBound: 0 } }
        return rows < 20
          ? { ...settled, candidate: { value: 0.8 }, discordant: { baseOnly: 2, candidateOnly: 0 } }
          : { verdict: 'regressed', grade: null }
      },
    }
    const wide = modelWith('g (float[N,16] x) => (float y) { h = MatMul(x, u) r = Relu(h) y = MatMul(r, w) }', {
      u: [16, 256],
      w: [256, 2],
    })
    const { report } = await optimize(wide, data, { cache: scripted(script) })
    const find = (id: string) => report.candidates.find((one) => one.id === id)!
    expect([find(lucky).verdict, report.proof?.verdict]).toEqual(['regressed', 'pass'])
    expect(report.chosen.reason).toContain(`${lucky}, which gains more, was found to be worse`)
    expect(find(lucky).note).toMatch(/^found to be worse on the \d+ proof rows: top1 /)
  })

  test('on rows that prove nothing, close is said to be close, and is refused on demand', async () => {
    const close: Script = {
      ratio: (id) => (id === 'lossless' ? [0.9, 0.95] : [0.5, 0.6]),
      comparison: () => ({ verdict: 'inconclusive', grade: 'close', requiredN: 268 }),
    }
    const { report } = await run(close)
    expect(report.sentence).toMatch(/close to the original but not proven .*; about 268 rows /)
    expect((await run(close, { provenOnly: true })).report.chosen.id).toBe('original')
    const neither: Script = { ...close, comparison: () => ({ verdict: 'inconclusive', grade: null, requiredN: 9000 }) }
    expect((await run(neither)).report.chosen.id).toBe('original')
  }, 240_000)
})

test('nothing is skipped quietly, and every recipe replays to the same bytes', async () => {
  const wide = parseModel(`<ir_version: 10, opset_import: ["" : 20]> g (float[N,64] x) => (float[N,3] y)
    <float[64,96] v = ${weights(64 * 96)}, float[96] b = ${weights(96, 3)}, float[96,64] w = ${weights(96 * 64, 5)},
     float[64,3] u = ${weights(64 * 3, 7)}>
    { a = MatMul(x, v)
      c = Add(a, b)
      d = Relu(c)
      e = MatMul(d, w)
      f = Identity(e)
      y = MatMul(f, u) }`)
  const values = Float32Array.from({ length: 20 * 64 }, (_, i) => Math.sin(i * 1.7))
  const rows = await memoryDataset(
    { x: { dtype: 'float32', dims: [20, 64], data: values } },
    { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 64] }] },
  )
  const script: Script = { ratio: () => [0.5, 0.6], comparison: () => ({}) }
  const { report, candidates } = await optimize(wide, rows, { cache: scripted(script), goal: 'size' })
  const schemes = new Set(
    report.candidates.map(({ id }) => id.replace(/-(products|everywhere)?-?(minmax|percentile|mse|entropy)$/, '')),
  )
  expect([...schemes]).toEqual(
    expect.arrayContaining(['lossless', 'int8', 'dynamic-int8', 'weight-int8', 'weight-int4', 'float16']),
  )
  for (const { id, model: made, recipe } of candidates) {
    const replayed = await applyRecipe(JSON.parse(JSON.stringify(recipe)), wide)
    expect([id, Buffer.compare(encodeModel(replayed.model), encodeModel(made))]).toEqual([id, 0])
    if (id === 'lossless') continue
    // A product that still reads its float weights says why.
    const said = new Set(
      (report.candidates.find((candidate) => candidate.id === id)!.float ?? []).map(({ node }) => node),
    )
    const isFloat = (name: string) => made.graph.initializers.get(name)?.dtype === 'float32'
    for (const node of made.graph.nodes)
      if ((node.opType === 'MatMul' || node.opType === 'Gemm') && isFloat(node.inputs[1]!))
        expect([id, [...said]]).toEqual([id, expect.arrayContaining([nodeLabel(node)])])
  }
})

test('the same evidence gives the same choice and the same bytes', async () => {
  const script: Script = { ratio: (id) => (id === 'lossless' ? [0.9, 0.95] : [0.3, 0.4]), comparison: () => ({}) }
  const [first, second] = [await run(script), await run(script)]
  expect(second.report.chosen).toEqual(first.report.chosen)
  expect(encodeModel(second.model)).toEqual(encodeModel(first.model))
  expect(second.recipe).toEqual(first.recipe)
})

describe('choosing', () => {
  const verdicts = fc.constantFrom('pass', 'regressed', 'inconclusive')
  const contender = fc.record({
    figure: fc.double({ min: 0.1, max: 2, noNaN: true }),
    bytes: fc.integer({ min: 1, max: 100 }),
    odds: fc
      .tuple(...[0, 1, 2].map(() => fc.double({ min: 0, max: 1, noNaN: true })))
      .map(([pass, share, close]) => ({ pass: pass!, passAtHalf: pass! * share!, close: close! })),
    verdict: verdicts,
    atHalf: fc.boolean(),
    grade: fc.constantFrom('proven', 'close', null),
  })

  test('what is chosen passed, or is close where nothing passed; never regressed; proofs stop at the first failure', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(contender, { maxLength: 8 }), fc.boolean(), async (contenders, provenOnly) => {
        const named = contenders.map((item, i) => ({ ...item, id: `c${i}` }))
        const chosen = finalists(named, 4, 1)
        const chain = chosen.sequence
        // Better in the goal than the one before, or as good within a tie and smaller.
        for (const list of [chain, chosen.standby])
          for (const [i, item] of list.entries())
            if (i > 0 && item.bytes >= 0.9 * list[i - 1]!.bytes)
              expect(item.figure).toBeLessThanOrEqual(list[i - 1]!.figure)
        const proven: string[] = []
        const proofOf = (id: string) => {
          const { verdict, grade, atHalf } = named.find((item) => item.id === id)!
          return {
            ...PASS,
            verdict,
            nonInferiority: { margin: 0.01, z: 2, p: atHalf ? 0.01 : 0.04, ci: [0, 0], lowerBound: 0 },
            grade: verdict === 'pass' ? 'proven' : verdict === 'regressed' ? null : grade === 'proven' ? null : grade,
          } as ComparisonReport
        }
        const choice = await chooseByProof(
          chosen,
          async (id) => {
            proven.push(id)
            return proofOf(id)
          },
          { provenOnly },
        )
        expect(choice.reason).not.toBe('')
        const passes = chain.map(({ id }) => proofOf(id).verdict === 'pass')
        const alone = passes.slice(0, chosen.shared ? -2 : undefined)
        const streak = alone.includes(false) ? alone.indexOf(false) : alone.length
        const pairReached = chosen.shared && streak === alone.length
        const passing = chain.slice(-2).flatMap(({ id }) => {
          const { verdict, nonInferiority } = proofOf(id)
          return verdict === 'pass' ? nonInferiority!.p : []
        })
        const pairPasses = pairReached && (passing.length > 1 || passing.some((p) => p <= PASS.alpha / 2))
        const last = pairPasses ? passes.lastIndexOf(true) : streak - 1
        if (last >= 0) {
          expect(choice.id).toBe(chain[last]!.id)
          // A later one, though it might pass, was not even looked at; of two that share α both were.
          expect(proven).toHaveLength(pairReached ? chain.length : Math.min(chain.length, streak + 1))
        } else if (choice.id !== 'original') {
          expect(provenOnly).toBe(false)
          // What passed out of its turn is no more than that.
          expect(choice.proof).toMatchObject({ verdict: 'inconclusive', grade: 'close' })
          expect(proofOf(choice.id).verdict).not.toBe('regressed')
        }
        expect(new Set(proven).size).toBe(proven.length)
      }),
    )
  })

  test('where what is faster did not stay close, nobody says that nothing was faster', async () => {
    const reason = async (unsafe: string | undefined) =>
      (
        await chooseByProof({ sequence: [], shared: false, standby: [], reserve: [] }, () => Promise.reject(), {
          provenOnly: false,
          unsafe,
        })
      ).reason
    expect(await reason(undefined)).toMatch(/^No candidate was measured to be better without/)
    expect(await reason('int8-minmax')).toMatch(/^int8-minmax gains, but on the selection rows/)
  })

  test('a lossless model that gains nothing stands in no other’s way, where no label could prove more', async () => {
    const chain = ['lossless', 'int8'].map((id, i) => ({
      id,
      figure: 1 - i / 2,
      bytes: 100,
      odds: { pass: 0.5, passAtHalf: 0.4, close: 0.9 },
      interval: undefined,
    }))
    const chosen = (labelled: boolean, idle: string | undefined, provenOnly = false) =>
      chooseByProof(
        { sequence: chain, shared: false, standby: [], reserve: [] },
        async (id) =>
          ({
            ...PASS,
            labelled,
            ...(id === 'int8' ? { verdict: 'inconclusive', grade: 'close' } : {}),
          }) as ComparisonReport,
        { provenOnly, idle },
      )
    const nearest = await chosen(false, 'lossless')
    expect(nearest.reason).toMatch(/prove lossless alone, which is neither faster nor smaller/)
    expect(nearest.ranked.map(({ id }) => id)).toEqual(['int8', 'lossless'])
    expect((await chosen(true, 'lossless')).id).toBe('lossless')
    expect((await chosen(false, 'lossless', true)).ranked.map(({ id }) => id)).toEqual(['lossless'])
    // Where it gains, it is what is proven; should that not be confirmed, what stays close has its turn.
    expect((await chosen(false, undefined)).ranked.map(({ id }) => id)).toEqual(['lossless', 'int8'])
  })
})
