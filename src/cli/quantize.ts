import { writeModel } from '../onnx/index.ts'
import { UserError } from '../platform/index.ts'
import { diskCache, quantize } from '../recipe/index.ts'
import { DATA, dataFor, LABEL, modelAt, OUT_FILE, SEED } from './inputs.ts'
import { outputFile } from './output-file.ts'
import type { Verb } from './verb.ts'

const SCHEMES = ['static-int8', 'dynamic-int8', 'weight-int8', 'weight-int4', 'float16'] as const

export const quantizeVerb: Verb = {
  name: 'quantize',
  usage: 'quantize MODEL -o OUT --scheme static-int8 --data D',
  summary: 'Integer or half-precision weights and kernels, checked in the graph that the runtime really runs.',
  examples: [
    'whet quantize model.onnx -o int8.onnx --scheme static-int8 --data calib.npz',
    'whet quantize llm.onnx -o int4.onnx --scheme weight-int4 --group 32',
  ],
  positionals: { min: 1, max: 1, names: 'one model' },
  options: {
    output: OUT_FILE,
    scheme: { type: 'string', value: 'NAME', help: SCHEMES.join(', ') },
    data: DATA,
    label: LABEL,
    calibration: { type: 'string', value: 'HOW', help: 'minmax (default), percentile, entropy or mse' },
    samples: { type: 'string', value: 'N', help: 'rows to calibrate on (128)' },
    target: { type: 'string', value: 'NAME', help: 'native (default), portable or web' },
    group: { type: 'string', value: 'N', help: 'columns a block of 4-bit weights has (32)' },
    'keep-float': {
      type: 'string',
      multiple: true,
      value: 'NODE|OP',
      help: 'leave this node, or all of this operator, in float; may be repeated',
    },
    seed: SEED,
  },
  async run([path], options, context) {
    const out = outputFile(options, 'int8.onnx')
    if (!options.has('scheme'))
      throw new UserError('bad-argument', '--scheme is missing', {
        where: 'command line',
        hint: `choices: ${SCHEMES.join(', ')}; whet optimize tries them all`,
      })
    const scheme = options.choice('scheme', SCHEMES, 'static-int8')
    const calibration = options.choice('calibration', ['minmax', 'percentile', 'entropy', 'mse'], 'minmax')
    const target = options.choice('target', ['native', 'portable', 'web'], 'native')
    const samples = options.integer('samples', 128, 1)
    const group = options.integer('group', 32, 16, 256)
    const model = await modelAt(path!)
    const data = options.text('data')
    const dataset = data ? await dataFor(data, model, options) : undefined
    if (dataset && options.has('samples') && dataset.rows < samples)
      throw new UserError('bad-data', `--samples ${samples} was asked for, there are ${dataset.rows} rows`, {
        where: data!,
        hint: `give --samples ${dataset.rows} or more rows`,
      })
    const { model: quantized, report } = await quantize(model, {
      scheme,
      data: dataset,
      calibration,
      samples,
      target,
      group,
      keepFloat: options.list('keep-float'),
      seed: options.integer('seed', 0),
      cache: diskCache(),
      signal: context.signal,
      onProgress: context.progress,
    })
    await writeModel(quantized, out)
    context.say(`wrote ${out}`)
    return { report }
  },
}
