import { UserError, type UserErrorCode } from '../platform/index.ts'

/** An error on its way between processes; `code` is absent for our own bugs. */
export interface Failure {
  readonly message: string
  readonly code?: string
  readonly where?: string
  readonly hint?: string
}

/** What of an error crosses to another process. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof UserError))
    return { message: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  const { code, message, where, hint } = error
  return { code, message, ...(where === undefined ? {} : { where }), ...(hint === undefined ? {} : { hint }) }
}

/** The error again, on the other side. */
export function errorOf(failure: Failure): Error {
  if (failure.code === undefined) return new Error(failure.message)
  return new UserError(failure.code as UserErrorCode, failure.message, {
    ...(failure.where === undefined ? {} : { where: failure.where }),
    ...(failure.hint === undefined ? {} : { hint: failure.hint }),
  })
}
