import { ATTACKS, type AttackName, type FooledRow, pictureOf } from '../evaluate/index.ts'
import { attack } from '../recipe/index.ts'
import type { FooledPictures } from '../view/index.ts'
import { DATA, dataFor, modelAt, READING, SEED } from './inputs.ts'
import { pageAt, writeOutput } from './output-file.ts'
import { rangeOf } from './range.ts'
import type { Verb } from './verb.ts'

const NAMES = [...(Object.keys(ATTACKS) as AttackName[]), 'standard'] as const

export const attackVerb: Verb = {
  name: 'attack',
  usage: 'attack MODEL --data D [--attack standard] [--norm linf] [--eps 0.1] [--against BASE]',
  summary:
    'How many rows are still answered right when an adversary changes each a little. Works on integer models too; a gradient that hides is said.',
  examples: [
    'whet attack model.onnx --data eval.npz --eps 0.1',
    'whet attack int8.onnx --data eval.npz --attack apgd-t --against model.onnx -o attack.html',
  ],
  positionals: { min: 1, max: 1, names: 'one model' },
  options: {
    data: DATA,
    attack: { type: 'string', value: 'NAME', help: `${NAMES.join(', ')} (standard: apgd-ce, apgd-t, fab-t, square)` },
    norm: { type: 'string', value: 'linf|l2', help: 'how change is measured: the largest one, or the length (linf)' },
    eps: { type: 'string', value: 'E', help: 'how much change is allowed, in units of the input (0.1)' },
    range: {
      type: 'string',
      value: '0,1',
      help: "valid input values (the data set's domain, else 0 to 1 where all rows lie in it)",
    },
    against: {
      type: 'string',
      value: 'BASE',
      help: 'a model to attack with the same budget, row by row beside this one',
    },
    rows: { type: 'string', value: 'N', help: 'attack only the first N rows (all)' },
    output: {
      type: 'string',
      short: 'o',
      value: 'FILE',
      help: 'also write the report as one page of HTML, with rows that were turned',
    },
    ...READING,
    seed: SEED,
  },
  async run([path], options, context) {
    const page = pageAt(options, 'attack.html')
    const rows = options.required('data', 'give rows with --data D')
    const model = await modelAt(path!, options)
    const base = options.text('against')
    const against = base === undefined ? undefined : { path: base, model: await modelAt(base, options) }
    const data = await dataFor(rows, model, options)
    const label = options.text('label')
    const range = rangeOf(options)
    const most = options.integer('rows', data.rows, 1)
    let shown: readonly FooledRow[] = []
    const report = await attack({ path: path!, model }, data, {
      attack: options.choice('attack', NAMES, 'standard'),
      norm: options.choice('norm', ['linf', 'l2'], 'linf'),
      eps: options.number('eps', 0.1, Number.MIN_VALUE),
      seed: options.integer('seed', 0),
      signal: context.signal,
      onProgress: ({ part, share }) => context.progress(`${part} ${(100 * share).toFixed(0)} %`),
      ...(most < data.rows ? { indices: Array.from({ length: most }, (_, row) => row) } : {}),
      range,
      label,
      against,
      ...(page === null ? {} : { examples: MOST_SHOWN, onFooled: (found) => (shown = found) }),
    })
    if (page !== null) {
      const { renderHtml } = await import('../view/index.ts')
      await writeOutput(page, renderHtml(report, { fooled: picturesOf(shown, report.range) }), context)
    }
    return { report }
  },
}

/** Rows that a page shows. */
const MOST_SHOWN = 12

function picturesOf(rows: readonly FooledRow[], range: readonly [number, number]): ReadonlyMap<number, FooledPictures> {
  const pictures = new Map<number, FooledPictures>()
  for (const { row, shape, before, after, slope } of rows) {
    const [first, second] = [before, after].map((values) => pictureOf(shape, values, range))
    const saliency = slope && pictureOf(shape, slope.map(Math.abs))
    if (first && second) pictures.set(row, { before: first, after: second, saliency })
  }
  return pictures
}
