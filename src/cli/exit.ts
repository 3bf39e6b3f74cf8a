import { existsSync } from 'node:fs'
import { UserError } from '../platform/index.ts'
import type { FailureReport, Verdict } from '../report/index.ts'
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
  // As words of their own: a graph called "g" is in many a word.
  const says = (words: string) => {
    const parts = message.toLowerCase().split(words.toLowerCase())
    return parts
      .slice(1)
      .some((after, before) => !/[\p{L}\p{N}]$/u.test(parts[before]!) && !/^[\p{L}\p{N}]/u.test(after))
  }
  return says(where) || (/^\w+ "[^"]*" of "[^"]*"$/.test(where) && where.match(/"[^"]*"/g)!.every(says))
}

/** Anything that was thrown while `verb` ran with these options: as a report, which has the exit code, and for people. */
export function explain(error: unknown, verb?: Verb, options?: Arguments): { report: FailureReport; text: string } {
  if (error instanceof UserError) {
    const { code, where, message, hint } = error
    const told = where === undefined || where === 'command line' || saysWhere(message, where)
    const text = `whet: ${told ? '' : `${where}: `}${message}${hint ? `\n  ${hint}` : ''}`
    return { report: failure(EXIT.user, code, message, where, hint), text }
  }
  if (error instanceof Error && error.name === 'AbortError') {
    const after = afterInterruption(verb, options)
    const report = failure(EXIT.interrupted, 'interrupted', 'interrupted', undefined, after)
    return { report, text: `whet: interrupted; ${after}` }
  }
  const thrown = error instanceof Error ? error.message : String(error)
  const message = thrown.startsWith('internal:') ? thrown : `internal: ${thrown}`
  const hint = 'This is a bug in Whetstone; nothing was written. Set WHETSTONE_DEBUG=1 for the place.'
  const detail = process.env.WHETSTONE_DEBUG && error instanceof Error ? `\n${error.stack}` : ''
  return {
    report: failure(EXIT.bug, 'internal', message, undefined, hint),
    text: `whet: ${message}\n  ${hint}${detail}`,
  }
}

function failure(
  exitCode: number,
  code: FailureReport['error']['code'],
  message: string,
  where: string | undefined,
  hint: string | undefined,
): FailureReport {
  return {
    kind: 'failure',
    version: 1,
    exitCode,
    error: { code, message, where: where ?? null, hint: hint ?? null },
  }
}
