import { UserError } from '../platform/index.ts'

/** What went wrong with a request, as both faces say it. */
export type ServeErrorCode =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'wrong-method'
  | 'conflict'
  | 'too-large'
  | 'too-many'
  | 'cancelled'
  | 'internal'
  | 'unsupported'
  | 'unavailable'
  | 'timeout'

/** HTTP status and gRPC status code of each; the one table of this server. */
export const STATUS: Readonly<Record<ServeErrorCode, readonly [http: number, grpc: number]>> = {
  invalid: [400, 3],
  unauthenticated: [401, 16],
  forbidden: [403, 7],
  'not-found': [404, 5],
  'wrong-method': [405, 12],
  conflict: [409, 9],
  'too-large': [413, 8],
  'too-many': [429, 8],
  // Nobody is there to read it; 499 is what proxies write in their logs.
  cancelled: [499, 1],
  internal: [500, 13],
  unsupported: [501, 12],
  unavailable: [503, 14],
  timeout: [504, 4],
}

/** An answer that is not a result. Its text goes to the client: it names what the client named, and nothing of ours. */
export class ServeError extends Error {
  readonly code: ServeErrorCode
  /** Seconds after which another try makes sense. */
  readonly retryAfter: number | undefined

  constructor(code: ServeErrorCode, message: string, detail: { retryAfter?: number; cause?: unknown } = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.name = 'ServeError'
    this.code = code
    this.retryAfter = detail.retryAfter
  }
}

export const timedOut = (model: string): ServeError =>
  new ServeError('timeout', `request to model '${model}' timed out`)

export const invalid = (message: string): ServeError => new ServeError('invalid', message)

/**
 * Any failure of a run as the client may read it. What the runtime says of wrong inputs stays, without the names of
 * nodes, files and sources; everything else becomes a plain sentence, and the whole goes to the log.
 */
export function toServeError(error: unknown, model: string): ServeError {
  if (error instanceof ServeError) return error
  if (error instanceof UserError) {
    if (error.code === 'bad-data')
      return new ServeError(
        'invalid',
        `the inputs do not fit what model '${model}' computes${shapesOf(error.message)}`,
        {
          cause: error,
        },
      )
    if (error.code === 'out-of-resources')
      return new ServeError('unavailable', `model '${model}' ran out of memory or was ended; it starts again`, {
        retryAfter: 1,
        cause: error,
      })
    return new ServeError('unavailable', `model '${model}' is starting again after a fault`, {
      retryAfter: 1,
      cause: error,
    })
  }
  return new ServeError('internal', 'internal error; the log of the server has the details', { cause: error })
}

/** The part of the runtime's complaint that speaks of the shapes alone. */
function shapesOf(message: string): string {
  const found =
    /(?:Got: ?-?\d+ Expected: ?-?\d+|input shape:? ?\{[-\d,]*\}[^\n:]{0,60}|\{[-\d,]+\}[^\n:]{0,20}\{[-\d,]+\})/i.exec(
      message,
    )
  return found ? `: ${found[0].trim()}` : ''
}
