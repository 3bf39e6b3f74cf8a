/** What kind of thing the user can fix; the CLI and the server map these, each in one place. */
export type UserErrorCode =
  | 'bad-argument'
  | 'bad-model'
  | 'bad-data'
  | 'missing-file'
  | 'unsupported'
  | 'unwritable'
  | 'out-of-resources'
  | 'busy'

/**
 * Something that the user can fix: what is wrong (`message`), where (`where`: a file, a node, a row, a field), and
 * what to do about it (`hint`).
 */
export class UserError extends Error {
  readonly code: UserErrorCode
  readonly where: string | undefined
  readonly hint: string | undefined

  constructor(code: UserErrorCode, message: string, detail: { where?: string; hint?: string; cause?: unknown } = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.name = 'UserError'
    this.code = code
    this.where = detail.where
    this.hint = detail.hint
  }
}
