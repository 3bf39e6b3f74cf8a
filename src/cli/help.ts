import { COMMON, type OptionSpec, type Verb } from './verb.ts'

/** What `whet VERB --help` says. */
export function helpOf(verb: Verb): string {
  const all = Object.entries({ ...verb.options, ...COMMON })
  const left = all.map(([name, spec]) => leftOf(name, spec))
  const width = Math.min(34, Math.max(...left.map((text) => text.length)) + 2)
  const options = all.map(([, spec], i) => {
    const name = left[i]!
    return name.length + 2 > width
      ? `  ${name}\n  ${' '.repeat(width)}${spec.help}`
      : `  ${name.padEnd(width)}${spec.help}`
  })
  const examples = verb.examples?.length ? ['', 'Examples', ...verb.examples.map((line) => `  ${line}`)] : []
  return [`whet ${verb.usage}`, '', verb.summary, '', ...options, ...examples].join('\n')
}

function leftOf(name: string, { short, value, type }: OptionSpec): string {
  const dashes = short ? `-${short}, --${name}` : `--${name}`
  return type === 'string' ? `${dashes} ${value ?? 'VALUE'}` : dashes
}
