import { GROUPS, VERBS } from './verbs.ts'

/** The page of `whet --help`. Alone in its file: it must be there at once, and needs nothing but the verbs' summaries. */
export function overview(): string {
  const width = Math.max(...Object.keys(VERBS).map((name) => name.length)) + 2
  const groups = Object.entries(GROUPS).flatMap(([title, verbs]) => [
    '',
    title,
    ...Object.entries(verbs).map(([name, { summary }]) => `  ${name.padEnd(width)}${summary}`),
  ])
  return [
    'whet: makes an ONNX model smaller and faster, and proves that it is still right.',
    '',
    'Start here:  whet optimize model.onnx --data eval.npz -o out',
    ...groups,
    '',
    'whet VERB --help lists the options. --json prints the report as one document.',
    'Exit codes: 0 done or pass, 1 regressed or a gate failed, 2 you can fix it,',
    '            3 inconclusive, 70 a bug in Whetstone,',
    '            130 interrupted (nothing is half-written).',
  ].join('\n')
}
