import { expect, test } from 'vitest'
import { modelWith, randomValue, rangesOf } from '../../../tests/quantize-kit.ts'
import { ortNode } from '../../engine/index.ts'
import type { Model } from '../../ir/index.ts'
import { costProbes, slopesAsRun, unitCosts } from '../../passes/index.ts'
import { kernelCosts, kernelWork } from './kernel-costs.ts'

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
  expect(kernelWork(170)).toEqual({ opens: 6, runs: 18 })
})
