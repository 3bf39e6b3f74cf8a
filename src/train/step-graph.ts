import { int, type Model, makeNode, type Node, tensorOf } from '../ir/index.ts'
import { feedWeights, floatInput } from './fed-weights.ts'
import type { WeightLayout } from './weight-layout.ts'

/** AdamW (Loshchilov and Hutter 2019, 1711.05101), or SGD with momentum; both with decay apart from the gradient. */
export type Optimizer =
  | {
      readonly kind: 'adamw'
      readonly beta1?: number
      readonly beta2?: number
      readonly epsilon?: number
      readonly decay?: number
    }
  | { readonly kind: 'sgd'; readonly momentum?: number; readonly decay?: number }

/** A model that computes its gradients: what `differentiate` made. */
export interface Differentiated {
  readonly model: Model
  readonly loss: string
  readonly gradients: ReadonlyMap<string, string>
  readonly updates: ReadonlyMap<string, string>
}

/** Inputs and outputs of a step, besides the model's own and the targets of the loss. */
export const STEP = {
  weights: 'step/weights',
  moment1: 'step/moment1',
  moment2: 'step/moment2',
  average: 'step/average',
  statistics: 'step/statistics',
  /** Learning rate of this step. */
  rate: 'step/rate',
  /** 1/(1 − β₁ᵗ) and 1/(1 − β₂ᵗ): what makes the moments unbiased at step t. */
  correction1: 'step/correction1',
  correction2: 'step/correction2',
  /** How much of the old average stays. */
  keep: 'step/keep',
  loss: 'step/loss',
  norm: 'step/norm',
} as const

export const nextOf = (name: string): string => `${name}/next`

export interface StepGraph {
  readonly model: Model
  readonly weights: WeightLayout
  readonly statistics: WeightLayout
  readonly optimizer: Optimizer
  /** The value that holds the gradient by each weight. */
  readonly gradients: ReadonlyMap<string, string>
}

export interface StepOptions {
  /** Longest gradient, over all weights together; a longer one is shortened to it (1). */
  readonly clip?: number
}

/**
 * Forward, backward and update as one graph, so that a step is one run: it takes weights, moments, the running average
 * of weights and statistics of normalisations as flat arrays, and gives them back moved by one step.
 */
export function stepGraph(
  made: Differentiated,
  weights: WeightLayout,
  statistics: WeightLayout,
  optimizer: Optimizer,
  options: StepOptions = {},
): StepGraph {
  const fed = feedWeights(feedWeights(made.model, weights, STEP.weights), statistics, STEP.statistics)
  const initializers = new Map(fed.graph.initializers)
  const nodes: Node[] = [...fed.graph.nodes]
  let count = 0
  const op = (type: string, inputs: readonly string[], output = `step/${++count}`): string => {
    nodes.push(makeNode(type, inputs, [output]))
    return output
  }
  const number = (value: number): string => {
    const name = `step/number/${value}`
    initializers.set(name, tensorOf('float32', [], Float32Array.of(value), name))
    return name
  }
  initializers.set('step/flat', tensorOf('int64', [1], [-1], 'step/flat'))
  const flat = (names: readonly string[], output?: string) => {
    const pieces = names.map((name) => op('Reshape', [name, 'step/flat']))
    const name = output ?? `step/${++count}`
    nodes.push(makeNode('Concat', pieces, [name], { attributes: { axis: int(0) } }))
    return name
  }

  const whole = flat(weights.entries.map(({ name }) => made.gradients.get(name)!))
  const squares = `step/${++count}`
  nodes.push(makeNode('ReduceSumSquare', [whole], [squares], { attributes: { keepdims: int(0) } }))
  op('Sqrt', [squares], STEP.norm)
  const shortened = op('Div', [number(options.clip ?? 1), op('Add', [STEP.norm, number(1e-6)])])
  const gradient = op('Mul', [whole, op('Min', [shortened, number(1)])])

  const decay = optimizer.decay ?? (optimizer.kind === 'adamw' ? 0.01 : 1e-4)
  initializers.set('step/decay', tensorOf('float32', [weights.size], decayOf(weights, decay), 'step/decay'))
  const mixed = (old: string, share: number, now: string, output: string) =>
    op('Add', [op('Mul', [old, number(share)]), op('Mul', [now, number(1 - share)])], output)
  let direction: string
  if (optimizer.kind === 'adamw') {
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = optimizer
    const first = mixed(STEP.moment1, beta1, gradient, nextOf(STEP.moment1))
    const second = mixed(STEP.moment2, beta2, op('Mul', [gradient, gradient]), nextOf(STEP.moment2))
    const root = op('Sqrt', [op('Mul', [second, STEP.correction2])])
    direction = op('Div', [op('Mul', [first, STEP.correction1]), op('Add', [root, number(epsilon)])])
  } else
    direction = op(
      'Add',
      [op('Mul', [STEP.moment1, number(optimizer.momentum ?? 0.9)]), gradient],
      nextOf(STEP.moment1),
    )
  const whither = op('Add', [direction, op('Mul', [STEP.weights, 'step/decay'])])
  const moved = op('Sub', [STEP.weights, op('Mul', [whither, STEP.rate])], nextOf(STEP.weights))
  const renewed = op('Mul', [moved, op('Sub', [number(1), STEP.keep])])
  op('Add', [op('Mul', [STEP.average, STEP.keep]), renewed], nextOf(STEP.average))
  op('Identity', [made.loss], STEP.loss)
  if (statistics.size > 0)
    flat(
      statistics.entries.map(({ name }) => made.updates.get(name)!),
      nextOf(STEP.statistics),
    )

  const state = stateArrays({ optimizer, statistics })
  const sizeOf = (name: string) => (name === STEP.statistics ? statistics.size : weights.size)
  const already = new Set(fed.graph.inputs.map(({ name }) => name))
  const scalars = [STEP.rate, STEP.keep, ...(optimizer.kind === 'adamw' ? [STEP.correction1, STEP.correction2] : [])]
  const graph = {
    ...fed.graph,
    nodes,
    initializers,
    inputs: [
      ...fed.graph.inputs,
      ...state.filter((name) => !already.has(name)).map((name) => floatInput(name, [sizeOf(name)])),
      ...scalars.map((name) => floatInput(name, [])),
    ],
    outputs: [
      floatInput(STEP.loss, []),
      floatInput(STEP.norm, []),
      ...state.map((name) => floatInput(nextOf(name), [sizeOf(name)])),
    ],
  }
  return { model: { ...fed, graph }, weights, statistics, optimizer, gradients: made.gradients }
}

/** The arrays that a step moves. */
export const stateArrays = ({ optimizer, statistics }: Pick<StepGraph, 'optimizer' | 'statistics'>) => [
  STEP.weights,
  STEP.moment1,
  ...(optimizer.kind === 'adamw' ? [STEP.moment2] : []),
  STEP.average,
  ...(statistics.size > 0 ? [STEP.statistics] : []),
]

/** Only kernels and tables decay; biases and scales do not. */
function decayOf({ entries, size }: WeightLayout, decay: number): Float32Array {
  const values = new Float32Array(size)
  for (const { dims, from } of entries)
    if (dims.length > 1) values.fill(decay, from, from + dims.reduce((a, b) => a * b, 1))
  return values
}
