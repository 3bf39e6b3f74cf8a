import { didYouMean } from './nearest-name.ts'
import { UserError } from './user-error.ts'

/**
 * That an option, `what`, is one of those there are: types say it to whoever compiles, and this to everybody else.
 *
 * @throws UserError `bad-argument` that lists them.
 */
export function checkChoice(what: string, given: string | undefined, choices: readonly string[]): void {
  if (given !== undefined && choices.includes(given)) return
  const near = given === undefined ? '' : didYouMean(String(given), choices)
  throw new UserError('bad-argument', given === undefined ? `${what} is missing` : `there is no ${what} "${given}"`, {
    where: what,
    hint: `${near}choices: ${choices.join(', ')}`,
  })
}
