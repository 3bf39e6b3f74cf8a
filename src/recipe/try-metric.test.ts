import { expect, test } from 'vitest'
import { modelWith, randomValue } from '../../tests/quantize-kit.ts'
import { memoryDataset } from '../data/index.ts'
import { noCache } from './evidence/evidence-cache.ts'
import { Workbench } from './workbench.ts'

const ROWS = 40
const model = modelWith('g (float[N,4] x) => (float[N,3] y) { y = MatMul(x, w) }', { w: [4, 3] })
const settings = { margin: 0.01, alpha: 0.05, seed: 0, threads: 1, cache: noCache, target: 'native' } as const

const labelled = (odd: number, label: number) =>
  memoryDataset(
    {
      x: randomValue([ROWS, 4], 5),
      labels: {
        dtype: 'float32',
        dims: [ROWS],
        data: Float32Array.from({ length: ROWS }, (_, row) => (row === odd ? label : row % 3)),
      },
    },
    { label: 'labels' },
  )

test('a label that no metric takes is found before a search, in whatever row it is judged by', async () => {
  const good = await Workbench.open(model, await labelled(0, 1), settings)
  const { select, prove } = good.rows
  await good.close()
  for (const [row, label, message] of [
    [select.indices.at(-1)!, 7, 'the label 7 of row ROW is not a class from 0 to 2'],
    [prove.indices.at(-1)!, -1, 'the label -1 of row ROW is not a class from 0 to 2'],
    [prove.indices[9]!, Number.NaN, 'row ROW (counted from 0) has no label'],
  ] as const)
    await expect(Workbench.open(model, await labelled(row, label), settings)).rejects.toThrow(
      message.replace('ROW', String(row)),
    )
})
