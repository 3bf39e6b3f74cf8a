import type { JobOptions } from './model/batcher.ts'
import type { InferRequest } from './protocol/infer-request.ts'
import { invalid, ServeError } from './serve-error.ts'

/** The longest timeout that a request may ask for, in milliseconds. */
export const LONGEST_MS = 600_000

/** What a request wants of a run beside its inputs. */
export type Terms = Pick<JobOptions, 'outputs' | 'priority' | 'timeoutMs' | 'runLimitMs'>

/** @throws ServeError for a priority or timeout that is none. */
export const termsOf = (request: InferRequest): Terms => ({
  outputs: request.outputs?.map(({ name }) => name) ?? null,
  priority: priorityOf(request),
  timeoutMs: timeoutOf(request),
})

function priorityOf({ parameters }: InferRequest): number {
  const { priority = 0 } = parameters
  if (typeof priority !== 'number' || !Number.isSafeInteger(priority) || priority < 0 || priority > 100)
    throw invalid("parameter 'priority' must be a whole number from 0 to 100; 1 is the highest, 0 the default")
  return priority
}

/** Microseconds in the protocol, milliseconds here; 0 leaves it to the server. */
function timeoutOf({ parameters }: InferRequest): number {
  const { timeout = 0 } = parameters
  if (typeof timeout !== 'number' || !Number.isSafeInteger(timeout) || timeout < 0)
    throw invalid("parameter 'timeout' must be a whole number of microseconds")
  return Math.min(timeout / 1000, LONGEST_MS)
}

/** Models here keep no state between requests; to answer as if they did would be wrong in silence. */
export function checkSequence({ parameters }: InferRequest): void {
  const { sequence_id: id } = parameters
  if (id !== undefined && id !== 0 && id !== '')
    throw new ServeError(
      'unsupported',
      "parameter 'sequence_id' is not supported: models keep no state between requests",
    )
}
