import { randomNumbers } from '../src/data/index.ts'
import { elementCount, type Model, parseModel, tensorOf } from '../src/ir/index.ts'

const zeros = (dims: readonly number[]) => `{${Array(elementCount(dims)).fill(0).join(', ')}}`

/** A network in the text notation, its weights (by name, with their sizes) from a seed: random features. */
export function seeded(text: string, weights: Readonly<Record<string, readonly number[]>>): Model {
  const declared = Object.entries(weights).map(([name, dims]) => `float[${dims.join(',')}] ${name} = ${zeros(dims)}`)
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 17]> ${text.replace('WEIGHTS', declared.join(', '))}`)
  const random = randomNumbers(5)
  const initializers = new Map(model.graph.initializers)
  for (const [name, dims] of Object.entries(weights)) {
    const fan = elementCount(dims.slice(1)) || 1
    const values = Float32Array.from({ length: elementCount(dims) }, () => ((random() - 0.5) * 3) / Math.sqrt(fan))
    initializers.set(name, tensorOf('float32', dims, values, name))
  }
  return { ...model, graph: { ...model.graph, initializers } }
}
