import type { Glance } from '../../rollout/index.ts'
import type { Outcome } from '../router.ts'
import { elementsOf, isChoice, isFloat } from './answers.ts'
import { projectionOf } from './projection.ts'

/** Elements of a large tensor that are looked at, evenly spread. */
const MOST_ELEMENTS = 4096

/** A few numbers about a request and the answer to its first row; null where it was not answered. */
export function glanceAt({ inputs, outputs }: Outcome): Glance | null {
  if (!outputs) return null
  const numbers: Record<string, number> = {}
  const categories: Record<string, string> = {}
  const vectors: Record<string, readonly number[]> = {}
  /** Of the first row, whose size does not depend on who asks. */
  const project = (name: string, elements: Float64Array, rows: number) => {
    const projection = projectionOf(elements.subarray(0, elements.length / Math.max(1, rows)))
    if (projection) vectors[`${name} projection`] = projection
  }
  for (const tensor of inputs) {
    const elements = elementsOf(tensor)
    if (Array.isArray(elements)) {
      numbers[`${tensor.name} length`] = elements[0]?.length ?? 0
      continue
    }
    const { mean, spread } = momentsOf(elements as Float64Array)
    numbers[`${tensor.name} mean`] = mean
    if (elements.length > 1) numbers[`${tensor.name} spread`] = spread
    project(tensor.name, elements as Float64Array, tensor.dims[0] ?? 1)
  }
  let confidence: number | null = null
  for (const tensor of outputs) {
    const rows = tensor.dims[0] ?? 1
    const elements = elementsOf(tensor)
    if (isFloat(tensor.dtype)) project(tensor.name, elements as Float64Array, rows)
    if (isChoice(tensor)) {
      const { best, probability } = choiceOf(elements as Float64Array, tensor.dims[1]!)
      categories[tensor.name] = String(best)
      numbers[`${tensor.name} confidence`] = probability
      confidence ??= probability
    } else if (elements.length === rows && rows > 0) {
      if (isFloat(tensor.dtype)) numbers[tensor.name] = elements[0] as number
      else categories[tensor.name] = String(elements[0]).slice(0, 100)
    }
  }
  return { numbers, categories, vectors, confidence }
}

function momentsOf(values: Float64Array): { mean: number; spread: number } {
  const step = Math.max(1, Math.floor(values.length / MOST_ELEMENTS))
  let [n, mean, squares] = [0, 0, 0]
  for (let i = 0; i < values.length; i += step) {
    const delta = values[i]! - mean
    mean += delta / ++n
    squares += delta * (values[i]! - mean)
  }
  return { mean, spread: n > 0 ? Math.sqrt(squares / n) : 0 }
}

/** The choice of the first row and its probability; values that are no probabilities are taken for logits. */
function choiceOf(values: Float64Array, width: number): { best: number; probability: number } {
  const row = values.subarray(0, width)
  let [best, sum] = [0, 0]
  let probabilities = true
  for (let i = 0; i < width; i++) {
    if (row[i]! > row[best]!) best = i
    if (!(row[i]! >= 0 && row[i]! <= 1)) probabilities = false
    sum += row[i]!
  }
  if (probabilities && Math.abs(sum - 1) < 0.01) return { best, probability: row[best]! }
  return { best, probability: 1 / row.reduce((total, value) => total + Math.exp(value - row[best]!), 0) }
}
