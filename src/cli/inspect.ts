import { inspect } from '../recipe/index.ts'
import { modelAt, SHAPE, shapesOf } from './inputs.ts'
import type { Verb } from './verb.ts'

export const inspectVerb: Verb = {
  name: 'inspect',
  usage: 'inspect MODEL [--shape x=1,3,224,224]',
  summary: 'Inputs, operators, parameters, multiply-accumulates, memory, and what can be done with the model.',
  examples: ['whet inspect model.onnx', 'whet inspect model.onnx --shape x=1,3,224,224 --json'],
  positionals: { min: 1, max: 1, names: 'one model' },
  options: { shape: SHAPE },
  async run([path], options) {
    const model = await modelAt(path!, options)
    return { report: inspect(model, { path: path!, shapes: shapesOf(options, model) }) }
  },
}
