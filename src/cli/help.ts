import { wrap } from '../report/index.ts'
import { COMMON, type OptionSpec, type Verb } from './verb.ts'

/** The least room beside their names that what options do is said in; below them where there is less. */
const LEAST = 30

/** What `whet VERB --help` says, on lines of at most this width; examples are left whole, to be copied. */
export function helpOf(verb: Verb, lineWidth = Number.POSITIVE_INFINITY): string {
  const all = Object.entries({ ...verb.options, ...COMMON })
  const left = all.map(([name, spec]) => leftOf(name, spec))
  const width = Math.min(34, Math.max(...left.map((text) => text.length)) + 2)
  const options = all.map(([, spec], i) => {
    const name = left[i]!
    const column = lineWidth - width - 2 < LEAST ? 6 : width + 2
    const below = `\n${' '.repeat(column)}`
    const words = wrap(spec.help, lineWidth - column).join(below)
    return name.length + 4 > column ? `  ${name}${below}${words}` : `  ${name.padEnd(column - 2)}${words}`
  })
  const examples = verb.examples?.length ? ['', 'Examples', ...verb.examples.map((line) => `  ${line}`)] : []
  const usage = wrap(`whet ${verb.usage}`, lineWidth - 2).join('\n  ')
  return [usage, '', ...wrap(verb.summary, lineWidth), '', ...options, ...examples].join('\n')
}

function leftOf(name: string, { short, value, type }: OptionSpec): string {
  const dashes = short ? `-${short}, --${name}` : `--${name}`
  return type === 'string' ? `${dashes} ${value ?? 'VALUE'}` : dashes
}
