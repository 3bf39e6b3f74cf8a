import { expect, test } from 'vitest'
import type { Feeds, Session } from '../engine/index.ts'
import { Answers, memoSession } from './memo-session.ts'

function counting(): { session: Session; runs: () => number } {
  let runs = 0
  const session: Session = {
    inputs: [],
    outputs: [],
    engine: 'test',
    async run(feeds) {
      runs++
      return { y: feeds.x! }
    },
    fetchGroups: async () => [],
    close: async () => {},
  }
  return { session, runs: () => runs }
}
const feeds = (...values: number[]): Feeds => ({
  x: { dtype: 'float32', dims: [values.length], data: Float32Array.from(values) },
})

test('equal feeds run once, other feeds run', async () => {
  const { session, runs } = counting()
  const memo = memoSession(session)
  await memo.run(feeds(1, 2))
  const again = await memo.run(feeds(1, 2))
  await memo.run(feeds(1, 3))
  expect(runs()).toBe(2)
  expect([...(again.y!.data as Float32Array)]).toEqual([1, 2])
})

test('beyond the budget nothing is kept', async () => {
  const { session, runs } = counting()
  const memo = memoSession(session, new Answers(10))
  for (let i = 0; i < 2; i++) await memo.run(feeds(1, 2, 3))
  expect(runs()).toBe(2)
})

test('answers outlive the session that gave them', async () => {
  const answers = new Answers()
  const [first, second] = [counting(), counting()]
  await memoSession(first.session, answers).run(feeds(1, 2))
  const memo = memoSession(second.session, answers)
  await memo.run(feeds(1, 2))
  expect(second.runs()).toBe(0)
  await memo.run(feeds(3))
  expect(second.runs()).toBe(1)
})

test('inner values are always asked for anew', async () => {
  const { session, runs } = counting()
  const memo = memoSession(session)
  for (let i = 0; i < 2; i++) await memo.run(feeds(1), ['inner'])
  expect(runs()).toBe(2)
})
