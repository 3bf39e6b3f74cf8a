import { expect, test } from 'vitest'
import type { LatencyReport, Report } from '../report/index.ts'
import type { EvidenceCache } from './evidence/evidence-cache.ts'
import type { RunsOn } from './runs-on.ts'
import { timeSideBySide } from './time-side-by-side.ts'

test('what a disturbance left undecided is not kept, what was settled is', async () => {
  let worth: ((made: never) => boolean) | undefined
  const cache: EvidenceCache = {
    find: async () => undefined,
    async get<R extends Report>(_: object, __: unknown, worthKeeping?: (made: R) => boolean) {
      worth = worthKeeping as typeof worth
      return {} as R
    },
  }
  const place = { runtime: 'scripted' } as unknown as RunsOn
  await timeSideBySide([], {}, place, { purpose: 'confirm', threads: 1, maxSeconds: 1, cache })
  const kept = (...ratios: readonly (readonly [number, readonly [number, number]])[]) =>
    worth!({ ratios: ratios.map(([median, ci]) => ({ median, ci })) } as unknown as LatencyReport as never)
  expect(kept([0.5, [0.48, 0.52]], [0.99, [0.95, 1.04]], [1.3, [1.1, 1.6]])).toBe(true)
  expect(kept([0.5, [0.48, 0.52]], [0.8, [0.5, 1.7]])).toBe(false)
  expect(kept([0.5, [0.48, 0.52]], [4.5, [1.09, 9.25]])).toBe(false)
})
