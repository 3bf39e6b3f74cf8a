import {
  hasNestedGraphs,
  type Model,
  makeNode,
  type Node,
  type Tensor,
  tensorOf,
  type ValueInfo,
} from '../../ir/index.ts'
import type { Refusal } from '../../report/index.ts'
import { differentiate } from './differentiate.ts'
import type { Loss } from './loss.ts'

interface AdversaryOptions {
  /** The float32 input whose rows are moved, rows on its first axis. */
  readonly input: string
  /** What the adversary raises. */
  readonly loss: Loss
  /** The most that each value may change, in units of the input. */
  readonly eps: number
  /** Steps uphill; each is a forward and a backward pass. */
  readonly steps: number
  /** Valid values of the input; all by default. */
  readonly range?: readonly [number, number] | undefined
  /** Where each row starts, in shares of ε from −1 to 1, one number a value of a row. */
  readonly start: { readonly dims: readonly number[]; readonly values: Float32Array }
}

/** What moves the rows, to stand in front of a model: nodes, their constants, and the input that the loss adds. */
export interface Adversary {
  readonly nodes: readonly Node[]
  readonly constants: ReadonlyMap<string, Tensor>
  readonly inputs: readonly ValueInfo[]
  /** The value that holds the moved rows. */
  readonly moved: string
}

/**
 * An adversary of a model, as nodes that read the model's own weights, so that it climbs what the model is now:
 *
 *     x₀ = x + ε·u      xₖ₊₁ = Clip(Clip(xₖ + α·Sign(∂L/∂xₖ), x − ε, x + ε), low, high)      α = 2.5·ε / steps
 *
 * u is the same for all rows: where a student starts as its teacher, the slope at x itself is zero. Illegal where the
 * input has no gradient; the reason is given.
 *
 * Source: Madry et al. 2018, 1706.06083 (projected gradient in L∞).
 */
export function adversaryOf(model: Model, options: AdversaryOptions): Adversary | { readonly refused: Refusal } {
  const { input, loss, eps, steps, range, start } = options
  const made = differentiate(model, { loss, wrt: [input], reduction: 'sum', keepOutputs: false })
  const gradient = made.gradients.get(input)
  if (gradient === undefined) return { refused: made.report.refused[0]! }
  const { graph } = made.model
  const nested = graph.nodes.find(hasNestedGraphs)
  if (nested) return { refused: { node: nested.name, reason: 'it has branches or a body' } }
  const shared = new Set([
    ...['', ...model.graph.initializers.keys()],
    ...[...model.graph.inputs, ...made.inputs].map(({ name }) => name),
  ])
  const constants = new Map<string, Tensor>()
  const constant = (name: string, tensor: Tensor) => {
    const full = `${ADVERSARY}/${name}`
    constants.set(full, { ...tensor, name: full })
    return full
  }
  const number = (name: string, value: number) => constant(name, tensorOf('float32', [], Float32Array.of(value)))
  for (const [name, tensor] of graph.initializers) if (!shared.has(name)) constant(name, tensor)

  const nodes: Node[] = []
  const op = (type: string, inputs: readonly string[], output: string) => {
    nodes.push(makeNode(type, inputs, [`${ADVERSARY}/${output}`]))
    return `${ADVERSARY}/${output}`
  }
  const radius = number('radius', eps)
  const [least, most] = [op('Sub', [input, radius], 'least'), op('Add', [input, radius], 'most')]
  const [low, high] = range ? [number('low', range[0]), number('high', range[1])] : ['', '']
  const cut = (value: string, to: string) => {
    const near = op('Min', [op('Max', [value, least], `${to}/above`), most], `${to}/near`)
    return range ? op('Clip', [near, low, high], to) : near
  }
  const away = constant(
    'away',
    tensorOf(
      'float32',
      start.dims,
      start.values.map((share) => share * eps),
    ),
  )
  const stride = number('stride', (2.5 * eps) / steps)
  let at = cut(op('Add', [input, away], 'started'), 'at0')
  for (let step = 0; step < steps; step++) {
    const named = (name: string) =>
      name === input
        ? at
        : shared.has(name)
          ? name
          : graph.initializers.has(name)
            ? `${ADVERSARY}/${name}`
            : `${ADVERSARY}/${step}/${name}`
    for (const node of graph.nodes)
      nodes.push({
        ...node,
        name: node.name && `${ADVERSARY}/${step}/${node.name}`,
        inputs: node.inputs.map(named),
        outputs: node.outputs.map(named),
      })
    const uphill = op('Mul', [op('Sign', [named(gradient)], `${step}/sign`), stride], `${step}/stride`)
    at = cut(op('Add', [at, uphill], `${step}/further`), `at${step + 1}`)
  }
  const added = new Set(made.inputs.map(({ name }) => name))
  return { nodes, constants, inputs: graph.inputs.filter(({ name }) => added.has(name)), moved: at }
}

/** What the names of an adversary's values begin with. */
const ADVERSARY = 'adversary'

/** The model with rows of `input` as the adversary moves them; under its own names otherwise. */
export function behindAdversary(model: Model, input: string, adversary: Adversary): Model {
  const { graph } = model
  const already = new Set(graph.inputs.map(({ name }) => name))
  const moved = (name: string) => (name === input ? adversary.moved : name)
  return {
    ...model,
    graph: {
      ...graph,
      nodes: [...adversary.nodes, ...graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(moved) }))],
      initializers: new Map([...graph.initializers, ...adversary.constants]),
      inputs: [...graph.inputs, ...adversary.inputs.filter(({ name }) => !already.has(name))],
    },
  }
}
