import { expect, test } from 'vitest'
import { memoryDataset } from '../data/index.ts'
import type { Session, TensorValue } from '../engine/index.ts'
import { compare } from './compare.ts'

/** A session of one number `x` a row that answers with one number. */
const session = (answer: (x: number) => number): Session => ({
  engine: 'test',
  inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 1] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['n', 1] }],
  async run(feeds): Promise<Record<string, TensorValue>> {
    const { dims, data } = feeds.x!
    return { y: { dtype: 'float32', dims, data: (data as Float32Array).map(answer) } }
  },
  fetchGroups: async (_feeds, names) => [names],
  close: async () => {},
})

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const ROWS = 400
/** From −5 to 5, none of them 0. */
const places = Array.from({ length: ROWS }, (_, i) => (i - ROWS / 2 + 0.5) / 40)
const signs = places.map((place) => (place > 0 ? 1 : 0))
const rowsWith = (labels: readonly number[]) =>
  memoryDataset(
    {
      x: { dtype: 'float32', dims: [ROWS, 1], data: Float32Array.from(places) },
      labels: { dtype: 'int64', dims: [ROWS], data: BigInt64Array.from(labels, BigInt) },
    },
    { inputs: session(sigmoid).inputs },
  )

/** Says 1 a little too seldom: it is wrong in the ten rows between 0 and 0.25. */
const [lateLogit, lateSigmoid] = [session((x) => x - 0.25), session((x) => sigmoid(x - 0.25))]
const logit = session((x) => x)

test('labels of 0 and 1 are classes, of which one number is the score: from a half, or a logit of 0, on it is 1', async () => {
  const pairs = [
    [logit, lateLogit],
    [session(sigmoid), lateSigmoid],
  ] as const
  for (const [base, candidate] of pairs)
    for (const options of [{}, { metric: 'top1' }]) {
      const report = await compare(base, candidate, await rowsWith(signs), options)
      expect(report).toMatchObject({ metric: 'top1', base: { value: 1 }, verdict: 'regressed' })
      expect(report.discordant).toEqual({ baseOnly: 10, candidateOnly: 0 })
    }
})

// Of 300 rows that are 1 or 0, the ten that the late ones miss are of class 1 (values by numpy).
test.each([
  ['balanced-accuracy', 0.95],
  ['macro-f1', 0.9614890885750962],
])('%s of one number a row', async (metric, value) => {
  for (const [base, candidate] of [
    [logit, lateLogit],
    [session(sigmoid), lateSigmoid],
  ] as const) {
    const indices = Array.from({ length: 300 }, (_, i) => i)
    const report = await compare(base, candidate, await rowsWith(signs), { metric, indices })
    expect(report).toMatchObject({ metric, n: 300, base: { value: 1 }, verdict: 'regressed' })
    expect(report.candidate.value).toBeCloseTo(value, 12)
    expect(report.discordant).toEqual({ baseOnly: 10, candidateOnly: 0 })
    expect(report.flips).toHaveLength(10)
    expect(report.flips![0]).toMatchObject({ base: '1', candidate: '0', label: '1', direction: 'lost' })
  }
})

test('a state beside the score is no score: what hears speech and remembers is right or wrong as well', async () => {
  const withState = (answer: (x: number) => number): Session => {
    const alone = session(answer)
    return {
      ...alone,
      outputs: [...alone.outputs, { name: 'stateN', dtype: 'float32', shape: ['n', 2, 4] }],
      async run(feeds, fetch) {
        const rows = feeds.x!.dims[0]!
        const stateN = { dtype: 'float32', dims: [rows, 2, 4], data: new Float32Array(rows * 8) } as const
        return { ...(await alone.run(feeds, fetch)), stateN }
      },
    }
  }
  for (const options of [{}, { metric: 'top1' }]) {
    const [base, candidate] = [withState(sigmoid), withState((x) => sigmoid(x - 0.25))]
    const report = await compare(base, candidate, await rowsWith(signs), options)
    expect(report).toMatchObject({ metric: 'top1', discordant: { baseOnly: 10, candidateOnly: 0 } })
  }
})

test('no answer is a wrong one, and makes no logits of the others', async () => {
  const broken = session((x) => (x < -4.9 ? Number.NaN : sigmoid(x)))
  const report = await compare(session(sigmoid), broken, await rowsWith(signs))
  expect(report.discordant).toEqual({ baseOnly: 4, candidateOnly: 0 })
})

test('least squares on labels of 0 and 1 leave that range, and say 1 from a half on', async () => {
  const line = session((x) => 0.5 + x / 6)
  const report = await compare(
    line,
    session((x) => 0.5 + (x - 0.25) / 6),
    await rowsWith(signs),
  )
  expect(report).toMatchObject({ metric: 'top1', base: { value: 1 }, verdict: 'regressed' })
  expect(report.discordant).toEqual({ baseOnly: 10, candidateOnly: 0 })
})

test('both models are read as the first is: one that lost a bias is no model of logits', async () => {
  const shifted = session((x) => sigmoid(x) - 0.5)
  const report = await compare(session(sigmoid), shifted, await rowsWith(signs))
  expect(report).toMatchObject({ base: { value: 1 }, candidate: { value: 0.5 }, verdict: 'regressed' })
})

test('rows whose answer changed are listed, the lost ones first', async () => {
  const candidate = session((x) => (x < -4.95 ? 5 : x - 0.25))
  const labels = signs.map((label, i) => (i === 0 ? 1 : label))
  const { flips } = await compare(logit, candidate, await rowsWith(labels))
  expect(flips).toHaveLength(12)
  expect(flips![0]).toEqual({ row: 1, base: '0', candidate: '1', label: '0', direction: 'lost' })
  expect(flips![1]).toEqual({ row: 200, base: '1', candidate: '0', label: '1', direction: 'lost' })
  expect(flips![11]).toEqual({ row: 0, base: '0', candidate: '1', label: '1', direction: 'gained' })
})

test('counts, and labels that are all one number, are measured', async () => {
  const counts = signs.map((label, i) => label + (i === ROWS - 1 ? 1 : 0))
  for (const labels of [counts, signs.map(() => 1)])
    expect((await compare(logit, lateLogit, await rowsWith(labels))).metric).toBe('mae')
})

test('several floating labels a row that are all 0 or 1 are tags, not quantities', async () => {
  const tagged = (shift: number): Session => ({
    ...session((x) => x),
    outputs: [{ name: 'y', dtype: 'float32', shape: ['n', 3] }],
    async run(feeds) {
      const { dims, data } = feeds.x!
      const scores = Array.from(data as Float32Array, (x) => [x - shift, -x + shift, x - 1]).flat()
      return { y: { dtype: 'float32', dims: [dims[0]!, 3], data: Float32Array.from(scores) } }
    },
  })
  const withLabels = (labels: (x: number) => readonly number[]) =>
    memoryDataset(
      {
        x: { dtype: 'float32', dims: [ROWS, 1], data: Float32Array.from(places) },
        labels: { dtype: 'float32', dims: [ROWS, 3], data: Float32Array.from(places.flatMap((x) => [...labels(x)])) },
      },
      { inputs: session(sigmoid).inputs },
    )
  const tags = (x: number) => [x > 0 ? 1 : 0, x > 0 ? 0 : 1, x > 1 ? 1 : 0]
  const report = await compare(tagged(0), tagged(0.25), await withLabels(tags))
  expect(report).toMatchObject({ metric: 'miou', base: { value: 1 }, verdict: 'regressed' })
  const measured = await compare(tagged(0), tagged(0), await withLabels((x) => [x, -x, x > 1 ? 1 : 0]))
  expect(measured.metric).toBe('mae')
  // One 1 in every row says which class it is.
  const oneHot = await withLabels((x) => [x > 0 ? 1 : 0, x > 0 ? 0 : 1, 0])
  expect(await compare(tagged(0), tagged(0.25), oneHot)).toMatchObject({ metric: 'top1', base: { value: 1 } })
  expect(await compare(tagged(0), tagged(0), oneHot, { metric: 'macro-f1' })).toMatchObject({ base: { value: 1 } })
})
