import {
  type Attribute,
  elementCount,
  type Graph,
  int,
  type Model,
  makeNode,
  type Node,
  tensorOf,
} from '../ir/index.ts'
import { feedWeights, floatInput } from './fed-weights.ts'
import type { WeightLayout } from './weight-layout.ts'

/** How much of AdamW's first and second moment stays in a step, and what keeps its root off zero: the paper's figures. */
export const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8] as const

/** AdamW (Loshchilov and Hutter 2019, 1711.05101), or SGD with momentum; both with decay apart from the gradient. */
export type Optimizer =
  | { readonly kind: 'adamw'; readonly decay?: number }
  | { readonly kind: 'sgd'; readonly momentum?: number; readonly decay?: number }

/** A model that computes its gradients: what `differentiate` made. */
interface Differentiated {
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

/** The model of one training step, and how the weights lie in it. */
export interface StepGraph {
  readonly model: Model
  readonly weights: WeightLayout
  readonly statistics: WeightLayout
  readonly optimizer: Optimizer
  /** The value that holds the gradient by each weight. */
  readonly gradients: ReadonlyMap<string, string>
}

/** Longest gradient, over all weights together; a longer one is shortened to it. */
const CLIP = 1

/**
 * Forward, backward and update as one graph, so that a step is one run: it takes weights, moments, the running average
 * of weights and statistics of normalisations as flat arrays, and gives them back moved by one step.
 */
export function stepGraph(
  made: Differentiated,
  weights: WeightLayout,
  statistics: WeightLayout,
  optimizer: Optimizer,
): StepGraph {
  const fed = feedWeights(feedWeights(made.model, weights, STEP.weights), statistics, STEP.statistics)
  const writer = stepWriter(fed.graph)
  const { op, number, flat } = writer
  const gradient = clipped(flat(weights.entries.map(({ name }) => made.gradients.get(name)!)), writer)
  const decay = optimizer.decay ?? (optimizer.kind === 'adamw' ? 0.01 : 1e-4)
  writer.initializers.set('step/decay', tensorOf('float32', [weights.size], decayOf(weights, decay), 'step/decay'))
  const direction = directionOf(optimizer, gradient, writer)
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
    nodes: writer.nodes,
    initializers: writer.initializers,
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

type StepWriter = ReturnType<typeof stepWriter>

/** Writes the nodes of a step behind those of a graph; each function gives the name of the value that it makes. */
function stepWriter(graph: Graph) {
  const nodes: Node[] = [...graph.nodes]
  const initializers = new Map(graph.initializers)
  initializers.set('step/flat', tensorOf('int64', [1], [-1], 'step/flat'))
  let count = 0
  const op = (
    type: string,
    inputs: readonly string[],
    output = `step/${++count}`,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string => {
    nodes.push(makeNode(type, inputs, [output], { attributes }))
    return output
  }
  return {
    nodes,
    initializers,
    op,
    number(value: number): string {
      const name = `step/number/${value}`
      initializers.set(name, tensorOf('float32', [], Float32Array.of(value), name))
      return name
    },
    /** Values in one row, one behind another. */
    flat(names: readonly string[], output?: string): string {
      const pieces = names.map((name) => op('Reshape', [name, 'step/flat']))
      return op('Concat', pieces, output, { axis: int(0) })
    },
  }
}

function clipped(gradient: string, { op, number }: StepWriter): string {
  const squares = op('ReduceSumSquare', [gradient], undefined, { keepdims: int(0) })
  op('Sqrt', [squares], STEP.norm)
  const shortened = op('Div', [number(CLIP), op('Add', [STEP.norm, number(1e-6)])])
  return op('Mul', [gradient, op('Min', [shortened, number(1)])])
}

/** Where the optimizer goes by this gradient, before the learning rate; its moments go on with it. */
function directionOf(optimizer: Optimizer, gradient: string, { op, number }: StepWriter): string {
  if (optimizer.kind === 'sgd') {
    const { momentum = 0.9 } = optimizer
    return op('Add', [op('Mul', [STEP.moment1, number(momentum)]), gradient], nextOf(STEP.moment1))
  }
  const mixed = (old: string, share: number, now: string) =>
    op('Add', [op('Mul', [old, number(share)]), op('Mul', [now, number(1 - share)])], nextOf(old))
  const first = mixed(STEP.moment1, BETA1, gradient)
  const second = mixed(STEP.moment2, BETA2, op('Mul', [gradient, gradient]))
  const root = op('Sqrt', [op('Mul', [second, STEP.correction2])])
  return op('Div', [op('Mul', [first, STEP.correction1]), op('Add', [root, number(EPSILON)])])
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
  for (const { dims, from } of entries) if (dims.length > 1) values.fill(decay, from, from + elementCount(dims))
  return values
}
