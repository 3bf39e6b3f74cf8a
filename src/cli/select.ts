import { selectModels } from '../recipe/index.ts'
import { exitOfWorst } from './exit.ts'
import { EXIT } from './exit-codes.ts'
import { GATE, gateAt, refuseDoubles } from './gate.ts'
import { DATA, dataFor, METRIC, modelAt, READING, SEED, SLICE, THREADS } from './inputs.ts'
import { metricOf } from './metric.ts'
import { pageAt, writeOutput } from './output-file.ts'
import { DATA_FOR, ownData, ownPaths } from './own-data.ts'
import type { Verb } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

export const selectVerb: Verb = {
  name: 'select',
  usage: 'select MODEL… --data D --gate FILE [--gate FILE]…',
  summary: 'Many models through one harness: judged against the first, timed by turns, held against every gate.',
  examples: [
    'whet select model.onnx int8.onnx small.onnx --data eval.npz --gate whetstone.gate.yaml',
    'whet select a.onnx b.onnx --data eval.npz --gate phone.yaml --gate server.yaml -o selection.html',
    'whet select a.onnx wide.onnx --data small.json --data-for wide.onnx=wide.json --gate phone.yaml',
  ],
  positionals: { min: 2, max: 32, names: 'two or more models, the one in use first' },
  options: {
    data: DATA,
    'data-for': DATA_FOR,
    gate: { ...GATE, multiple: true, help: `${GATE.help}; may be repeated` },
    ...READING,
    slice: SLICE,
    metric: METRIC,
    threads: THREADS,
    duration: { type: 'string', value: 'S', help: 'seconds of timing at the most (10)' },
    output: { type: 'string', short: 'o', value: 'FILE', help: 'the leaderboard as a page of HTML' },
    seed: SEED,
  },
  async run(paths, options, context) {
    const path = options.required('data', 'no data is never a pass: give rows with --data D')
    const page = pageAt(options, 'selection.html')
    const gates = options.list('gate').map(gateAt)
    if (gates.length === 0)
      throw wrongCall('--gate is missing', 'say what a model must keep: --gate whetstone.gate.yaml')
    for (const gate of gates) refuseDoubles(gate, options)
    const settings = {
      threads: options.integer('threads', 1, 1, 256),
      maxSeconds: options.number('duration', 10, 0.1, 36_000),
      seed: options.integer('seed', 0),
      slices: options.list('slice'),
      signal: context.signal,
      onStep: (text: string) => context.progress(text),
    }
    const own = ownPaths(paths, options, gates)
    const read = await Promise.all(paths.map(async (name) => ({ name, model: await modelAt(name, options) })))
    const data = await dataFor(path, read[0]!.model, options)
    const models = await Promise.all(
      read.map(async ({ name, model }) => ({
        name,
        model,
        data: await ownData(name, model, { path, data }, own.get(name), options),
      })),
    )
    const metric = await metricOf(options)
    const label = options.text('label')
    const report = await selectModels(models, data, gates, { ...settings, label, metric })
    if (page !== null) await writeOutput(page, (await import('../view/index.ts')).renderHtml(report), context)
    // A selection succeeds where some model may go out; else the mildest refusal says what is missing.
    const best = report.models.map(({ gates: of }) => exitOfWorst(of.map(({ verdict }) => verdict)))
    const code = [EXIT.done, EXIT.inconclusive, EXIT.regressed].find((exit) => best.includes(exit))
    return { report, exitCode: code ?? EXIT.regressed }
  },
}
