import { writeModel } from '../onnx/index.ts'
import { UserError } from '../platform/index.ts'
import { simplify, writeRecipe } from '../recipe/index.ts'
import { DATA, dataAt, modelAt, OUT_FILE, READING, RECIPE, SEED, SHAPE, shapesOf } from './inputs.ts'
import { outputFile, writableFile } from './output-file.ts'
import type { Verb } from './verb.ts'

export const simplifyVerb: Verb = {
  name: 'simplify',
  usage: 'simplify MODEL -o OUT [--data D] [--no-verify]',
  summary: 'Same answers from fewer operators. Runs the model before and after and says how far answers differ.',
  examples: ['whet simplify model.onnx -o smaller.onnx'],
  positionals: { min: 1, max: 1, names: 'one model' },
  options: {
    output: OUT_FILE,
    data: { ...DATA, help: 'also verify on these rows' },
    ...READING,
    shape: SHAPE,
    seed: SEED,
    recipe: { ...RECIPE, help: `${RECIPE.help} and whet push` },
    'no-verify': { type: 'boolean', help: 'do not run the models' },
  },
  async run([path], options, context) {
    const out = outputFile(options, 'smaller.onnx')
    const recipeFile = writableFile(options, 'recipe', 'recipe.json')
    const seed = options.integer('seed', 0)
    const model = await modelAt(path!, options)
    const shapes = shapesOf(options, model)
    context.progress('simplifying')
    const made = await simplify(model, {
      verify: !options.flag('no-verify'),
      seed,
      shapes,
      data: await dataAt('data', model, options),
    }).catch((error: unknown) => {
      throw unprovable(error, path!)
    })
    await writeModel(made.model, out)
    context.say(`wrote ${out}`)
    if (recipeFile) {
      await writeRecipe(made.recipe, new Map(), recipeFile)
      context.say(`wrote ${recipeFile}`)
    }
    return { report: made.report }
  },
}

/** A model that the runtime cannot run can still be rewritten, by whoever takes it unproven. */
function unprovable(error: unknown, path: string): unknown {
  if (!(error instanceof UserError) || (error.code !== 'unsupported' && error.code !== 'bad-model')) return error
  const unproven = 'nothing here can show that a rewrite keeps its answers; --no-verify writes it unproven'
  return new UserError(error.code, error.message, {
    where: path,
    hint: error.code === 'bad-model' && error.hint ? `${error.hint} Until then ${unproven}` : unproven,
    cause: error,
  })
}
