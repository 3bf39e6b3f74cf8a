import {
  elementCount,
  int,
  type Model,
  type Tensor,
  tensorOf,
  tensorValues,
  type ValueInfo,
} from '../../../ir/index.ts'
import { formWriter } from './form-writer.ts'
import type { RoundableWeight } from './roundable-weights.ts'

/** The stretched sigmoid reaches 0 and 1 at finite arguments. */
const LOW = -0.1
const SPAN = 1.2

/** Inputs of the soft model, single numbers: the exponent of the pull, and how much it counts. */
export const SOFT = { exponent: 'rounding/exponent', weight: 'rounding/weight', pull: 'rounding/pull' } as const

/** A model whose roundings can be learned: each is a variable between down and up. */
export interface SoftWeights {
  readonly model: Model
  /** The initializer that is learned for each weight, by the weight's name. */
  readonly variables: ReadonlyMap<string, string>
}

/**
 * Weights between their two codes: ŵ = unit · (lower + h(v)) with h(v) = clip(1.2·σ(v) − 0.1, 0, 1), where v starts
 * such that ŵ = w as far as the grid reaches. The value `SOFT.pull` is the mean over all weights of 1 − |2h − 1|^β
 * times its weight: with β falling, it drives every h to 0 or 1.
 *
 * Source: Nagel et al. 2020, "Up or Down? Adaptive Rounding for Post-Training Quantization", equations 21 to 24.
 */
export function softWeights(model: Model, weights: readonly RoundableWeight[]): SoftWeights {
  const { nodes, initializers, constant, op } = formWriter(model.graph)
  const number = (value: number) => constant(`rounding/number/${value}`, [], Float32Array.of(value))
  const variables = new Map<string, string>()
  const pulls: string[] = []
  let count = 0
  for (const weight of weights) {
    const { name, dims, unit, lower } = weight
    const values = tensorValues(initializers.get(name)!) as Float32Array
    const unitOf = units(weight)
    const start = values.map((value, i) => {
      const share = Math.min(1, Math.max(0, value / unitOf(i) - lower[i]!))
      const sigmoid = (share - LOW) / SPAN
      return Math.log(sigmoid / (1 - sigmoid))
    })
    const variable = constant(`${name}/soft`, dims, start)
    variables.set(name, variable)
    initializers.delete(name)
    const stretched = op(
      'Add',
      [op('Mul', [op('Sigmoid', [variable], `${name}/sigmoid`), number(SPAN)], `${name}/wide`), number(LOW)],
      `${name}/stretched`,
    )
    const up = op('Clip', [stretched, number(0), number(1)], `${name}/up`)
    const code = op('Add', [constant(`${name}/lower`, dims, lower), up], `${name}/code`)
    op('Mul', [constant(`${name}/unit`, unit.dims, unit.values), code], name)
    const twice = op('Sub', [op('Mul', [up, number(2)], `${name}/twice`), number(1)], `${name}/side`)
    const power = op('Pow', [op('Abs', [twice], `${name}/size`), SOFT.exponent], `${name}/power`)
    pulls.push(op('ReduceSum', [power], `${name}/sum`, { keepdims: int(0) }))
    count += values.length
  }
  const sum = pulls.reduce((a, b, i) => op('Add', [a, b], `rounding/sum/${i}`))
  const mean = op('Mul', [sum, number(1 / count)], 'rounding/mean')
  op('Mul', [op('Sub', [number(1), mean], 'rounding/far'), SOFT.weight], SOFT.pull)
  const scalar = (name: string): ValueInfo => ({ name, type: { kind: 'tensor', dtype: 'float32', shape: [] } })
  const graph = {
    ...model.graph,
    nodes: [...nodes, ...model.graph.nodes],
    initializers,
    inputs: [...model.graph.inputs, scalar(SOFT.exponent), scalar(SOFT.weight)],
  }
  return { model: { ...model, graph }, variables }
}

/** The codes that learned variables stand for, less the zero point: up where h ≥ ½, which is where v ≥ 0. */
export function hardCodes({ lower }: RoundableWeight, variables: ArrayLike<number>): Int8Array {
  return Int8Array.from(lower, (code, i) => code + (variables[i]! >= 0 ? 1 : 0))
}

/** The weights that codes stand for. */
export function weightsOfCodes(weight: RoundableWeight, codes: Int8Array): Tensor {
  const unitOf = units(weight)
  return tensorOf(
    'float32',
    weight.dims,
    Float32Array.from(codes, (code, i) => code * unitOf(i)),
    weight.name,
  )
}

/** The unit of each weight by its place; `unit` has one for each, or one for each index of one axis. */
function units({ dims, unit }: RoundableWeight): (place: number) => number {
  const { values } = unit
  if (values.length === elementCount(dims)) return (place) => values[place]!
  const axis = unit.dims.findIndex((dim) => dim > 1)
  const inner = axis < 0 ? 1 : elementCount(dims.slice(axis + 1))
  return (place) => values[Math.floor(place / inner) % values.length]!
}
