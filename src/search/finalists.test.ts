import { expect, test } from 'vitest'
import { finalists } from './finalists.ts'

const ids = (list: ReturnType<typeof finalists>) => list.map((item) => item.id)

test('safest first, every next one better in the goal', () => {
  const list = finalists(
    [
      { id: 'fast', figure: 0.4, safety: 20 },
      { id: 'middle', figure: 0.6, safety: 30 },
      { id: 'worse than middle both ways', figure: 0.7, safety: 25 },
      { id: 'safe', figure: 0.9, safety: 60 },
    ],
    3,
  )
  expect(ids(list)).toEqual(['safe', 'middle', 'fast'])
})

test('a limit keeps both ends of the chain', () => {
  const chain = Array.from({ length: 7 }, (_, i) => ({ id: String(i), figure: i, safety: i }))
  expect(ids(finalists(chain, 3))).toEqual(['6', '3', '0'])
})
