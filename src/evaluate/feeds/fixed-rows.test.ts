import { expect, test } from 'vitest'
import { memoryDataset } from '../../data/index.ts'
import { ortNode, type Session } from '../../engine/index.ts'
import { parseModel } from '../../ir/index.ts'
import { measureBatchInvariance } from '../batch-invariance.ts'
import { compare } from '../compare.ts'
import { predictRows, safeBatch } from '../predict.ts'
import { feedsFrom } from './feeds.ts'
import { requireOpenRows } from './fixed-rows.ts'

/** Seven rows of three numbers, class by class, for models that take exactly four. */
const ROWS = 7
const x = Float32Array.from({ length: ROWS * 3 }, (_, i) => (i % 3 === Math.floor(i / 3) % 3 ? 1 : -i / 64))
const labels = BigInt64Array.from({ length: ROWS }, (_, i) => BigInt(i % 3))
const open = (body: string) =>
  ortNode.open(
    parseModel(`<ir_version: 10, opset_import: ["" : 20]> g (float[4,3] x) => (float[4,3] logits)
      <float[3] worse = {0, 0, 2}, int64[1] rows = {0}> { ${body} }`),
  )
const data = (session: Session) =>
  memoryDataset(
    { x: { dtype: 'float32', dims: [ROWS, 3], data: x }, labels: { dtype: 'int64', dims: [ROWS], data: labels } },
    { inputs: session.inputs },
  )

test('a model of four rows at a time answers each row, however many share a run', async () => {
  const [base, worse] = [await open('logits = Add(x, x)'), await open('logits = Add(x, worse)')]
  try {
    const rows = await data(base)
    for (const batch of [1, 3, 4, 9]) {
      const report = await compare(base, worse, rows, { batch })
      expect(report).toMatchObject({ n: ROWS, metric: 'top1', base: { value: 1 } })
      expect(report.candidate.value).toBeCloseTo(2 / ROWS, 12)
    }
    expect(await safeBatch(base, rows, 8)).toEqual({ batch: 4, reason: null })
    const answers: number[] = []
    for await (const { outputs } of predictRows(base, rows, { batch: 4 }))
      for (const { logits } of outputs) answers.push(...(logits!.data as Float32Array))
    expect(answers).toEqual([...x].map((value) => 2 * value))
  } finally {
    await Promise.all([base.close(), worse.close()])
  }
})

test('one whose answers depend on the rows beside them is refused, and says what to give instead', async () => {
  const session = await open('m = ReduceMean<keepdims: int = 1>(x, rows) logits = Sub(x, m)')
  try {
    const rows = await data(session)
    const refusal = {
      code: 'unsupported',
      message: expect.stringMatching(/takes exactly 4 rows at a time and answers them together: logits: .* neighbours/),
      hint: 'let each row of the data be a whole run, with the axis of 4 in it',
    }
    await expect(compare(session, session, rows)).rejects.toMatchObject(refusal)
    await expect(safeBatch(session, rows, 4)).rejects.toMatchObject(refusal)
    // A row that is a whole run is taken as it stands.
    const runs = await memoryDataset(
      { x: { dtype: 'float32', dims: [1, 4, 3], data: x.slice(0, 12) } },
      { inputs: session.inputs },
    )
    expect((await compare(session, session, runs)).n).toBe(1)
    expect(() => requireOpenRows(session.inputs, runs)).not.toThrow()
    expect(() => requireOpenRows(session.inputs, rows)).toThrow(/"x" takes exactly 4 rows at a time/)
  } finally {
    await session.close()
  }
})

test('whether neighbours change an answer is seen in full runs', async () => {
  const seen = async (body: string) => {
    const session = await open(body)
    try {
      const rows = []
      for await (const feeds of feedsFrom(session, await data(session), [0, 1, 2])) rows.push(feeds)
      return await measureBatchInvariance(session, rows)
    } finally {
      await session.close()
    }
  }
  expect(await seen('logits = Add(x, worse)')).toMatchObject({ all: true, rows: 3 })
  expect(await seen('c, s, z = DynamicQuantizeLinear(x) logits = DequantizeLinear(c, s, z)')).toMatchObject({
    all: false,
    outputs: { logits: false },
  })
})
