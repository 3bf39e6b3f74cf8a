import {
  elementType,
  type Graph,
  int,
  type Model,
  makeNode,
  type Node,
  tensorOf,
  tensorValues,
  type ValueInfo,
} from '../ir/index.ts'
import type { CalibrationReport, NoiseSource, UnknownNoise } from '../report/index.ts'
import { differentiate, type Loss } from './differentiate/index.ts'
import { lastFloats } from './last-floats.ts'
import { roundingErrors } from './quantize/index.ts'

/** A model that tells what each rounding does to a weighted sum of all outputs, or of what decides them (`lastFloats`). */
export interface RoundingProjections {
  readonly model: Model
  /** By value of the original that is listened to: the input of that value's shape that takes its weights. */
  readonly seeds: ReadonlyMap<string, string>
  /** The output, float32 [sources.length]: Σ over those values of weights · change, to first order, for each rounding alone. */
  readonly projections: string
  readonly sources: readonly NoiseSource[]
  /** Roundings of which no gradient tells what they do, with the reason; what no output hears is none of them. */
  readonly unknown: readonly UnknownNoise[]
}

/**
 * Σₒ rₒ·δₒ = ⟨∂(Σₒ rₒ·yₒ)/∂x, e⟩ for a rounding that changes the value x by e: one pass back through the model tells it
 * for all roundings at once, where running the model with each of them would take as many runs.
 *
 * @returns null where no output hangs on a float or nothing would be rounded.
 */
export function roundingProjections(model: Model, ranges: CalibrationReport): RoundingProjections | null {
  const { model: extended, errors } = roundingErrors(model, { rounding: 'sums' }, [{ report: ranges }])
  const heard = lastFloats(model)
  if (errors.length === 0 || heard.length === 0) return null
  const seeds = new Map(heard.map((name) => [name, `seed:${name}`]))
  const terms = heard.map((name) => ({
    loss: { kind: 'seeded', output: name, seed: seeds.get(name)! } satisfies Loss,
    weight: 1,
  }))
  // The errors are outputs for as long as it takes, so that they are not dropped as dead.
  const wrt = [...new Set(errors.map(({ at }) => at))]
  const kept = errors.map(({ error }): ValueInfo => ({ name: error, type: UNKNOWN }))
  const opened = { ...extended, graph: { ...extended.graph, outputs: [...model.graph.outputs, ...kept] } }
  const { model: back, gradients, unknown } = differentiate(opened, { loss: { kind: 'sum', terms }, wrt })
  const reached = errors.filter(({ at }) => gradients.has(at))
  if (reached.length === 0) return null
  return {
    model: withProducts({ ...back, graph: maskedByProducts(back.graph) }, reached, gradients),
    seeds,
    projections: PROJECTIONS,
    sources: reached.map(({ source }) => source),
    unknown: errors.flatMap(({ at, source }) => {
      const reason = unknown.get(at)
      return reason === undefined ? [] : [{ ...source, reason }]
    }),
  }
}

const PROJECTIONS = 'rounding:projections'
const UNKNOWN: ValueInfo['type'] = { kind: 'tensor', dtype: 'float32', shape: null }

/**
 * Where(c, g, 0)  ⇒  Mul(g, Cast(c)): the runtime takes 12 and 21 ms to select among 1.6 million numbers and 2 to
 * multiply them. What is not finite is no longer stopped there, and makes the noise infinite, which keeps roundings away.
 */
function maskedByProducts(graph: Graph): Graph {
  const isZero = (name: string | undefined) => {
    const tensor = graph.initializers.get(name ?? '')
    return tensor?.dtype === 'float32' && tensor.dims.length === 0 && (tensorValues(tensor) as Float32Array)[0] === 0
  }
  const masked = (node: Node): readonly Node[] => {
    if (node.opType !== 'Where') return [node]
    const [condition, whenTrue, whenFalse] = node.inputs as [string, string, string]
    if (isZero(whenTrue) === isZero(whenFalse)) return [node]
    const [y] = node.outputs as [string]
    const [stays, mask] = [`${y}:stays`, `${y}:mask`]
    const g = isZero(whenFalse) ? whenTrue : whenFalse
    return [
      ...(g === whenTrue ? [] : [makeNode('Not', [condition], [stays])]),
      makeNode('Cast', [g === whenTrue ? condition : stays], [mask], { attributes: { to: elementType('float32') } }),
      makeNode('Mul', [g, mask], [y]),
    ]
  }
  return { ...graph, nodes: graph.nodes.flatMap(masked) }
}

/** One number for each rounding: its error times the gradient, summed; all of them in one vector, the only output. */
function withProducts(
  model: Model,
  errors: readonly { readonly at: string; readonly error: string }[],
  gradients: ReadonlyMap<string, string>,
): Model {
  const one = 'rounding:one'
  const sums = errors.map((_, i) => `rounding:${i}`)
  const products = errors.flatMap(({ at, error }, i): Node[] => [
    makeNode('Mul', [gradients.get(at)!, error], [`rounding:${i}:products`]),
    makeNode('ReduceSum', [`rounding:${i}:products`], [`rounding:${i}:sum`], {
      attributes: { keepdims: int(0) },
    }),
    makeNode('Reshape', [`rounding:${i}:sum`, one], [sums[i]!]),
  ])
  const { graph } = model
  return {
    ...model,
    graph: {
      ...graph,
      nodes: [...graph.nodes, ...products, makeNode('Concat', sums, [PROJECTIONS], { attributes: { axis: int(0) } })],
      initializers: new Map([
        ...graph.initializers,
        [one, { ...tensorOf('int64', [1], BigInt64Array.of(1n)), name: one }],
      ]),
      outputs: [{ name: PROJECTIONS, type: { kind: 'tensor', dtype: 'float32', shape: [errors.length] } }],
    },
  }
}
