import { int, type Model, makeNode, type Node, tensorDtype, tensorOf, type ValueInfo } from '../ir/index.ts'
import type { CalibrationReport, NoiseSource, Refusal } from '../report/index.ts'
import { differentiate, type Loss } from './differentiate/index.ts'
import { roundingErrors } from './quantize/index.ts'

/** A model that tells what each rounding does to a weighted sum of all outputs. */
export interface RoundingProjections {
  readonly model: Model
  /** By output of the original: the input of that output's shape that takes its weights. */
  readonly seeds: ReadonlyMap<string, string>
  /** The output, float32 [sources.length]: Σ over outputs of weights · change, to first order, for each rounding alone. */
  readonly projections: string
  readonly sources: readonly NoiseSource[]
  /** Roundings that no gradient comes back to, with the reason: what they do is not known. */
  readonly refused: readonly Refusal[]
}

/**
 * Σₒ rₒ·δₒ = ⟨∂(Σₒ rₒ·yₒ)/∂x, e⟩ for a rounding that changes the value x by e: one pass back through the model tells it
 * for all roundings at once, where running the model with each of them would take as many runs.
 *
 * @returns null where the model has no float output or nothing that would be rounded.
 */
export function roundingProjections(model: Model, ranges: CalibrationReport): RoundingProjections | null {
  const { model: extended, errors } = roundingErrors(model, { rounding: 'sums' }, [{ report: ranges }])
  const outputs = model.graph.outputs.filter(({ type }) => tensorDtype(type) === 'float32')
  if (errors.length === 0 || outputs.length === 0) return null
  const seeds = new Map(outputs.map(({ name }) => [name, `seed:${name}`]))
  const terms = outputs.map(({ name }) => ({
    loss: { kind: 'seeded', output: name, seed: seeds.get(name)! } satisfies Loss,
    weight: 1,
  }))
  // The errors are outputs for as long as it takes, so that they are not dropped as dead.
  const wrt = [...new Set(errors.map(({ at }) => at))]
  const kept = errors.map(({ error }): ValueInfo => ({ name: error, type: UNKNOWN }))
  const opened = { ...extended, graph: { ...extended.graph, outputs: [...model.graph.outputs, ...kept] } }
  const { model: back, gradients, report } = differentiate(opened, { loss: { kind: 'sum', terms }, wrt })
  const reached = errors.filter(({ at }) => gradients.has(at))
  if (reached.length === 0) return null
  return {
    model: withProducts(back, reached, gradients),
    seeds,
    projections: PROJECTIONS,
    sources: reached.map(({ source }) => source),
    refused: report.refused,
  }
}

const PROJECTIONS = 'rounding:projections'
const UNKNOWN: ValueInfo['type'] = { kind: 'tensor', dtype: 'float32', shape: null }

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
