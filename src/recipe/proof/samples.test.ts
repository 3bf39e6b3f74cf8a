import { expect, test } from 'vitest'
import { memoryDataset } from '../../data/index.ts'
import { openIsolated } from '../../engine/index.ts'
import { parseModel } from '../../ir/index.ts'
import { samplesFor } from './samples.ts'

const int64 = (dims: readonly number[], numbers: readonly number[]) =>
  ({ dtype: 'int64', dims, data: BigInt64Array.from(numbers, BigInt) }) as const

async function samplesOf(graph: string, columns: Parameters<typeof memoryDataset>[0]) {
  const session = await openIsolated(parseModel(`<ir_version: 8, opset_import: ["" : 17]> ${graph}`))
  try {
    const inputs = session.inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape }))
    return await samplesFor(session, { data: await memoryDataset(columns, { inputs }), random: 2 })
  } finally {
    await session.close()
  }
}

test('integers of random samples lie where those of the rows do: 0 is no divisor', async () => {
  const { feeds, real } = await samplesOf('g (int64[1,3] x, int64[1,3] p) => (int64[1,3] y) { y = Mod(x, p) }', {
    x: int64([2, 3], [7, 8, 9, 10, 11, 12]),
    p: int64([2, 3], [3, 4, 5, 3, 4, 5]),
  })
  expect(real).toBe(2)
  expect(feeds).toHaveLength(4)
  for (const { p } of feeds) for (const value of p!.data) expect([3, 4, 5]).toContain(Number(value))
})

test('where no random integers fit together, rows alone are the samples', async () => {
  const graph = 'g (float[1,30] x, int64[3] s) => (float y) { y = Reshape(x, s) }'
  const x = { dtype: 'float32', dims: [2, 30], data: new Float32Array(60) } as const
  const { feeds, real } = await samplesOf(graph, { x, s: int64([2, 3], [2, 3, 5, 5, 3, 2]) })
  expect([feeds.length, real]).toEqual([2, 2])
})
