import { rmSync } from 'node:fs'
import { writeModel } from '../onnx/index.ts'
import { tune, writeRecipe } from '../recipe/index.ts'
import { exitOfVerdict } from './exit.ts'
import { DATA, dataAt, dataFor, KEEP_FLOAT, modelAt, OUT_FILE, READING, RECIPE, SEED } from './inputs.ts'
import { checkpointAt, checkpointBeside, LEARNING, learningSettings } from './learning-options.ts'
import { outputFile, writableFile } from './output-file.ts'
import { WEIGHT_BITS, weightBitsOf } from './quantize.ts'
import type { Verb } from './verb.ts'

export const tuneVerb: Verb = {
  name: 'tune',
  usage: 'tune MODEL --data D -o OUT',
  summary: 'A float model learns to be a static int8 one: scales and weights, towards its own answers, and is proven.',
  examples: [
    'whet tune model.onnx --data train.npz -o int8.onnx',
    'whet tune model.onnx --data train.npz --proof test.npz --epochs 10 --recipe int8.json -o int8.onnx',
    'whet tune model.onnx --data train.npz --weight-bits 4 -o int4.onnx',
  ],
  positionals: { min: 1, max: 1, names: 'one model' },
  options: {
    data: DATA,
    output: OUT_FILE,
    epochs: { type: 'string', value: 'N', help: 'times over the rows (4)' },
    everywhere: { type: 'boolean', help: 'integers also where float is as fast, such as in depthwise convolutions' },
    'weight-bits': WEIGHT_BITS,
    'keep-float': KEEP_FLOAT,
    resume: { type: 'boolean', help: 'go on from the checkpoint beside OUT' },
    recipe: RECIPE,
    ...LEARNING,
    rate: { type: 'string', value: 'R', help: 'the highest learning rate (0.0005)' },
    ...READING,
    seed: SEED,
  },
  checkpoint: checkpointBeside,
  async run([path], options, context) {
    const out = outputFile(options, 'int8.onnx')
    const data = options.required('data', 'tuning learns from rows: give some with --data D')
    const { rate: _, ...settings } = learningSettings(options, context)
    const rate = options.number('rate', 5e-4, Number.MIN_VALUE, 1e6)
    const epochs = options.integer('epochs', 4, 1, 100_000)
    const recipeFile = writableFile(options, 'recipe', 'recipe.json')
    const { checkpoint, resume } = checkpointAt(checkpointBeside(options), options)
    const weightBits = weightBitsOf(options)
    const model = await modelAt(path!, options)
    const dataset = await dataFor(data, model, options)
    const tuned = await tune(model, dataset, {
      ...settings,
      ...{ rate, epochs, checkpoint, resume, keepFloat: options.list('keep-float') },
      pass: {
        ...(options.flag('everywhere') ? { placement: 'everywhere' } : {}),
        ...(weightBits === 4 ? { weightBits } : {}),
      },
      proof: await dataAt('proof', model, options),
      names: [path!, out],
    })
    await writeModel(tuned.model, out)
    rmSync(checkpoint, { force: true })
    context.say(`wrote ${out}`)
    if (recipeFile) {
      await writeRecipe(tuned.recipe, tuned.tensors, recipeFile)
      context.say(`wrote ${recipeFile}`)
    }
    return { report: tuned.report, exitCode: exitOfVerdict(tuned.report.verdict) }
  },
}
