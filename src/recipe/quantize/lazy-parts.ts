// What only some of the schemes and targets do, loaded when it is called: it takes along what learns and what times.
import type { withLearnedRoundings } from './learned-steps.ts'
import type { timeIn } from './time-quantized.ts'
import type { weightSteps } from './weight-only.ts'

export const lazyWeightSteps: typeof weightSteps = async (...given) =>
  (await import('./weight-only.ts')).weightSteps(...given)

export const lazyLearnedRoundings: typeof withLearnedRoundings = async (...given) =>
  (await import('./learned-steps.ts')).withLearnedRoundings(...given)

export const lazyTimeIn: typeof timeIn = async (...given) => (await import('./time-quantized.ts')).timeIn(...given)
