import { COMMON, type OptionSpec, type Verb } from './verb.ts'
import { VERBS } from './verbs.ts'

export function overview(): string {
  const width = Math.max(...Object.keys(VERBS).map((name) => name.length)) + 2
  const lines = Object.entries(VERBS).map(([name, { summary }]) => `  ${name.padEnd(width)}${summary}`)
  return [
    'whet: makes an ONNX model smaller and faster, and proves that it is still right.',
    '',
    'Start here:  whet optimize model.onnx --data eval.npz -o out',
    '',
    ...lines,
    '',
    'whet VERB --help tells the rest. --json prints the report as one JSON document.',
  ].join('\n')
}

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
