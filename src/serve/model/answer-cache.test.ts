import { expect, test } from 'vitest'
import type { Departure } from '../departure.ts'
import { AnswerCache } from './answer-cache.ts'

test('a run that several wait for knows when the last of them gives up', async () => {
  const cache = new AnswerCache(1 << 20)
  let shared: Departure | null = null
  let end = () => {}
  const run = (departure: Departure) => {
    shared = departure
    return new Promise<readonly []>((resolve) => {
      end = () => resolve([])
    })
  }
  const begun = performance.now()
  const ask = (timeoutMs: number) => cache.get('key', { model: 'm', timeoutMs }, run)
  const answers = [ask(10_000), ask(60_000), ask(20_000)]
  const until = shared!.until - begun
  expect(until).toBeGreaterThanOrEqual(60_000)
  expect(until).toBeLessThan(70_000)
  answers.push(ask(0))
  expect(shared!.until).toBe(Number.POSITIVE_INFINITY)
  end()
  expect((await Promise.all(answers)).map(({ how }) => how)).toEqual(['miss', 'shared', 'shared', 'shared'])
})
