import { expect, test } from 'vitest'
import type { Feeds, Session } from '../../engine/index.ts'
import { AnswerMemory, memoSession } from './memo-session.ts'

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

test('what is kept is not given back, what is not when all who got it have done with it', async () => {
  const given: unknown[] = []
  const session: Session = { ...counting().session, giveBack: (fetched) => given.push(fetched) }
  // Two numbers are kept, three are not.
  const memo = memoSession(session, new AnswerMemory(8).of(''))
  const kept = await memo.run(feeds(1, 2))
  memo.giveBack!(kept)
  memo.giveBack!(await memo.run(feeds(1, 2)))
  const [one, other] = await Promise.all([memo.run(feeds(1, 2, 3)), memo.run(feeds(1, 2, 3))])
  expect(other).toBe(one)
  memo.giveBack!(one)
  expect(given).toEqual([])
  memo.giveBack!(other)
  const named = await memo.run(feeds(4), ['y'])
  memo.giveBack!(named)
  expect(given).toEqual([one, named])
})

test('beyond the budget nothing is kept', async () => {
  const { session, runs } = counting()
  const memo = memoSession(session, new AnswerMemory(10).of(''))
  for (let i = 0; i < 2; i++) await memo.run(feeds(1, 2, 3))
  expect(runs()).toBe(2)
})

test('answers outlive the session that gave them', async () => {
  const answers = new AnswerMemory().of('')
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

test('a model that was asked longer ago makes room for one that is asked now, and not the other way round', async () => {
  const memory = new AnswerMemory(16)
  const { session, runs } = counting()
  const of = (digest: string) => memoSession(session, memory.of(digest))
  const [first, second] = [of('first'), of('second')]
  const asked = async (memo: Session, ...values: number[]) => {
    const before = runs()
    await memo.run(feeds(...values))
    return runs() > before ? 'runs' : 'is kept'
  }
  await asked(first, 1, 2)
  await asked(second, 1, 2)
  expect(await asked(first, 1, 2)).toBe('is kept')
  // Eight bytes more: there is no room beside what the second has answered, and room for that where the first has.
  await asked(first, 3, 4)
  expect(await asked(first, 3, 4)).toBe('runs')
  expect(await asked(second, 1, 2)).toBe('is kept')
  await asked(second, 3, 4)
  expect([await asked(second, 3, 4), await asked(second, 1, 2)]).toEqual(['is kept', 'is kept'])
  expect([await asked(first, 5, 6), await asked(second, 1, 2)]).toEqual(['runs', 'is kept'])
  expect(await asked(of('first'), 1, 2)).toBe('runs')
})
