import { join } from 'node:path'
import { writeModel } from '../onnx/index.ts'
import { withLock, writeAtomic } from '../platform/index.ts'
import { distil, type HintOptions, type HintPair, IMPORTANCE, writeRecipe } from '../recipe/index.ts'
import { exitOfVerdict } from './exit.ts'
import { DATA, dataAt, dataFor, modelAt, READING, SEED } from './inputs.ts'
import { checkpointAt, LEARNING, learningSettings } from './learning-options.ts'
import { outputFolder } from './output-file.ts'
import { rangeOf } from './range.ts'
import type { Arguments, Verb } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

export const distilVerb: Verb = {
  name: 'distil',
  usage: 'distil TEACHER --data D [--student FILE | --width 0.5 --depth 0.5 --resolution 0.5] -o DIR',
  summary: 'A smaller student learns the answers of a model, with labels or without, and is held against it.',
  examples: [
    'whet distil model.onnx --data rows.npz --width 0.5 -o out',
    'whet distil big.onnx --data rows.npz --student small.onnx --epochs 30 -o out',
    'whet distil big.onnx --data rows.npz --student small.onnx --fresh-weights --epochs 60 -o out',
    'whet distil model.onnx --data rows.npz --width 0.5 -o out --resume',
  ],
  positionals: { min: 1, max: 1, names: 'one teacher' },
  options: {
    data: DATA,
    output: {
      type: 'string',
      short: 'o',
      value: 'DIR',
      help: 'folder for model.onnx, recipe.json, report.json and the checkpoint',
    },
    student: { type: 'string', value: 'FILE', help: 'a student of your own, with the outputs of the teacher' },
    'fresh-weights': {
      type: 'boolean',
      help: 'draw its weights anew, by seed and fan-in, instead of starting from those in the file',
      with: 'student',
    },
    width: {
      type: 'string',
      value: 'SHARE',
      help: 'channels that a student cut from the teacher keeps (0.5, or 1 where --depth or --resolution is said)',
    },
    depth: { type: 'string', value: 'SHARE', help: 'residual blocks that it keeps (1)' },
    resolution: {
      type: 'string',
      value: 'SHARE',
      help: 'resolution behind the first convolution: 0.5 steps twice as far (1)',
    },
    hints: {
      type: 'string',
      value: 'W',
      help: 'weight of inner features, learned through a projection, beside the answers (0)',
    },
    hint: {
      type: 'string',
      multiple: true,
      value: 'T=S',
      help: "which: the teacher's value and the student's (ends of blocks of one name)",
    },
    attention: { type: 'string', value: 'W', help: 'transformers: weight of what the teacher attends to (0)' },
    adversary: {
      type: 'string',
      value: 'EPS',
      help: 'rows are moved against the student by up to EPS a value before it learns from them (not at all)',
    },
    'adversary-steps': { type: 'string', value: 'N', help: 'steps of the one who moves them (3)', with: 'adversary' },
    range: {
      type: 'string',
      value: '0,1',
      help: 'valid input values of moved rows (those that the data set declares)',
      with: 'adversary',
    },
    importance: { type: 'string', value: 'HOW', help: `which channels: ${IMPORTANCE.join(', ')} (taylor)` },
    epochs: { type: 'string', value: 'N', help: 'times over the rows (10)' },
    resume: { type: 'boolean', help: 'go on from the checkpoint in DIR' },
    ...LEARNING,
    ...READING,
    seed: SEED,
  },
  checkpoint: checkpointIn,
  async run([path], options, context) {
    const folder = outputFolder(options, ['model.onnx', 'recipe.json', 'recipe.blobs', 'report.json', 'checkpoint.bin'])
    const data = options.required('data', 'a student learns from rows: give some with --data D')
    const settings = learningSettings(options, context)
    const epochs = options.integer('epochs', 10, 1, 100_000)
    const importance = options.choice('importance', IMPORTANCE, 'taylor')
    const share = (name: string) => options.givenNumber(name, 0.5, 0, 1)
    const [width, depth, resolution] = [share('width'), share('depth'), share('resolution')]
    const adversary = options.has('adversary')
      ? {
          eps: options.number('adversary', 0.1, Number.MIN_VALUE),
          steps: options.integer('adversary-steps', 3, 1, 100),
          range: rangeOf(options),
        }
      : undefined
    const { checkpoint, resume } = checkpointAt(checkpointIn(options), options)
    const model = await modelAt(path!, options)
    const studentPath = options.text('student')
    const student = studentPath ? await modelAt(studentPath, options) : undefined
    const dataset = await dataFor(data, model, options)
    return withLock(folder, async () => {
      const out = join(folder, 'model.onnx')
      const {
        model: learned,
        report,
        recipe,
        tensors,
      } = await distil(model, dataset, {
        ...settings,
        ...{ epochs, importance, student, width, depth, resolution, checkpoint, resume },
        ...{ ...hintsOf(options), adversary, freshWeights: options.flag('fresh-weights') },
        proof: await dataAt('proof', model, options),
        // As it was given, like the paths of every report.
        names: [path!, join(options.text('output')!, 'model.onnx')],
      })
      await writeModel(learned, out)
      await writeRecipe(recipe, tensors, join(folder, 'recipe.json'))
      await writeAtomic(join(folder, 'report.json'), `${JSON.stringify(report, null, 1)}\n`)
      context.say(`wrote ${out}`)
      return { report, exitCode: exitOfVerdict(report.verdict) }
    })
  },
}

function checkpointIn(options: Arguments): string {
  return join(options.text('output') ?? '.', 'checkpoint.bin')
}

function hintsOf(options: Arguments): HintOptions {
  const pairs = options.list('hint').map((pair): HintPair => {
    const parts = pair.split('=')
    if (parts.length !== 2 || parts.includes(''))
      throw wrongCall(
        `--hint ${pair}: not two values with "=" between them`,
        "the teacher's value first: --hint /layer3/Add_output_0=/layer2/Add_output_0",
      )
    return [parts[0]!, parts[1]!]
  })
  return {
    hints: options.number('hints', pairs.length > 0 ? 1 : 0, 0, 1e6),
    attention: options.number('attention', 0, 0, 1e6),
    ...(pairs.length > 0 ? { hintPairs: pairs } : {}),
  }
}
