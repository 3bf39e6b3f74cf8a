// What only some of the schemes and targets do, loaded with them: it takes along what learns and what times.
import type { withLearnedRoundings } from './learned-steps.ts'
import type * as TimeQuantized from './time-quantized.ts'
import type { weightSteps } from './weight-only.ts'

export const stepsOfWeights: typeof weightSteps = async (...given) =>
  (await import('./weight-only.ts')).weightSteps(...given)

export const learnedStep: typeof withLearnedRoundings = async (...given) =>
  (await import('./learned-steps.ts')).withLearnedRoundings(...given)

export const timeIn: typeof TimeQuantized.timeIn = async (...given) =>
  (await import('./time-quantized.ts')).timeIn(...given)
