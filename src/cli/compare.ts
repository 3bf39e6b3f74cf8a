import { compareModels } from '../recipe/index.ts'
import { exitOfVerdict } from './exit.ts'
import { DATA, dataFor, LABEL, METRIC, modelAt, SLICE, TOKENIZER, TOKENS } from './inputs.ts'
import { metricOf } from './metric.ts'
import type { Verb } from './verb.ts'

export const compareVerb: Verb = {
  name: 'compare',
  usage: 'compare BASE CANDIDATE --data D [--margin 0.01] [--slice FIELD]…',
  summary: 'Is the candidate as good as the base? Same rows, paired, with a margin: pass, regressed or inconclusive.',
  examples: [
    'whet compare model.onnx int8.onnx --data eval.npz',
    'whet compare v7.onnx v8.onnx --data eval.npz --slice country --margin 0.005',
  ],
  positionals: { min: 2, max: 2, names: 'two models' },
  options: {
    data: DATA,
    margin: {
      type: 'string',
      value: 'M',
      help: 'the loss that would still be acceptable, in units of the metric (0.01)',
    },
    alpha: { type: 'string', value: 'A', help: 'one-sided error rate (0.05)' },
    slice: SLICE,
    label: LABEL,
    metric: METRIC,
    tokenizer: TOKENIZER,
    tokens: TOKENS,
  },
  async run([basePath, candidatePath], options, context) {
    const path = options.required('data', 'no data is never a pass: give rows with --data D')
    const margin = options.number('margin', 0.01, Number.MIN_VALUE)
    const alpha = options.number('alpha', 0.05, 1e-9, 0.5)
    const base = await modelAt(basePath!)
    const candidate = await modelAt(candidatePath!)
    const data = await dataFor(path, base, options)
    const metric = await metricOf(options)
    const label = options.text('label')
    const report = await compareModels(base, candidate, data, {
      margin,
      alpha,
      slices: options.list('slice'),
      signal: context.signal,
      onProgress: (done, of) => context.progress(`row ${done} of ${of}`),
      ...(label ? { label } : {}),
      ...(metric ? { metric } : {}),
    })
    return { report, exitCode: exitOfVerdict(report.verdict) }
  },
}
