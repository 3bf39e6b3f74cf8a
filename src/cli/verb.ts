import { didYouMean, sizeOf } from '../platform/index.ts'
import type { Report } from '../report/index.ts'
import { wrongCall } from './wrong-call.ts'

/** Milliseconds of the longest timer; Node.js runs a longer one at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/** An option as `parseArgs` takes it, with the words of the help page. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly multiple?: boolean
  /** How the value is called in the help: `FILE`, `N`, `MS`. */
  readonly value?: string
  readonly help: string
  /** The option that this one belongs to; without that, it would change nothing and is refused. */
  readonly with?: string
}

/** Given options by name; a list where an option may be given several times. */
export type Values = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

/** What a verb hands back: the report, and the exit code where it is not 0. */
export interface Outcome {
  readonly report: Report
  /** Printed for people in place of the report: a card, an explanation, a new key. */
  readonly text?: string
  readonly exitCode?: number
}

/** A verb of the command: what it takes, what the help says of it, and what it does. */
export interface Verb {
  readonly name: string
  /** `whet` + this is the usage line. */
  readonly usage: string
  readonly summary: string
  readonly examples?: readonly string[]
  readonly positionals: { readonly min: number; readonly max: number; readonly names: string }
  readonly options: Readonly<Record<string, OptionSpec>>
  /** Finished work survives Ctrl-C, and the same command resumes from it. */
  readonly keepsWork?: true
  /** The file from which the same command with `--resume` goes on after Ctrl-C, once it has been written. */
  readonly checkpoint?: (options: Arguments) => string
  /** Milliseconds that it may take to end by itself after Ctrl-C, where it needs longer than others. */
  readonly graceMs?: number
  run(positionals: readonly string[], options: Arguments, context: Context): Promise<Outcome>
}

/** Milliseconds in which a training step surely ends; its state can be saved only then. */
const STEP_MS = 30_000

/** The grace of a verb, in milliseconds; undefined where the usual one is enough. */
export const graceOf = ({ graceMs, checkpoint }: Verb): number | undefined =>
  graceMs ?? (checkpoint ? STEP_MS : undefined)

/** What a verb may use of the terminal. Nothing else prints. */
export interface Context {
  readonly json: boolean
  /** A line for people, on stderr. */
  say(line: string): void
  /** The current state of a long run: drawn over itself on a terminal, left out elsewhere. */
  progress(line: string): void
  /** Aborted on Ctrl-C. */
  readonly signal: AbortSignal
  /** The command as the user typed it, for the report. */
  readonly command: string
}

export const COMMON: Readonly<Record<string, OptionSpec>> = {
  json: { type: 'boolean', help: 'print the report as one JSON document on stdout' },
  quiet: { type: 'boolean', help: 'no progress on stderr' },
  help: { type: 'boolean', short: 'h', help: 'this page' },
}

/** The options of one call, read with their types; a wrong value is a UserError that names the option. */
export class Arguments {
  readonly #values: Values
  readonly #positionals: readonly string[]

  constructor(values: Values, positionals: readonly string[] = []) {
    this.#values = values
    this.#positionals = positionals
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined
  }

  /** The same call without one option. */
  without(name: string): Arguments {
    const { [name]: _, ...rest } = this.#values
    return new Arguments(rest, this.#positionals)
  }

  /** All words of the call except those of one option; every other file name is among them. */
  words(without: string): readonly string[] {
    const others = Object.keys(this.#values).filter((name) => name !== without)
    return [...this.#positionals, ...others.flatMap((name) => this.list(name))]
  }

  flag(name: string): boolean {
    return this.#values[name] === true
  }

  text(name: string): string | undefined {
    const value = this.#values[name]
    return typeof value === 'string' ? value : undefined
  }

  required(name: string, hint: string): string {
    const value = this.text(name)
    if (value === undefined || value === '') throw wrongCall(`--${name} is missing`, hint)
    return value
  }

  list(name: string): readonly string[] {
    const value = this.#values[name]
    return Array.isArray(value) ? value : typeof value === 'string' ? [value] : []
  }

  /** A finite number within [min, max]; `Number.MIN_VALUE` as the least says: above 0. */
  number(name: string, fallback: number, min: number, max = Number.POSITIVE_INFINITY): number {
    return this.givenNumber(name, fallback, min, max) ?? fallback
  }

  integer(name: string, fallback: number, min = 0, max = Number.MAX_SAFE_INTEGER): number {
    return this.givenInteger(name, fallback, min, max) ?? fallback
  }

  /** The same where the call has the option, undefined where it has not; messages offer `example`. */
  givenNumber(name: string, example: number, min: number, max = Number.POSITIVE_INFINITY): number | undefined {
    return this.#within(name, 'number', example, min, max)
  }

  givenInteger(name: string, example: number, min: number, max = Number.MAX_SAFE_INTEGER): number | undefined {
    return this.#within(name, 'whole number', example, min, max)
  }

  /** Bytes within [min, max] where the call has the option: `5MB`, `200MiB`, `64k`; a number alone counts `plain` bytes. */
  givenSize(name: string, { min = 0, max = Number.MAX_SAFE_INTEGER, plain = 1 }: SizeLimits = {}): number | undefined {
    const given = this.text(name)
    if (given === undefined) return undefined
    const bytes = sizeOf(given, plain)
    if (bytes === null || bytes < min || bytes > max)
      throw wrongCall(
        `--${name} ${given}: not a size ${range(min, max)}${max === Number.MAX_SAFE_INTEGER ? '' : ' bytes'}`,
        `for example --${name} 5MB, 200MiB or 64k`,
      )
    return bytes
  }

  /** Of an option that may be repeated. */
  integers(name: string, example: number, min: number, max: number): readonly number[] {
    return this.list(name).map((given) => read(name, given, 'whole number', example, min, max))
  }

  #within(name: string, kind: Kind, example: number, min: number, max: number): number | undefined {
    const given = this.text(name)
    return given === undefined ? undefined : read(name, given, kind, example, min, max)
  }

  choice<const C extends string>(name: string, choices: readonly C[], fallback: C): C {
    const given = this.text(name)
    if (given === undefined) return fallback
    const found = choices.find((choice) => choice === given)
    if (found === undefined)
      throw wrongCall(
        `--${name} ${given}: no such choice`,
        `${didYouMean(given, choices)}choices: ${choices.join(', ')}`,
      )
    return found
  }
}

interface SizeLimits {
  readonly min?: number
  readonly max?: number
  /** What a number without a unit counts. */
  readonly plain?: number
}

type Kind = 'number' | 'whole number'

function read(name: string, given: string, kind: Kind, example: number, min: number, max: number): number {
  const value = Number(given)
  const isKind = given.trim() !== '' && (kind === 'number' ? Number.isFinite(value) : Number.isInteger(value))
  if (!isKind || value < min || value > max)
    throw wrongCall(`--${name} ${given}: not a ${kind} ${range(min, max)}`, `for example --${name} ${example}`)
  return value
}

function range(min: number, max: number): string {
  const endless = max >= Number.MAX_SAFE_INTEGER
  if (min === Number.MIN_VALUE) return endless ? 'above 0' : `above 0, at most ${max}`
  return endless ? `from ${min} up` : `from ${min} to ${max}`
}

/** Durations as people write them (`90s`, `5m`, `1h`, plain seconds) in milliseconds; none at all only with `orNone`. */
export function duration(text: string, option: string, { orNone = false } = {}): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim())
  const unit = { ms: 1, s: 1e3, m: 6e4, h: 36e5 }
  if (!match || (Number(match[1]) === 0 && !orNone))
    throw wrongCall(`--${option} ${text}: not a duration`, 'for example 90s, 5m or 1h')
  return Number(match[1]) * unit[(match[2] ?? 's') as keyof typeof unit]
}
