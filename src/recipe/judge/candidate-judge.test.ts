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
  const judge = new CandidateJudge(original, session, { calibrate: all, select: all, prove: all }, place, {
    target: 'native',
    margin: 0.01,
    alpha: 0.05,
    threads: 1,
    cache: noCache,
  })
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
