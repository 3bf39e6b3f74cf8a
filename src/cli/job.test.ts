import { expect, test } from 'vitest'
import { exitOf } from './job.ts'

test('waiting for a job ends as the job did; one that was cancelled was interrupted', () => {
  expect(exitOf({ exitCode: 3, state: 'done' })).toBe(3)
  expect(exitOf({ exitCode: null, state: 'done' })).toBe(0)
  expect(exitOf({ exitCode: null, state: 'cancelled' })).toBe(130)
  expect(exitOf({ exitCode: null, state: 'failed' })).toBe(70)
})
