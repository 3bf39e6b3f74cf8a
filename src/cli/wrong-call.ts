import { UserError } from '../platform/index.ts'

/** What a verb says of a call that it cannot follow: what is wrong, and what to write instead. */
export const wrongCall = (message: string, hint: string): UserError =>
  new UserError('bad-argument', message, { where: 'command line', hint })
