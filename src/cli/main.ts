#!/usr/bin/env node
// Nothing here that `--help` has no use for: that answer comes at once.
import type { ProgramReport } from '../report/index.ts'
import { EXIT } from './exit-codes.ts'
import { overview } from './overview.ts'
import type { Arguments, Verb } from './verb.ts'
import { VERBS, WITHOUT_VERB } from './verbs.ts'

/** Runs one command line (without `node whet`); resolves to the exit code. */
async function main(words: readonly string[]): Promise<number> {
  // `whet help VERB` is `whet VERB --help`.
  const [first, ...rest] =
    words[0] === 'help' && words[1] !== undefined && words[1] !== '--json'
      ? [words[1], '--help', ...words.slice(2)]
      : words
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    process.stdout.write(`${await said(words.includes('--json'), overview())}\n`)
    return first === undefined ? EXIT.user : EXIT.done
  }
  if (VERSION_WORDS.includes(first)) {
    process.stdout.write(`${await said(words.includes('--json'))}\n`)
    return EXIT.done
  }
  const { explain, graceOf, helpOf, openTerminal, parse } = await import('./start.ts')
  const terminal = openTerminal(words)
  let [verb, given, printed]: [verb?: Verb, given?: Arguments, printed?: true] = []
  const print = (text: string) => {
    printed = true
    return terminal.print(text)
  }
  try {
    const entry = Object.hasOwn(VERBS, first) ? VERBS[first] : undefined
    if (!entry) throw await noSuchVerb(first)
    verb = await entry.load()
    const { positionals, options } = parse(verb, rest)
    given = options
    if (options.flag('help')) {
      await terminal.print(
        await said(terminal.context.json, helpOf(verb, terminal.context.json ? undefined : process.stdout.columns)),
      )
      return EXIT.done
    }
    const graceMs = graceOf(verb)
    if (graceMs !== undefined) terminal.allow(graceMs)
    const stopReading = readAhead()
    const { report, text, exitCode } = await Promise.race([
      verb.run(positionals, options, terminal.context),
      terminal.interrupted,
    ]).finally(stopReading)
    terminal.clear()
    if (terminal.context.json) await print(JSON.stringify(report, null, 1))
    else if (text !== undefined) await print(text)
    else await print((await import('./print.ts')).renderTerminal(report, terminal.style))
    return exitCode ?? EXIT.done
  } catch (error) {
    terminal.clear()
    const { aborted, reason } = terminal.context.signal
    const { report, text } = explain(aborted ? reason : error, verb, given)
    process.stderr.write(`${text}\n`)
    // One document and no more: where stdout broke, the begun one is all that it gets.
    if (terminal.context.json && !printed) await print(JSON.stringify(report, null, 1)).catch(() => {})
    return report.exitCode
  }
}

/** The version, or a page of help; with `--json` as the report that promises. */
async function said(json: boolean, help?: string): Promise<string> {
  if (!json && help !== undefined) return help
  const { WHETSTONE_VERSION: whetstone } = await import('./version.ts')
  const report: ProgramReport = { kind: 'program', version: 1, whetstone, ...(help === undefined ? {} : { help }) }
  return json ? JSON.stringify(report, null, 1) : whetstone
}

/** As people ask other programs for their version. */
const VERSION_WORDS = ['--version', '-v', '-V', 'version']

async function noSuchVerb(word: string): Promise<Error> {
  const { didYouMean, nearestName, UserError } = await import('../platform/index.ts')
  const alone = nearestName(word.replace(/^-+/, ''), ['version', 'help'])
  const unknown = !word.startsWith('-')
    ? didYouMean(word, Object.keys(VERBS))
    : alone
      ? `did you mean "--${alone}"? `
      : `options stand behind the verb: whet VERB … ${word}; `
  const hint = Object.hasOwn(WITHOUT_VERB, word) ? WITHOUT_VERB[word]! : `${unknown}whet --help lists the verbs`
  return new UserError('bad-argument', `there is no verb "${word}"`, { where: 'command line', hint })
}

const LOOK_MS = 20
/** A timer that fires later than this had to wait until this process was done with something. */
const LATE_MS = 3

/**
 * What prints a report takes some 20 ms to load: it is loaded when the verb waits for others, as for a model; at the end
 * where it never does. What is given back ends the looking for such a moment.
 */
function readAhead(): () => void {
  let [due, idle] = [performance.now() + LOOK_MS, 0]
  const looking = setInterval(() => {
    const now = performance.now()
    idle = now - due < LATE_MS ? idle + 1 : 0
    due = now + LOOK_MS
    if (idle < 2) return
    clearInterval(looking)
    // A fault in it shows where it is needed.
    import('./print.ts').catch(() => {})
  }, LOOK_MS)
  return () => clearInterval(looking)
}

process.exitCode = await main(process.argv.slice(2))
// Native sessions keep handles open; everything is written by now.
process.exit()
