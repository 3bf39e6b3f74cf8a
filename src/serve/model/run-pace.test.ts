import { expect, test, vi } from 'vitest'
import { RunPace } from './run-pace.ts'

const noted = (...runs: readonly (readonly [bytes: number, totalMs: number])[]) => {
  const pace = new RunPace()
  for (const [bytes, totalMs] of runs) pace.note({ requests: 1, bytes, totalMs, failed: false })
  return pace
}

test('a run is foretold by runs of its size: a quarter longer than they, by the byte', () => {
  const pace = noted([1000, 10])
  expect([pace.ofRun(1000), pace.ofRun(600)]).toEqual([12.5, 7.5])
  expect(noted([1000, 10], [1000, 20]).ofRun(1000)).toBeCloseTo(13.75, 9)
  // One that stood still counts twice as long as the others, not a thousand times.
  expect(noted([1000, 10], [1000, 10_000]).ofRun(1000)).toBeCloseTo(13.75, 9)
})

test('what a small run takes, nearly all of it the way to the lane, is not what each byte of a large one takes', () => {
  const pace = noted([0, 40], [8, 1])
  expect(pace.ofRun(1_000_000)).toBe(1.25)
  pace.note({ requests: 1, bytes: 1_000_000, totalMs: 20, failed: false })
  expect([pace.ofRun(1_000_000), pace.ofRun(8), pace.ofRun(0)]).toEqual([25, 1.25, 50])
})

test('nothing is foretold of what was never seen, or long ago', () => {
  vi.useFakeTimers()
  try {
    expect(new RunPace().ofRun(1000)).toBe(0)
    const pace = noted([1000, 70_000])
    expect(pace.ofRun(1000)).toBe(87_500)
    vi.advanceTimersByTime(30_001)
    expect(pace.ofRun(1000)).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})
