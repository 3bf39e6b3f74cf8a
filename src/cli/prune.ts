import { rmSync } from 'node:fs'
import { writeModel } from '../onnx/index.ts'
import { IMPORTANCE, prune, writeRecipe } from '../recipe/index.ts'
import { exitOfVerdict } from './exit.ts'
import { DATA, dataAt, dataFor, modelAt, OUT_FILE, READING, SEED } from './inputs.ts'
import { checkpointAt, checkpointBeside, LEARNING, learningSettings } from './learning-options.ts'
import { outputFile } from './output-file.ts'
import type { Verb } from './verb.ts'

export const pruneVerb: Verb = {
  name: 'prune',
  usage: 'prune MODEL --data D [--macs 0.5 | --sparsity 0.5 | --pattern 2:4] -o OUT',
  summary:
    'Removes the least important channels for good, or lets single weights become zero, which makes the file smaller but no run faster; lets the rest learn again from the whole model, and proves it.',
  examples: [
    'whet prune model.onnx --data train.npz --macs 0.5 -o half.onnx',
    'whet prune model.onnx --data train.npz --proof test.npz --macs 0.7 --epochs 10 -o out.onnx',
    'whet prune model.onnx --data train.npz --sparsity 0.7 -o sparse.onnx',
  ],
  positionals: { min: 1, max: 1, names: 'one model' },
  options: {
    data: DATA,
    output: { ...OUT_FILE, help: `${OUT_FILE.help}; its recipe goes beside it` },
    macs: { type: 'string', value: 'SHARE', help: 'multiply-accumulates that may be left (0.5)' },
    sparsity: { type: 'string', value: 'SHARE', help: 'single weights that become zero, instead of channels that go' },
    pattern: { type: 'string', value: 'N:M', help: 'the same in a pattern: N of every M weights stay, such as 2:4' },
    importance: { type: 'string', value: 'HOW', help: `${IMPORTANCE.join(', ')} (taylor)` },
    epochs: { type: 'string', value: 'N', help: 'times over the rows to learn again; 0 for none (3)' },
    resume: { type: 'boolean', help: 'go on from the checkpoint beside OUT' },
    ...LEARNING,
    ...READING,
    seed: SEED,
  },
  checkpoint: checkpointBeside,
  async run([path], options, context) {
    const out = outputFile(options, 'pruned.onnx')
    const data = options.required('data', 'channels are judged on rows: give some with --data D')
    const settings = learningSettings(options, context)
    const aim = {
      macs: options.givenNumber('macs', 0.5, 0, 1),
      sparsity: options.givenNumber('sparsity', 0.5, 0, 1),
      pattern: options.text('pattern'),
    }
    const given = Object.values(aim).some((value) => value !== undefined)
    const importance = options.choice('importance', IMPORTANCE, 'taylor')
    const epochs = options.integer('epochs', 3, 0, 100_000)
    const { checkpoint, resume } = checkpointAt(checkpointBeside(options), options)
    const model = await modelAt(path!, options)
    const dataset = await dataFor(data, model, options)
    const {
      model: pruned,
      report,
      recipe,
      tensors,
    } = await prune(model, dataset, {
      ...settings,
      ...(given ? aim : { macs: 0.5 }),
      ...{ importance, epochs, checkpoint, resume },
      proof: await dataAt('proof', model, options),
      names: [path!, out],
    })
    await writeModel(pruned, out)
    const recipeFile = `${out.replace(/\.onnx$/i, '')}.recipe.json`
    await writeRecipe(recipe, tensors, recipeFile)
    rmSync(checkpoint, { force: true })
    context.say(`wrote ${out}`)
    context.say(`wrote ${recipeFile}`)
    return { report, exitCode: exitOfVerdict(report.verdict) }
  },
}
