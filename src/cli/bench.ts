import { UserError } from '../platform/index.ts'
import { bench } from '../recipe/index.ts'
import { DATA, dataFor, LABEL, modelAt, SEED, SHAPE } from './inputs.ts'
import { shapes, type Verb } from './verb.ts'

export const benchVerb: Verb = {
  name: 'bench',
  usage: 'bench MODEL… [--threads 1] [--duration 10] [--shape …] [--data D]',
  summary: 'Latency, throughput, load time and memory, the models by turns in processes of their own.',
  examples: ['whet bench model.onnx int8.onnx', 'whet bench model.onnx --shape x=1,3,224,224 --threads 2'],
  positionals: { min: 1, max: 16, names: 'one or more models' },
  options: {
    scenario: { type: 'string', value: 'NAME', help: 'single-stream' },
    threads: { type: 'string', value: 'N', help: 'threads of the runtime (1)' },
    duration: { type: 'string', value: 'S', help: 'seconds at the most (10)' },
    shape: SHAPE,
    data: DATA,
    label: LABEL,
    seed: SEED,
  },
  async run(paths, options, context) {
    if (options.text('scenario') && options.text('scenario') !== 'single-stream')
      throw new UserError('unsupported', `--scenario ${options.text('scenario')} is not there yet`, {
        where: 'command line',
        hint: 'this version measures single-stream',
      })
    const threads = options.integer('threads', 1, 1, 256)
    const maxSeconds = options.number('duration', 10, 0.1, 36_000)
    const settings = { shapes: shapes(options.list('shape')), seed: options.integer('seed', 0) }
    const first = await modelAt(paths[0]!)
    const data = options.text('data')
    const report = await bench(
      paths.map((path) => ({ label: path, model: path })),
      {
        threads,
        maxSeconds,
        ...settings,
        signal: context.signal,
        onProgress: ({ rounds }) => context.progress(`round ${rounds}`),
        ...(data ? { data: await dataFor(data, first, options) } : {}),
      },
    )
    return { report }
  },
}
