import { existsSync } from 'node:fs'
import { UserError } from '../platform/index.ts'
import type { Verdict } from '../report/index.ts'
import { EXIT } from './exit-codes.ts'
import type { Arguments, Verb } from './verb.ts'

/** Exit code of a verdict. */
export function exitOfVerdict(verdict: Verdict): number {
  return { pass: EXIT.done, regressed: EXIT.regressed, inconclusive: EXIT.inconclusive }[verdict]
}

/** Exit code of several verdicts: that of the worst. */
export function exitOfWorst(verdicts: readonly Verdict[]): number {
  const worst = (['regressed', 'inconclusive'] as const).find((verdict) => verdicts.includes(verdict))
  return worst ? exitOfVerdict(worst) : EXIT.done
}

function afterInterruption(verb: Verb | undefined, options: Arguments | undefined): string {
  if (options && verb?.checkpoint && existsSync(verb.checkpoint(options)))
    return 'finished work is kept, the same command with --resume goes on from there'
  if (verb?.keepsWork) return 'finished work is kept, the same command goes on from there'
  return 'nothing is half-written, the same command begins anew'
}

/** Whether a message names the place already: in its words, or the field and the file that it is made of. */
function saysWhere(message: string, where: string): boolean {
  const says = (words: string) => message.toLowerCase().includes(words.toLowerCase())
  return says(where) || (/^\w+ "[^"]*" of "[^"]*"$/.test(where) && where.match(/"[^"]*"/g)!.every(says))
}

/** The message for people and the exit code of anything that was thrown while `verb` ran with these options. */
export function explain(error: unknown, verb?: Verb, options?: Arguments): { text: string; code: number } {
  if (error instanceof UserError) {
    const { where, message } = error
    const told = where === undefined || where === 'command line' || saysWhere(message, where)
    return {
      text: `whet: ${told ? '' : `${where}: `}${message}${error.hint ? `\n  ${error.hint}` : ''}`,
      code: EXIT.user,
    }
  }
  if (error instanceof Error && error.name === 'AbortError')
    return { text: `whet: interrupted; ${afterInterruption(verb, options)}`, code: EXIT.interrupted }
  const message = error instanceof Error ? error.message : String(error)
  const detail = process.env.WHETSTONE_DEBUG && error instanceof Error ? `\n${error.stack}` : ''
  return {
    text: `whet: ${message.startsWith('internal:') ? message : `internal: ${message}`}\n  This is a bug in Whetstone; nothing was written. Set WHETSTONE_DEBUG=1 for the place.${detail}`,
    code: EXIT.bug,
  }
}
