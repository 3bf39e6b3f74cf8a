import { MODALITIES, type Modality } from '../data/index.ts'
import { diskCache, robustness } from '../recipe/index.ts'
import { exitOfWorst } from './exit.ts'
import { ALPHA, DATA, dataFor, MARGIN, METRIC, modelAt, READING, SEED } from './inputs.ts'
import { metricOf } from './metric.ts'
import { pageAt, writeOutput } from './output-file.ts'
import { rangeOf } from './range.ts'
import type { Arguments, Verb } from './verb.ts'

export const robustnessVerb: Verb = {
  name: 'robustness',
  usage: 'robustness MODEL… --data D [--corruptions snow,fog] [--severities 1,3,5] [--ood D2]',
  summary:
    'Corrupted inputs, rows from elsewhere, tiny changes, and what probabilities are worth: the same rows and seeds for every model; exit 1 where one regressed against the first, 3 where the rows cannot tell.',
  examples: [
    'whet robustness model.onnx int8.onnx --data eval.npz',
    'whet robustness model.onnx --data photos/ --corruptions fog,snow --severities 3',
    'whet robustness model.onnx int8.onnx --data eval.npz --ood other.npz',
  ],
  keepsWork: true,
  positionals: { min: 1, max: 32, names: 'at least one model' },
  options: {
    data: DATA,
    corruptions: { type: 'string', value: 'LIST', help: 'which ones, by name (all that apply to the inputs)' },
    severities: { type: 'string', value: '1,3,5', help: 'from 1 (slight) to 5 (strong); all five unless said' },
    ood: { type: 'string', value: 'D2', help: 'rows that are not like the data: how well are they noticed?' },
    as: {
      type: 'string',
      value: 'KIND',
      help: `what the inputs are: ${MODALITIES.join(', ')} (told from their shape)`,
    },
    range: { type: 'string', value: '0,1', help: 'input values of black and white (taken from the data set)' },
    margin: MARGIN,
    alpha: ALPHA,
    ...READING,
    metric: METRIC,
    output: { type: 'string', short: 'o', value: 'FILE', help: 'also write the report as one page of HTML' },
    seed: SEED,
  },
  async run(paths, options, context) {
    const output = pageAt(options, 'robustness.html')
    const path = options.required('data', 'give rows with --data D')
    const models = []
    for (const one of paths) models.push({ path: one, model: await modelAt(one, options) })
    const data = await dataFor(path, models[0]!.model, options)
    const ood = options.text('ood')
    // Strangers need no labels, and have others.
    const outside = ood === undefined ? undefined : await dataFor(ood, models[0]!.model, options.without('label'))
    const report = await robustness(models, data, {
      corruptions: listed(options, 'corruptions'),
      severities: listed(options, 'severities')?.map(Number),
      outside,
      modality: options.has('as') ? options.choice<Modality>('as', MODALITIES, 'images') : undefined,
      range: rangeOf(options),
      margin: options.number('margin', 0.01, Number.MIN_VALUE),
      alpha: options.number('alpha', 0.05, 1e-9, 0.5),
      label: options.text('label'),
      metric: await metricOf(options),
      seed: options.integer('seed', 0),
      cache: diskCache(),
      signal: context.signal,
      onProgress: ({ part, done, total }) => context.progress(`${bar(done / total)} ${part}`),
    })
    if (output !== null) {
      const { renderHtml } = await import('../view/index.ts')
      await writeOutput(output, renderHtml(report), context)
    }
    // Where no change could be measured there is no evidence, and so no pass.
    const verdicts = report.models.slice(1).map(({ change }) => change?.verdict ?? 'inconclusive')
    return { report, exitCode: exitOfWorst(verdicts) }
  },
}

function listed(options: Arguments, name: string): readonly string[] | undefined {
  return options
    .text(name)
    ?.split(',')
    .map((item) => item.trim())
    .filter(Boolean)
}

const WIDTH = 24
const bar = (share: number) =>
  `[${'█'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '·')}] ${(100 * share).toFixed(1).padStart(5)} %`
