import { expect, test } from 'vitest'
import { finalists } from './finalists.ts'

const ids = (list: ReturnType<typeof finalists>) => list.map((item) => item.id)

test('safest first, every next one better in the goal', () => {
  const list = finalists(
    [
      { id: 'fast', figure: 0.4, bytes: 100, safety: 20 },
      { id: 'middle', figure: 0.6, bytes: 100, safety: 30 },
      { id: 'worse than middle both ways', figure: 0.7, bytes: 100, safety: 25 },
      { id: 'safe', figure: 0.9, bytes: 100, safety: 60 },
    ],
    3,
  )
  expect(ids(list)).toEqual(['safe', 'middle', 'fast'])
})

test('a limit keeps both ends of the chain', () => {
  const chain = Array.from({ length: 7 }, (_, i) => ({ id: String(i), figure: i, bytes: 100, safety: i }))
  expect(ids(finalists(chain, 3))).toEqual(['6', '3', '0'])
})

test('where two are as fast, the smaller file is tried last and so handed out where it passes', () => {
  const list = finalists(
    [
      { id: 'large', figure: 0.5, bytes: 200, safety: 30 },
      { id: 'small', figure: 0.504, bytes: 100, safety: 20 },
    ],
    4,
  )
  expect(ids(list)).toEqual(['large', 'small'])
})
