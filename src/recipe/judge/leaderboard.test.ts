import { expect, test } from 'vitest'
import type { ComparisonReport, LatencyReport } from '../../report/index.ts'
import { leaderboard, type Row } from './leaderboard.ts'

interface Given {
  readonly metric?: number | null
  readonly ms?: number
  readonly bytes?: number
  readonly admitted?: boolean
  readonly ci?: readonly [number, number]
}
const row = (path: string, { metric = 0.9, ms = 10, bytes = 100, admitted = true, ci }: Given = {}) =>
  ({
    ...{ path, metric, bytes, admitted, p50Ms: ms },
    ratio: ci ? { base: 'a', other: path, median: (ci[0] + ci[1]) / 2, ci } : null,
  }) as unknown as Row
const first = (higherIsBetter: boolean) =>
  ({ metric: 'm', higherIsBetter, n: 9, alpha: 0.05, warnings: ['few rows'], data: {} }) as unknown as ComparisonReport
const latency = { threads: 3, cpu: 'c', warnings: ['few rows', 'busy'] } as unknown as LatencyReport
const board = (rows: readonly Row[], gates = 1, higherIsBetter = true) =>
  leaderboard(rows, first(higherIsBetter), latency, gates)
const order = (...given: Parameters<typeof board>) => board(...given).models.map(({ path }) => path)

test('admitted models come first, then the better ones, then the faster ones', () => {
  const rows = [
    row('out', { metric: 1, admitted: false }),
    row('slow', { metric: 0.9, ms: 20 }),
    row('unscored', { metric: null, ms: 1 }),
    row('best', { metric: 0.95, ms: 30 }),
    row('fast', { metric: 0.9, ms: 10 }),
  ]
  expect(order(rows)).toEqual(['best', 'fast', 'slow', 'unscored', 'out'])
  expect(order(rows, 1, false)).toEqual(['fast', 'slow', 'best', 'unscored', 'out'])
})

test('on the front is whom no other equals in metric, latency and size and passes in one', () => {
  const front = (...others: readonly Given[]) =>
    board([row('a'), ...others.map((given, i) => row(`${i}`, given))]).front.includes('a')
  expect(front({ ms: 11, bytes: 90 }, { metric: 0.8, ms: 1, bytes: 1 }, { metric: 0.99, ms: 11 })).toBe(true)
  expect(front({})).toBe(true)
  for (const better of [{ ms: 9 }, { bytes: 99 }, { metric: 0.91 }]) expect(front(better)).toBe(false)
  // Whoever a gate refused may beat others all the same: the front is that of figures.
  expect(front({ ms: 9, admitted: false })).toBe(false)
})

test('chosen is the fastest of the admitted; whoever may be as fast is told beside it', () => {
  const a = row('a', { ms: 20 })
  const [b, c] = [row('b', { ms: 10, ci: [0.4, 0.5] }), row('c', { ms: 11, ci: [0.55, 0.6] })]
  const out = row('d', { ms: 1, admitted: false, ci: [0.01, 0.02] })
  expect(board([a, b, c, out])).toMatchObject({
    sentence: '3 of 4 models pass the gate; b is the fastest of them.',
    chosen: { path: 'b', reason: 'it passes the gate and has the least median latency of those that do' },
    ...{ threads: 3, n: 9, alpha: 0.05, metric: 'm', higherIsBetter: true, warnings: ['few rows', 'busy'] },
  })
  const close = row('e', { ms: 11, ci: [0.45, 0.6] })
  const alike = board([a, b, close], 2)
  expect(alike.sentence).toBe(
    '3 of 3 models pass both gates; b is the fastest of them, though this run does not tell it from e.',
  )
  expect(alike.chosen?.reason).toMatch(
    /of those that do; e may take as little, since the intervals of their times meet$/,
  )
  expect(board([a, out], 3).sentence).toBe('1 of 2 models passes all 3 gates: a.')
  expect(board([out, out], 2)).toMatchObject({ sentence: 'None of 2 models passes both gates.', chosen: null })
})
