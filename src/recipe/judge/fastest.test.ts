import { expect, test } from 'vitest'
import { fastestOf } from './fastest.ts'

const model = (name: string, p50Ms: number, ci?: readonly [number, number]) => ({
  ...{ name, p50Ms },
  ratio: ci ? { base: 'a', other: name, median: (ci[0] + ci[1]) / 2, ci } : null,
})

test('the fastest has beside it whoever may be as fast, the first model too', () => {
  expect(fastestOf([])).toBeNull()
  const named = (...models: ReturnType<typeof model>[]) => {
    const { fastest, ties } = fastestOf(models)!
    return [fastest.name, ...ties.map(({ name }) => name)]
  }
  expect(named(model('a', 2), model('b', 1, [0.4, 0.5]), model('c', 1.1, [0.55, 0.6]))).toEqual(['b'])
  expect(named(model('a', 2), model('b', 1, [0.4, 0.5]), model('c', 1.1, [0.45, 0.6]))).toEqual(['b', 'c'])
  expect(named(model('a', 1), model('b', 0.99, [0.97, 1.01]))).toEqual(['b', 'a'])
})
