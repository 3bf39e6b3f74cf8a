import { writeModel } from '../onnx/index.ts'
import { applyRecipe, parseRecipe, readBlobs } from '../recipe/index.ts'
import { DATA, dataAt, modelAt, OUT_FILE, READING, textAt } from './inputs.ts'
import { outputFile } from './output-file.ts'
import type { Verb } from './verb.ts'

export const applyVerb: Verb = {
  name: 'apply',
  usage: 'apply RECIPE MODEL -o OUT [--data D]',
  summary: 'Replays a recipe: same recipe, same model, same evidence, same bytes.',
  examples: ['whet apply out/recipe.json model.onnx -o again.onnx'],
  positionals: { min: 2, max: 2, names: 'a recipe and a model' },
  options: {
    output: OUT_FILE,
    data: { ...DATA, help: 'rows to measure the evidence on, for another model than the recipe was made for' },
    ...READING,
  },
  async run([recipePath, modelPath], options, context) {
    const out = outputFile(options, 'again.onnx')
    const recipe = parseRecipe(textAt(recipePath!), recipePath!)
    const model = await modelAt(modelPath!, options)
    const applied = await applyRecipe(recipe, model, {
      tensors: await readBlobs(recipe, recipePath!),
      data: await dataAt('data', model, options),
    })
    await writeModel(applied.model, out)
    context.say(`wrote ${out}`)
    return { report: applied.report }
  },
}
