import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { startRuntimes } from '../engine/index.ts'
import type { Model } from '../ir/index.ts'
import { GROUPS } from '../passes/index.ts'
import { compileLater, keepHeapSmall, UserError } from '../platform/index.ts'
import type { Quantized } from '../recipe/index.ts'
import { RANGE_METHODS, SCHEMES, TARGETS } from '../report/index.ts'
import { DATA, dataFor, KEEP_FLOAT, modelAt, OUT_FILE, READING, RECIPE, SEED } from './inputs.ts'
import { outputFile, outputFolder, writableFile } from './output-file.ts'
import { checkConfig } from './transformers-companions.ts'
import {
  addedFiles,
  type Dtype,
  dtypeOf,
  LAYOUT,
  layoutFile,
  layoutOf,
  writeTransformersLayout,
} from './transformers-layout.ts'
import type { Arguments, Context, OptionSpec, Verb } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

/** The runtime reads shapes and axes while it loads, and from the model's own file alone; what we write for it has them there. */
const hasSmallOutside = ({ graph }: Model) =>
  [...graph.initializers.values()].some(({ data }) => data.form === 'external' && data.bytes.byteLength < SMALL)
/** Bytes. */
const SMALL = 1 << 10

/** The options of the weight-only schemes, refused beside another scheme rather than ignored. */
function weightChoices(options: Arguments, scheme: string) {
  const learned = options.text('rounding') === 'learned'
  const given = ['group', 'rounding', 'symmetric', 'asymmetric', 'accuracy-level', 'stored'].filter(
    (name) => options.has(name) && !(name === 'rounding' && learned && scheme === 'static-int8'),
  )
  if (given.length > 0 && !scheme.startsWith('weight'))
    throw wrongCall(
      `--${given[0]} is an option of the weight-only schemes, not of ${scheme}`,
      'use it with --scheme weight-int4 or weight-int8',
    )
  if (options.flag('symmetric') && options.flag('asymmetric'))
    throw wrongCall('--symmetric and --asymmetric exclude each other', 'leave one of them out')
  const level = options.choice('accuracy-level', ['0', '4'], '0')
  return {
    rounding: options.choice('rounding', ['rtn', 'hqq', 'gptq', 'awq', 'learned'], 'rtn'),
    stored: options.flag('stored'),
    symmetric: options.flag('symmetric'),
    accuracyLevel: level === '4' ? (4 as const) : (0 as const),
  }
}

/** Bits of a weight in the file, of static int8. */
export const WEIGHT_BITS = {
  type: 'string',
  value: '4|8',
  help: 'bits of a weight in the file (8); with 4 the kernels are the same and the weights half as large',
} as const satisfies OptionSpec
export const weightBitsOf = (options: Arguments): 4 | 8 =>
  options.choice('weight-bits', ['4', '8'], '8') === '4' ? 4 : 8

/** What the command line chooses of the library's options; what does not belong to the scheme is refused. */
function choicesOf(options: Arguments) {
  if (!options.has('scheme'))
    throw wrongCall('--scheme is missing', `choices: ${SCHEMES.join(', ')}; whet optimize tries them all`)
  const scheme = options.choice('scheme', SCHEMES, 'static-int8')
  const calibration = options.choice('calibration', RANGE_METHODS, 'minmax')
  const target = options.choice('target', TARGETS, 'native')
  const samples = options.integer('samples', 128, 1)
  const group = Number(options.choice('group', GROUPS.map(String), '32'))
  const weights = weightChoices(options, scheme)
  const integers = ['calibration', 'smooth', 'equalise', 'weight-bits'].find((name) => options.has(name))
  if (integers && scheme !== 'static-int8')
    throw wrongCall(
      `--${integers} is an option of static-int8, not of ${scheme}`,
      integers === 'smooth' && scheme === 'dynamic-int8'
        ? 'use --divide-outliers there'
        : 'leave it out, or use it with --scheme static-int8',
    )
  if (options.has('divide-outliers') && scheme !== 'dynamic-int8')
    throw wrongCall(
      `--divide-outliers is an option of dynamic-int8, not of ${scheme}`,
      scheme === 'static-int8' ? 'use --smooth 0.5 there' : 'leave it out, or use it with --scheme dynamic-int8',
    )
  const pass = {
    ...(weightBitsOf(options) === 4 ? { weightBits: 4 } : {}),
    ...(options.has('equalise') ? { equalise: options.number('equalise', 1, 0, 1) } : {}),
  }
  return {
    scheme,
    ...weights,
    calibration,
    samples,
    target,
    group,
    ...(options.has('smooth') ? { smooth: options.number('smooth', 0.5, 0, 1) } : {}),
    divideOutliers: options.flag('divide-outliers'),
    keepFloat: options.list('keep-float'),
    ...(Object.keys(pass).length > 0 ? { pass } : {}),
    seed: options.integer('seed', 0),
  }
}

/**
 * Writes the quantized model into the folder of a model on a hub, and the one that it was made of where that is not there
 * yet. A file under the name of what came in may be what came in: it is never replaced.
 */
async function writeLayout(
  folder: string,
  source: string,
  original: Model,
  { model, recipe }: Pick<Quantized, 'model' | 'recipe'>,
  context: Context,
): Promise<void> {
  const [made, came] = [dtypeOf(recipe, original), dtypeOf({ steps: [] }, original)]
  const own = join(folder, layoutFile(source, came))
  const there = existsSync(own)
  const models = new Map<Dtype, Model>(there ? [] : [[came, original]])
  if (made !== came || !there) models.set(made, model)
  else context.say(`${own} stays as it is: what was made of it is loaded as ${came} too`)
  for (const file of await writeTransformersLayout(folder, source, models)) context.say(`wrote ${join(folder, file)}`)
}

export const quantizeVerb: Verb = {
  name: 'quantize',
  usage: 'quantize MODEL -o OUT --scheme static-int8 --data D',
  summary: 'Integer or half-precision weights and kernels, checked in the graph that the runtime really runs.',
  examples: [
    'whet quantize model.onnx -o int8.onnx --scheme static-int8 --data calib.npz',
    'whet quantize llm.onnx -o int4.onnx --scheme weight-int4 --group 32',
    'whet quantize cnn.onnx -o int4.onnx --scheme weight-int4 --stored --rounding gptq --data rows.npz',
  ],
  keepsWork: true,
  positionals: { min: 1, max: 1, names: 'one model' },
  options: {
    output: OUT_FILE,
    layout: LAYOUT,
    scheme: { type: 'string', value: 'NAME', help: SCHEMES.join(', ') },
    data: DATA,
    ...READING,
    calibration: {
      type: 'string',
      value: 'HOW',
      help: `static-int8: ${RANGE_METHODS.join(', ')} (minmax); least-noise: for each value what disturbs the outputs least`,
    },
    samples: { type: 'string', value: 'N', help: 'rows to calibrate on (128)', with: 'data' },
    target: { type: 'string', value: 'NAME', help: 'native (default), portable or web' },
    group: { type: 'string', value: 'N', help: `weight-only: weights that share a scale, ${GROUPS.join(', ')} (32)` },
    rounding: {
      type: 'string',
      value: 'HOW',
      help: 'weight-only: rtn (default), hqq, or with --data gptq or awq, which look at what the layers read; learned (static-int8 too): up or down, whichever keeps what the layers give',
    },
    stored: {
      type: 'boolean',
      help: 'weight-int4: convolutions too, stored in 4 bits (tables in 8) and widened at loading: the size alone shrinks',
    },
    symmetric: { type: 'boolean', help: 'weight-only: one zero point for all groups; a little smaller' },
    asymmetric: { type: 'boolean', help: 'weight-only: a zero point for each group (default)' },
    'accuracy-level': {
      type: 'string',
      value: '0|4',
      help: 'weight-only: products in float (0, default), or with activations rounded to 8 bits (4)',
    },
    'weight-bits': { ...WEIGHT_BITS, help: `static-int8: ${WEIGHT_BITS.help}` },
    smooth: {
      type: 'string',
      value: 'ALPHA',
      help: 'static-int8: move this share (0 to 1; 0.5 is usual) of outlier channels into weights first (SmoothQuant)',
    },
    equalise: {
      type: 'string',
      value: 'STRENGTH',
      help: 'static-int8: scales of their own for channels, as far as the layers around take them in (0 to 1; 1 where channels differ much in size, as in depthwise networks)',
    },
    'divide-outliers': {
      type: 'boolean',
      help: 'dynamic-int8: bring channels that stand out down to others in front of products, and raise their weights, or multiply the largest few in float',
      with: 'data',
    },
    recipe: RECIPE,
    'keep-float': KEEP_FLOAT,
    seed: SEED,
  },
  async run([path], options, context) {
    const layout = layoutOf(options.text('layout'))
    const out = layout ? outputFolder(options, addedFiles(path!)) : outputFile(options, 'int8.onnx')
    if (layout) checkConfig(out, path!)
    const choices = choicesOf(options)
    const recipeFile = writableFile(options, 'recipe', 'recipe.json')
    const loaded = keepHeapSmall()
    compileLater()
    // The first comes up while the rest of the program is loaded, and the model and the rows are read.
    const processes = startRuntimes()
    const { diskCache, quantize, writeModel, writeRecipe } = await import('./quantize-work.ts')
    loaded()
    const model = await modelAt(path!, options)
    const data = options.text('data')
    const dataset = data ? await dataFor(data, model, options) : undefined
    if (dataset && options.has('samples') && dataset.rows < choices.samples)
      throw new UserError('bad-data', `--samples ${choices.samples} was asked for, there are ${dataset.rows} rows`, {
        where: data!,
        hint: `say --samples ${dataset.rows}, or give more rows`,
      })
    const made = await quantize(model, {
      ...choices,
      data: dataset,
      cache: diskCache(),
      // A pipe can be read once only.
      ...(statSync(path!).isFile() && !hasSmallOutside(model) ? { file: path! } : {}),
      processes,
      signal: context.signal,
      onProgress: context.progress,
    })
    if (layout) await writeLayout(out, path!, model, made, context)
    else {
      await writeModel(made.model, out)
      context.say(`wrote ${out}`)
    }
    if (recipeFile) {
      await writeRecipe(made.recipe, made.tensors, recipeFile)
      context.say(`wrote ${recipeFile}`)
    }
    return { report: made.report }
  },
}
