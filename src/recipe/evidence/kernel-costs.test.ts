import { afterEach, describe, expect, test, vi } from 'vitest'
import { modelWith, randomValue, rangesOf } from '../../../tests/quantize-kit.ts'
import { type Feeds, machine, ortNode } from '../../engine/index.ts'
import type { Model } from '../../ir/index.ts'
import { costProbes, slopesAsRun, unitCosts, unitSignatures } from '../../passes/index.ts'
import { type CalibrationReport, canonicalJson, type ProfileReport, type Report } from '../../report/index.ts'
import { type EvidenceCache, noCache } from './evidence-cache.ts'
import { kernelCosts, kernelWork } from './kernel-costs.ts'
import { unitMemory } from './unit-memory.ts'

test('a product is found among the kernels where the runtime fuses it with its bias, and with what follows', async () => {
  const model = modelWith(
    'g (float[1,32,64] x) => (float y) { m = MatMul(x, w) a = Add(m, b) r = Relu(a) n = MatMul(r, v) y = Add(n, c) }',
    { w: [64, 128], b: [128], v: [128, 64], c: [64] },
  )
  const feeds = { x: randomValue([1, 32, 64], 3) }
  const costs = await kernelCosts(model, await rangesOf(model, feeds), feeds, {})
  const products = costs!.nodes.filter(({ name }) => name === 'm' || name === 'n')
  expect(products.map(({ name }) => name)).toEqual(['m', 'n'])
  for (const { floatMs, integerMs } of products) {
    expect(floatMs).toBeGreaterThan(0)
    expect(integerMs).toBeGreaterThan(0)
  }
}, 60_000)

test('slopes take in float the kernels that are handed out, and in integers all of their own', async () => {
  const model = modelWith(
    'g (float[1,32,40,40] x) => (float y) { a = Conv(x, w) p = PRelu(a, s) b = Conv(p, w) q = PRelu(b, s) y = Conv(q, w) }',
    { w: [32, 32, 1, 1], s: [32, 1, 1] },
  )
  const feeds = { x: randomValue([1, 32, 40, 40], 3) }
  const ranges = await rangesOf(model, feeds)
  const probes = costProbes(model, ranges)!
  const counted = async (probe: Model) => {
    const profile = await ortNode.profile(probe, feeds, 1)
    return { ...profile, nodes: profile.nodes.map((node) => ({ ...node, ms: 1 })) }
  }
  const inFloat = await counted(await slopesAsRun(probes.float))
  const costs = unitCosts(probes, ranges, inFloat, await counted(probes.integer))
  expect(inFloat.nodes.map(({ operator }) => operator)).not.toContain('PRelu')
  const slopes = costs.filter(({ name }) => name === 'p' || name === 'q')
  expect(slopes).toEqual(['p', 'q'].map((name) => ({ name, floatMs: 2, integerMs: 2 })))
}, 60_000)

test('a node without a name, whose value is called as another node is, stops nobody', async () => {
  const model = modelWith(
    'g (float[1,32,64] x) => (float y) { [sum] m = MatMul(x, w) sum = Reshape(m, flat) y = MatMul(sum, v) flat = Constant<value_ints = [32, 128]>() }',
    { w: [64, 128], v: [128, 64] },
  )
  const feeds = { x: randomValue([1, 32, 64], 3) }
  const costs = await kernelCosts(model, await rangesOf(model, feeds), feeds, {})
  const { floatMs, integerMs } = costs!.nodes.find(({ name }) => name === 'y')!
  expect(Math.min(floatMs, integerMs)).toBeGreaterThan(0)
}, 60_000)

test('borders have their price in a model that changes layouts more often in float than in integers', async () => {
  const head = (k: number) => `h${k} = Conv(a, w${k}) y${k} = Transpose<perm = [0, 2, 3, 1]>(h${k})`
  const heads = [1, 2, 3, 4]
  const model = modelWith(
    `g (float[1,64,64,64] x) => (${heads.map((k) => `float y${k}`).join()}) { a = Conv(x, w) ${heads.map(head).join(' ')} }`,
    Object.fromEntries(['w', 'w1', 'w2', 'w3', 'w4'].map((name) => [name, [64, 64, 3, 3]])),
  )
  const feeds = { x: randomValue([1, 64, 64, 64], 3) }
  const { borderNs } = (await kernelCosts(model, await rangesOf(model, feeds), feeds, {}))!
  // Windows of 3×3 pay in integers on any machine; reading a float and writing a byte takes longer than this on any.
  expect(borderNs).toBeGreaterThan(0.01)
}, 60_000)

test('of a model that takes long a run, kernels are looked at fewer times', () => {
  expect(kernelWork(20)).toEqual({ opens: 9, runs: 108 })
  expect(kernelWork(90)).toEqual({ opens: 9, runs: 63 })
  expect(kernelWork(100)).toEqual({ opens: 6, runs: 18 })
  expect(kernelWork(170)).toEqual({ opens: 6, runs: 18 })
})

describe('what is measured, and what is not', () => {
  const text = (kept: string) => `g (float[1,16,8,8] x) => (float y) { a = Conv(x, w) b = ${kept}(a) y = Conv(b, v) }`
  const weights = { w: [16, 16, 1, 1], v: [8, 16, 1, 1] }
  const model = modelWith(text('Relu'), weights)
  const feeds = { x: randomValue([1, 16, 8, 8], 3) }
  const place = { cpu: machine().cpu, runtime: machine().runtime, threads: 1 }
  afterEach(() => vi.restoreAllMocks())

  /** A cache of what is known of units, which measures whatever is asked for. */
  async function knowing(known: readonly { floatMs: number; integerMs: number }[], borderNs?: number) {
    const kept = new Map<string, Report>()
    const find: EvidenceCache['find'] = async (key) => kept.get(canonicalJson(key))
    const writing: EvidenceCache = {
      find,
      async get(key, make) {
        const made = await make()
        kept.set(canonicalJson(key), made)
        return made
      },
    }
    const ranges = await rangesOf(model, feeds)
    const signatures = unitSignatures(costProbes(model, ranges)!, ranges, { x: [1, 16, 8, 8] })
    const nodes = [...signatures.keys()].slice(0, known.length).map((name, i) => ({ name, ...known[i]! }))
    await (await unitMemory(writing, place, signatures)).keep(nodes, borderNs)
    return { cache: { ...noCache, find }, nodes, ranges }
  }
  const looks = () =>
    vi.spyOn(ortNode, 'profile').mockImplementation(async () => ({ nodes: [] }) as unknown as ProfileReport)

  test('nothing is looked at where other models have told all, with borders or where there is none', async () => {
    const profile = looks()
    const slower = [1, 2].map((ms) => ({ floatMs: ms, integerMs: 2 * ms }))
    const faster = [2, 4].map((ms) => ({ floatMs: ms, integerMs: ms / 2 }))
    const told = await knowing(faster, 0.25)
    expect(await kernelCosts(model, told.ranges, feeds, { cache: told.cache })).toEqual({
      ...{ kind: 'costs', version: 1, ...place, nodes: told.nodes, borderNs: 0.25 },
    })
    const bare = await knowing(slower)
    expect(await kernelCosts(model, bare.ranges, feeds, { cache: bare.cache })).toEqual({
      ...{ kind: 'costs', version: 1, ...place, nodes: bare.nodes },
    })
    expect(profile).not.toHaveBeenCalled()
  })

  test.each<[string, number, object, number, number]>([
    ['nothing is known: three times', 0, {}, 3, 12],
    ['half of it is: twice', 1, {}, 2, 12],
    ['a run is long: twice, at few runs', 0, { runMs: 100 }, 2, 3],
    ['runs are of 50 ms: three times, 0.6 s each', 0, { runMs: 50 }, 3, 12],
    ['runs are of 75 ms: fewer of them', 0, { runMs: 75, threads: 2 }, 3, 8],
  ])('both sides are looked at by turns; where %s', async (_, known, options, turns, runs) => {
    const profile = looks()
    const { cache, ranges } = await knowing([{ floatMs: 1, integerMs: 2 }].slice(0, known))
    await kernelCosts(model, ranges, feeds, { cache, ...options })
    expect(profile).toHaveBeenCalledTimes(2 * turns)
    const sides = profile.mock.calls.map(([side]) => side.graph.nodes.some(({ opType }) => /^Q|Quant/.test(opType)))
    expect(sides).toEqual(Array.from({ length: turns }, () => [false, true]).flat())
    for (const [, , times, { threads } = {}] of profile.mock.calls)
      expect([times, threads]).toEqual([runs, 'threads' in options ? options.threads : 1])
  })

  test('nobody looks once it was interrupted, or where nothing can become integer', async () => {
    const profile = looks()
    const { ranges } = await knowing([])
    const signal = AbortSignal.abort(new Error('interrupted'))
    await expect(kernelCosts(model, ranges, feeds, { signal })).rejects.toThrow('interrupted')
    const plain = modelWith('g (float[1,16,8,8] x) => (float y) { y = Relu(x) }', {})
    expect(await kernelCosts(plain, await rangesOf(plain, feeds), feeds, {})).toBeNull()
    expect(profile).not.toHaveBeenCalled()
  })

  test('costs are kept by model, inputs, threads and form of gates, whatever the ranges are', async () => {
    const { ranges } = await knowing([])
    const keys = async (own: Model, limits: CalibrationReport, fed: Feeds, options: object = {}) => {
      const asked: string[] = []
      const get = async (key: object) => {
        asked.push(canonicalJson(key))
        return null as never
      }
      await kernelCosts(own, limits, fed, { ...options, cache: { ...noCache, get } })
      return asked
    }
    const [first] = await keys(model, ranges, feeds)
    const wider = Object.entries(ranges.ranges).map(([name, one]) => [name, { ...one, max: one.max + 1 }])
    expect(await keys(model, { ...ranges, ranges: Object.fromEntries(wider) }, feeds)).toEqual([first])
    const sigmoid = modelWith(text('Sigmoid'), weights)
    const others = [
      ...(await keys(sigmoid, await rangesOf(sigmoid, feeds), feeds)),
      ...(await keys(model, ranges, { x: randomValue([2, 16, 8, 8], 3) })),
      ...(await keys(model, ranges, feeds, { threads: 2 })),
      ...(await keys(model, ranges, feeds, { curves: 'tables' })),
    ]
    expect(new Set([first, ...others]).size).toBe(5)
  })
})
