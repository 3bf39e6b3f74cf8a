import { VERBS } from './verbs.ts'

/** The page of `whet --help`. Alone in its file: it must be there at once, and needs nothing but the verbs' summaries. */
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
