import { expect, test } from 'vitest'
import { memoryDataset } from '../../data/index.ts'
import { parseModel } from '../../ir/index.ts'
import { builtFrom } from '../candidate.ts'
import { noCache } from '../evidence/evidence-cache.ts'
import { runsOn } from '../runs-on.ts'
import { startTrail } from '../trail.ts'
import { CandidateJudge } from './candidate-judge.ts'

const model = (push: string) =>
  parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[N,3] x) => (float[N,3] y) <float[3] w = {${push}}> { y = Sub(x, w) }`)
const options = { target: 'native', margin: 0.01, alpha: 0.05, threads: 1, cache: noCache } as const
const built = (id: string, push: string) => builtFrom({ id, words: id }, startTrail(model(push)), {}, [])

test('some rows of a set that is sorted by class are of every class', async () => {
  const classes = Array.from({ length: 300 }, (_, row) => Math.floor(row / 100))
  const data = await memoryDataset({
    x: {
      dtype: 'float32',
      dims: [300, 3],
      data: Float32Array.from(classes.flatMap((c) => [0, 1, 2].map((i) => +(i === c)))),
    },
    labels: { dtype: 'int64', dims: [300], data: BigInt64Array.from(classes.map(BigInt)) },
  })
  const all = { data, indices: classes.map((_, row) => row) }
  const place = await runsOn('native')
  const original = built('original', '0, 0, 0')
  const session = await place.open(original.model)
  const judge = new CandidateJudge(original, session, { calibrate: all, select: all, prove: all }, place, options)
  try {
    // It never answers the last class.
    const blind = built('blind', '0, 0, 5')
    const few = await judge.judge(blind, 'select', 64)
    expect([few.n, few.verdict]).toEqual([64, 'regressed'])
    expect(few.discordant!.baseOnly).toBeGreaterThanOrEqual(20)
    const half = await judge.judge(blind, 'prove', 150)
    expect([half.n, half.verdict]).toEqual([150, 'regressed'])
  } finally {
    await judge.release()
  }
})

test('the original and the last candidate are opened once, and nothing is open any more once they are released', async () => {
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [8, 3], data: new Float32Array(24).fill(1) } })
  const all = { data, indices: [0, 1, 2, 3, 4, 5, 6, 7] }
  const { runtime, open } = await runsOn('native')
  let [opened, closed] = [0, 0]
  const place: Awaited<ReturnType<typeof runsOn>> = {
    runtime,
    async open(model, ...more) {
      const session = await open(model, ...more)
      opened++
      return { ...session, close: () => session.close().then(() => void closed++) }
    },
  }
  const [original, first, second] = [built('original', '0, 0, 0'), built('a', '0, 0, 1'), built('b', '0, 0, 2')]
  const session = await place.open(original.model)
  const judge = new CandidateJudge(original, session, { calibrate: all, select: all, prove: all }, place, options)
  await judge.judge(first, 'select', 4)
  await judge.judge(first, 'select')
  await judge.judge(first, 'prove')
  expect(await judge.lend(first, async ({ outputs }) => outputs.map(({ name }) => name))).toEqual(['y'])
  expect([opened, closed]).toEqual([2, 0])
  await judge.judge(second, 'prove')
  expect([opened, closed]).toEqual([3, 1])
  // What failed may have taken its process with it.
  await expect(judge.lend(second, () => Promise.reject(new Error('died')))).rejects.toThrow('died')
  expect([opened, closed]).toEqual([3, 2])
  // Nobody's session is closed under their hands.
  const asking = judge.lend(original, async (base) => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    return closed === 2 && base.outputs.length
  })
  await judge.release()
  expect(await asking).toBe(1)
  expect([opened, closed]).toEqual([3, 3])
})
