import { parseArgs } from 'node:util'
import { nearestName, UserError } from '../platform/index.ts'
import { Arguments, COMMON, type OptionSpec, type Values, type Verb } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

/** Splits a verb's words into positionals and options; an unknown option is a UserError with the nearest one. */
export function parse(verb: Verb, words: readonly string[]): { positionals: readonly string[]; options: Arguments } {
  const specs = { ...verb.options, ...COMMON }
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short ? { short } : {}), ...(multiple ? { multiple } : {}) },
    ]),
  )
  try {
    const { values, positionals, tokens } = parseArgs({
      args: [...words],
      options,
      allowPositionals: true,
      strict: true,
      tokens: true,
    })
    refuseTwice(tokens, specs)
    const { min, max, names } = verb.positionals
    if (values.help !== true && (positionals.length < min || positionals.length > max))
      throw wrongCall(
        `whet ${verb.name} takes ${names}, got ${positionals.length || 'none'}`,
        `usage: whet ${verb.usage}`,
      )
    if (values.help !== true) refuseAlone(values as Values, specs)
    return { positionals, options: new Arguments(values as Values, positionals) }
  } catch (error) {
    if (error instanceof UserError) throw error
    const { message, hint } = wordsProblem(error, Object.keys(specs))
    throw new UserError('bad-argument', message, {
      where: 'command line',
      hint: hint ?? `whet ${verb.name} --help lists the options`,
      cause: error,
    })
  }
}

type Tokens = NonNullable<ReturnType<typeof parseArgs>['tokens']>

/** Of two values the last would win, and the first be dropped without a word. */
function refuseTwice(tokens: Tokens, specs: Readonly<Record<string, OptionSpec>>): void {
  const given = new Map<string, string>()
  for (const token of tokens) {
    if (token.kind !== 'option' || token.value === undefined || specs[token.name]?.multiple) continue
    const before = given.get(token.name)
    if (before !== undefined)
      throw wrongCall(`--${token.name} is given twice: ${before} and ${token.value}`, 'give it once')
    given.set(token.name, token.value)
  }
}

/** What changes nothing would be ignored without a word. */
function refuseAlone(values: Values, specs: Readonly<Record<string, OptionSpec>>): void {
  for (const name of Object.keys(values)) {
    const other = specs[name]?.with
    if (other === undefined || values[other] !== undefined) continue
    const value = specs[other]?.value
    throw wrongCall(
      `--${name} means nothing without --${other}`,
      `add --${other}${value ? ` ${value}` : ''}, or leave --${name} out`,
    )
  }
}

/** What `parseArgs` objects to, in our words. */
function wordsProblem(error: unknown, known: readonly string[]): { message: string; hint?: string } {
  const text = error instanceof Error ? error.message.split('\n')[0]! : String(error)
  const unknown = /Unknown option '--?([^']+)'/.exec(text)?.[1]
  if (unknown) {
    const near = nearestName(unknown, known)
    return {
      message: `no option ${unknown.length === 1 ? '-' : '--'}${unknown}${near ? `; did you mean --${near}?` : ''}`,
    }
  }
  const [, option, problem] = /'(?:-\w, )?(--[\w-]+)(?: <value>)?' argument (missing|is ambiguous)/.exec(text) ?? []
  if (problem === 'missing') return { message: `${option} needs a value` }
  // A value that begins with a dash reads as the next option.
  if (problem)
    return {
      message: `${option} has no value before the next option`,
      hint: `for a value that begins with a dash write ${option}=VALUE`,
    }
  return { message: text }
}
