import { expect, test } from 'vitest'
import { memoryDataset } from '../data/index.ts'
import type { Session } from '../engine/index.ts'
import { rowPairs } from './row-pairs.ts'

/** Two sessions and what happens in them, run by run; a run takes its time. */
function watched() {
  const log: string[] = []
  const session = (name: string): Session => ({
    engine: 'test',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 1] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['n', 1] }],
    async run({ x }) {
      const row = x!.data[0]
      log.push(`${name} starts ${row}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
      if (Number(row) < 0) throw new Error(`${name} fails on ${row}`)
      log.push(`${name} answers ${row}`)
      return { y: { ...x!, data: Float32Array.of(10 * Number(row)) } }
    },
    giveBack: ({ y }) => log.push(`${name} has ${y!.data[0]} back`),
    fetchGroups: async (_feeds, names) => [names],
    close: async () => {},
  })
  return { log, base: session('base'), candidate: session('candidate') }
}
const rows = (values: readonly number[]) =>
  memoryDataset({ x: { dtype: 'float32', dims: [values.length, 1], data: Float32Array.from(values) } })
const options = { batch: 1, labelField: null }

test('the next rows run while one is looked at, whose outputs go back before the rows after those run', async () => {
  const { log, base, candidate } = watched()
  for await (const { rows: at, pairs } of rowPairs(base, candidate, await rows([1, 2, 3]), options)) {
    expect(
      pairs.map((pair) => [pair.base, pair.candidate].map(({ row, outputs }) => [row, outputs.y!.data[0]])),
    ).toEqual([[0, 1].map(() => [at.indices[0], 10 * (at.indices[0]! + 1)])])
    log.push(`row ${pairs[0]!.base.row} is looked at`)
  }
  const place = (what: string) => {
    expect(log.filter((entry) => entry === what)).toHaveLength(1)
    return log.indexOf(what)
  }
  const inOrder = (...entries: string[]) => expect(entries.map(place)).toEqual(entries.map(place).sort((a, b) => a - b))
  inOrder('base answers 1', 'candidate starts 2', 'row 0 is looked at', 'base answers 2', 'row 1 is looked at')
  inOrder('row 0 is looked at', 'base has 10 back', 'candidate has 10 back', 'base starts 3', 'row 1 is looked at')
  inOrder('candidate answers 3', 'row 2 is looked at', 'candidate has 30 back')
})

test('rows before one that fails are looked at, and nothing runs any more when it ends', async () => {
  const { log, base, candidate } = watched()
  const seen: number[] = []
  const looking = async (data: Awaited<ReturnType<typeof rows>>) => {
    for await (const { pairs } of rowPairs(base, candidate, data, options)) {
      seen.push(pairs[0]!.base.row)
      if (pairs[0]!.base.outputs.y!.data[0] === 70) throw new Error('no more')
    }
  }
  await expect(looking(await rows([1, 2, -3, 4]))).rejects.toThrow('fails on -3')
  expect(seen).toEqual([0, 1])
  expect(log).not.toContain('base starts 4')
  await expect(looking(await rows([7, 8, 9]))).rejects.toThrow('no more')
  expect(log.slice(-2).sort()).toEqual(['base answers 8', 'candidate answers 8'])
  expect(log).not.toContain('base starts 9')
})

test('a session that runs several at a time is asked for as many, in the order of the rows', async () => {
  const { log, base, candidate } = watched()
  const seen: number[] = []
  for await (const { pairs } of rowPairs(base, { ...candidate, atATime: 2 }, await rows([1, 2, 3, 4]), options)) {
    if (seen.length === 0) expect(log.filter((entry) => entry.startsWith('candidate starts'))).toHaveLength(3)
    seen.push(pairs[0]!.candidate.row)
  }
  expect(seen).toEqual([0, 1, 2, 3])
  expect(log.indexOf('candidate starts 2')).toBeLessThan(log.indexOf('candidate answers 1'))
})
