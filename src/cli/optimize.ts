import { didYouMean, UserError, withLock } from '../platform/index.ts'
import { diskCache } from '../recipe/index.ts'
import { type OptimizationReport, TARGETS } from '../report/index.ts'
import { type GoalName, goalOf, type OptimizeOptions, optimize } from '../search/index.ts'
import { candidateNames, explainCandidate, explainLeftOut } from '../view/index.ts'
import { ALPHA, DATA, dataAt, dataFor, MARGIN, METRIC, modelAt, READING, SEED, SLICE, THREADS } from './inputs.ts'
import { metricOf } from './metric.ts'
import { asked, finishedReport, RESULT, writeOptimized } from './optimize-output.ts'
import { outputFolder } from './output-file.ts'
import { checkConfig } from './transformers-companions.ts'
import { LAYOUT, layoutFiles, layoutOf, offeredDtypes, writeTransformersLayout } from './transformers-layout.ts'
import { type Arguments, duration, type Outcome, type Verb } from './verb.ts'

export const optimizeVerb: Verb = {
  name: 'optimize',
  usage: 'optimize MODEL --data D -o DIR',
  summary: 'Searches, measures on this machine, proves on rows that nothing else has touched, and hands out the best.',
  examples: [
    'whet optimize model.onnx --data eval.npz -o out',
    'whet optimize model.onnx --data eval.npz -o out --goal size --max-p99 20',
  ],
  keepsWork: true,
  positionals: { min: 1, max: 1, names: 'one model' },
  options: {
    data: DATA,
    output: {
      type: 'string',
      short: 'o',
      value: 'DIR',
      help: 'folder for model.onnx, report.html, report.json, recipe.json, candidates/',
    },
    layout: LAYOUT,
    goal: { type: 'string', value: 'NAME', help: 'latency (default), size, memory or cost' },
    'max-bytes': { type: 'string', value: 'SIZE', help: 'the file may not be larger: 5MB, 200MiB, 64k or plain bytes' },
    'max-p99': { type: 'string', value: 'MS', help: '99 of 100 answers may not take longer' },
    'max-rss': { type: 'string', value: 'SIZE', help: 'memory that a process may take for the model, as 200MB' },
    margin: MARGIN,
    alpha: ALPHA,
    target: { type: 'string', value: 'NAME', help: 'native (default), portable or web' },
    browser: { type: 'string', value: 'PATH', help: 'target web: measure in this headless Chromium; auto finds one' },
    time: { type: 'string', value: 'T', help: 'what does not fit into this time is left out, and told (5m)' },
    threads: THREADS,
    workers: {
      type: 'string',
      value: 'N',
      help: 'candidates to build and judge side by side (2, where there are as many cores); timings run alone',
    },
    seed: SEED,
    calibration: { type: 'string', value: 'D2', help: 'rows to calibrate on, instead of a share of --data' },
    proof: { type: 'string', value: 'D3', help: 'rows to prove on, instead of a share of --data' },
    'train-data': { type: 'string', value: 'D4', help: 'rows to train smaller students on, in half of the time' },
    'proven-only': { type: 'boolean', help: 'hand out nothing that is only close' },
    slice: SLICE,
    ...READING,
    metric: METRIC,
    explain: {
      type: 'string',
      value: 'ID',
      help: 'tell why this candidate was not chosen; a search that is in DIR is not run again',
    },
  },
  async run([path], options, context) {
    const data = options.required(
      'data',
      'no data is never a pass: give rows with --data, a folder of images or a .csv, .npz, .jsonl or .parquet file',
    )
    const layout = layoutOf(options.text('layout'))
    const out = outputFolder(options, [...RESULT, ...(layout ? layoutFiles(path!) : [])])
    if (layout) checkConfig(out, path!)
    const settings = await settingsOf(options)
    const model = await modelAt(path!, options)
    const dataset = await dataFor(data, model, options)
    const explained = options.text('explain')
    const finished = explained === undefined ? null : await finishedReport(out, model, dataset)
    if (explained !== undefined && finished) {
      // The search that is asked about is there: no other one shall take its place, whatever else the command says.
      if (asked(finished.command ?? '') !== asked(context.command))
        context.say(`this is about the search in ${out}, which was: ${finished.command ?? 'made by a program'}`)
      return explanation(finished, explained, context.json)
    }
    if (explained !== undefined)
      context.say(`there is no finished search of this model and these rows in ${out}: it is made first`)
    return withLock(out, async () => {
      const optimized = await optimize(model, dataset, {
        ...settings,
        calibration: await dataAt('calibration', model, options),
        proof: await dataAt('proof', model, options),
        trainData: await dataAt('train-data', model, options),
        path: path!,
        command: context.command,
        cache: diskCache(),
        signal: context.signal,
        onProgress: context.progress,
      })
      await writeOptimized(out, optimized)
      if (layout)
        await writeTransformersLayout(out, path!, offeredDtypes(model, optimized.report, optimized.candidates))
      context.say(`wrote ${out}`)
      return explained === undefined
        ? { report: optimized.report }
        : explanation(optimized.report, explained, context.json)
    })
  },
}

async function settingsOf(options: Arguments): Promise<OptimizeOptions> {
  const maxBytes = options.givenSize('max-bytes')
  const maxP99Ms = options.givenNumber('max-p99', 20, 1e-3)
  const maxRssBytes = options.givenSize('max-rss')
  const metric = await metricOf(options)
  const label = options.text('label')
  const browser = options.text('browser')
  const workers = options.givenInteger('workers', 2, 1, 64)
  return {
    goal: goalOf(options.text('goal') ?? ('latency' satisfies GoalName)),
    margin: options.number('margin', 0.01, Number.MIN_VALUE),
    alpha: options.number('alpha', 0.05, 1e-9, 0.5),
    target: options.choice('target', TARGETS, 'native'),
    time: duration(options.text('time') ?? '5m', 'time'),
    threads: options.integer('threads', 1, 1, 256),
    seed: options.integer('seed', 0),
    provenOnly: options.flag('proven-only'),
    slices: options.list('slice'),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(maxP99Ms === undefined ? {} : { maxP99Ms }),
    ...(maxRssBytes === undefined ? {} : { maxRssBytes }),
    ...(metric ? { metric } : {}),
    ...(label ? { label } : {}),
    ...(workers === undefined ? {} : { workers }),
    ...(browser === undefined ? {} : { browser }),
  }
}

function explanation(report: OptimizationReport, id: string, json: boolean): Outcome {
  const ids = candidateNames(report)
  const text = ids.includes(id) ? explainCandidate(report, id) : explainLeftOut(report, id)
  if (text === null)
    throw new UserError('bad-argument', `there was no candidate "${id}"`, {
      where: '--explain',
      hint: `${didYouMean(id, ids)}there were: ${ids.join(', ')}`,
    })
  return json ? { report: { ...report, explain: text } } : { report, text }
}
