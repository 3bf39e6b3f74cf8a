import { expect, test } from 'vitest'
import { memoryDataset } from '../../data/index.ts'
import type { Session, TensorValue } from '../../engine/index.ts'
import { tango } from '../../statistics/index.ts'
import { metricNamed } from '../metric/metrics.ts'
import { changeOf, scoresOf, yardstickOf } from './paired-values.ts'
import { scoreModels } from './score-models.ts'

const options = { margin: 0.2, alpha: 0.05, seed: 0 }

/** What the model is given, as its output `y` by this. */
function giving(y: (values: Float32Array) => readonly number[]): Session {
  return {
    engine: 'test',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['n', 2] }],
    async run(feeds): Promise<Record<string, TensorValue>> {
      const data = Float32Array.from(y(feeds.x!.data as Float32Array))
      return { y: { dtype: 'float32', dims: [data.length / 2, 2], data } }
    },
    fetchGroups: async (_feeds, names) => [names],
    close: async () => {},
  }
}

/** The second model against the first, as one corruption is judged. */
async function changeBy(
  name: string,
  rows: readonly { readonly x: readonly [number, number]; readonly label: number }[],
  models: readonly Session[],
) {
  const data = await memoryDataset(
    {
      x: { dtype: 'float32', dims: [rows.length, 2], data: Float32Array.from(rows.flatMap(({ x }) => x)) },
      labels: { dtype: 'int64', dims: [rows.length], data: BigInt64Array.from(rows, ({ label }) => BigInt(label)) },
    },
    { inputs: models[0]!.inputs },
  )
  const cell = await scoreModels(models, data, { metric: name, metricOptions: {}, labelField: 'labels' })
  const yardstick = yardstickOf(metricNamed(name), cell)
  const [base, other] = scoresOf(cell, cell, yardstick)
  return changeOf(base!, other!, yardstick, options)
}

test('rows that find each other alone count as half in recall', async () => {
  const rows = Array.from({ length: 40 }, (_, row) => {
    const angle = (Math.PI * ((row >> 1) + 0.01 * (row & 1))) / 20
    return { x: [Math.cos(angle), Math.sin(angle)] as const, label: row >> 1 }
  })
  const same = giving((values) => Array.from(values))
  const change = await changeBy('recall@1', rows, [same, same])
  expect(change!.ci).toEqual(tango({ baseOnly: 0, candidateOnly: 0, n: 20, margin: 0.2, alpha: 0.05 }).ci)
})

test('a rare class of which no row changed hides in balanced accuracy what its few rows cannot show', async () => {
  // Of 204 rows 4 are of class 1; the second model answers every twentieth of the others otherwise.
  const rows = Array.from({ length: 204 }, (_, row) => {
    const label = row < 4 ? 1 : 0
    return { x: [label, row % 20 === 10 ? 1 : 0] as const, label }
  })
  const first = giving((values) => [1 - values[0]!, values[0]!])
  const second = giving((values) => (values[1] === 1 ? [0, 1] : [1 - values[0]!, values[0]!]))
  const change = await changeBy('balanced-accuracy', rows, [first, second])
  expect(change!.delta).toBeCloseTo(-0.025, 9)
  // Half of 1 − 0.05^(1/4) = 0.53, which four rows leave possible of the rare class.
  expect(change).toMatchObject({ verdict: 'inconclusive' })
  expect(change!.ci[0]).toBeLessThan(-0.2)
})

test('no answer where the first model has one is a loss that no margin covers', async () => {
  const rows = Array.from({ length: 60 }, (_, row) => ({ x: [row, 0] as const, label: row }))
  const first = giving((values) => Array.from(values, (value, i) => (i % 2 === 0 ? value : 0)))
  const gaps = (every: number) => giving((values) => [values[0]! % every === 1 ? Number.NaN : values[0]!, 0])
  const of = async (base: Session, other: Session) => {
    const one = (session: Session): Session => ({
      ...session,
      outputs: [{ name: 'y', dtype: 'float32', shape: ['n', 1] }],
      run: async (feeds) => {
        const { y } = await session.run(feeds)
        return { y: { dtype: 'float32', dims: [1, 1], data: (y!.data as Float32Array).slice(0, 1) } }
      },
    })
    return changeBy('mae', rows, [one(base), one(other)])
  }
  expect(await of(first, gaps(20))).toMatchObject({ delta: expect.closeTo(0, 9), verdict: 'regressed' })
  expect((await of(gaps(20), first))!.verdict).not.toBe('regressed')
})
