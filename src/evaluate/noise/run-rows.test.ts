import { expect, test } from 'vitest'
import { memoryDataset } from '../../data/index.ts'
import type { Feeds, Session } from '../../engine/index.ts'
import { runRows } from './run-rows.ts'

const ROWS = 12
const rows = memoryDataset({
  x: { dtype: 'float32', dims: [ROWS, 1], data: Float32Array.from({ length: ROWS }, (_, i) => i) },
})
const rowOf = (feeds: Feeds) => Number(feeds.x!.data[0])

/** Gives its input back after so many milliseconds. */
function echo(msOf: (x: number) => number, ran: number[]): Session {
  const session: Pick<Session, 'inputs' | 'run'> = {
    inputs: [{ name: 'x', dtype: 'float32', shape: [null, 1] }],
    async run(feeds) {
      ran.push(rowOf(feeds))
      await new Promise((resolve) => setTimeout(resolve, msOf(rowOf(feeds))))
      return { y: feeds.x! }
    },
  }
  return session as Session
}

async function taken(session: Session, openAnother: () => Promise<Session | null>, loadMs = 0) {
  const data = await rows
  const seen: number[] = []
  const indices = Array.from({ length: ROWS }, (_, i) => i)
  await runRows(session, data, { indices, batch: 1, loadMs, openAnother }, (feeds, fetched, count) => {
    expect(count).toBe(1)
    expect(fetched.y).toBe(feeds.x)
    seen.push(rowOf(feeds))
  })
  return seen
}

const inOrder = Array.from({ length: ROWS }, (_, i) => i)

test('outputs come in the order of the rows, whichever of two sessions ends first', async () => {
  const [first, second]: [number[], number[]] = [[], []]
  const other = echo(() => 1, second)
  const seen = await taken(
    echo((x) => (x === 0 ? 60 : 10), first),
    async () => other,
  )
  expect(seen).toEqual(inOrder)
  expect(second.length).toBeGreaterThan(0)
  expect([...first, ...second].sort((a, b) => a - b)).toEqual(inOrder)
})

test('no other session is opened where opening it takes longer than the runs', async () => {
  let opened = 0
  const open = async () => {
    opened++
    return null
  }
  expect(
    await taken(
      echo(() => 0, []),
      open,
      1e6,
    ),
  ).toEqual(inOrder)
  expect(opened).toBe(0)
})

test('what the other session meets when it opens ends the work', async () => {
  const broken = async () => {
    throw new Error('no room')
  }
  await expect(
    taken(
      echo((x) => (x === 0 ? 60 : 1), []),
      broken,
    ),
  ).rejects.toThrow('no room')
})
