import { expect, test } from 'vitest'
import { ortNode } from '../../engine/index.ts'
import { checkModel, type Model, parseModel } from '../../ir/index.ts'
import { type Adversary, adversaryOf, behindAdversary } from './adversary.ts'
import { differentiate } from './differentiate.ts'

const net = parseModel(`<ir_version: 10, opset_import: ["" : 21]>
  g (float[N,3] x) => (float[N,2] z) <float[3,4] w = {1, -2, 3, 1, 0.5, 1, -1, 2, 2, 1, 1, -3}, float[4,2] v = {1, -1, 2, 1, -1, 2, 0.5, 1}>
  { h = MatMul(x, w) t = Tanh(h) z = MatMul(t, v) }`)
const loss = { kind: 'cross-entropy', output: 'z', labels: 'labels' } as const
const start = { dims: [3], values: Float32Array.of(0.5, -1, 0.25) }
const x = Float32Array.of(0.2, 0.4, 0.9, -0.3, 0, 0.1)
const labels = { dtype: 'int64', dims: [2], data: BigInt64Array.of(0n, 1n) } as const
const EPS = 0.1

async function run(model: Model, value: string, rows: Float32Array): Promise<Float32Array> {
  const session = await ortNode.open(model)
  try {
    const wanted = session.inputs.some(({ name }) => name === 'labels') ? { labels } : {}
    const fetched = await session.run({ x: { dtype: 'float32', dims: [2, 3], data: rows }, ...wanted }, [value])
    return fetched[value]!.data as Float32Array
  } finally {
    await session.close()
  }
}

test('rows go as the formula says: from the start uphill by signs, held in the ball and in the range', async () => {
  const range = [-0.3, 0.9] as const
  const made = adversaryOf(net, { input: 'x', loss, eps: EPS, steps: 2, range, start }) as Adversary
  const model = behindAdversary(net, 'x', made)
  expect(checkModel(model)).toEqual([])
  const by = differentiate(net, { loss, wrt: ['x'], reduction: 'sum' })
  const cut = (value: number, i: number) =>
    Math.min(range[1], Math.max(range[0], Math.min(x[i]! + EPS, Math.max(x[i]! - EPS, value))))
  let at = x.map((value, i) => cut(value + EPS * start.values[i % 3]!, i))
  for (let step = 0; step < 2; step++) {
    const slope = await run(by.model, by.gradients.get('x')!, at)
    at = at.map((value, i) => cut(value + ((2.5 * EPS) / 2) * Math.sign(slope[i]!), i))
  }
  const moved = await run(model, made.moved, x)
  for (const [i, value] of at.entries()) expect(moved[i]).toBeCloseTo(value, 6)
  const answers = await run(model, 'z', x)
  for (const [i, value] of (await run(net, 'z', moved)).entries()) expect(answers[i]).toBeCloseTo(value, 6)
})

test('it reads the model’s own weights, so that it follows them while they learn', () => {
  const made = adversaryOf(net, { input: 'x', loss, eps: EPS, steps: 2, start }) as Adversary
  const reads = new Set(made.nodes.flatMap(({ inputs }) => inputs))
  expect(['w', 'v'].every((name) => reads.has(name))).toBe(true)
  expect([...made.constants.keys()].filter((name) => !name.startsWith('adversary/'))).toEqual([])
})

test('a model without a gradient by its input has no adversary', () => {
  const coin = parseModel(
    '<ir_version: 10, opset_import: ["" : 21]> g (float[N,2] x) => (float[N,2] z) { z = Hardmax(x) }',
  )
  const made = adversaryOf(coin, { input: 'x', loss, eps: EPS, steps: 1, start: { ...start, dims: [2] } })
  expect(made).toMatchObject({ refused: { reason: expect.stringContaining('Hardmax') } })
})
