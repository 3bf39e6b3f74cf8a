import { type Graph, int, type Model, makeNode, type ValueInfo } from '../ir/index.ts'
import type { Extremes, Fetched, TensorValue } from './session.ts'

/** Names that nodes of the main graph make: the inner values that a session can hand out. */
export function innerNames(model: Model): ReadonlySet<string> {
  let names = innerNamesOf.get(model)
  if (!names)
    innerNamesOf.set(model, (names = new Set(model.graph.nodes.flatMap(({ outputs }) => outputs.filter(Boolean)))))
  return names
}

const innerNamesOf = new WeakMap<Model, ReadonlySet<string>>()

/**
 * The model with exactly these outputs, untyped: the runtime infers types itself. Adding a value as an output keeps
 * it through the runtime's own fusions, and what only served other outputs is not computed.
 */
export function withOutputs(model: Model, names: readonly string[]): Model {
  return withGraph(model, { ...model.graph, outputs: names.map((name) => known(model, name)) })
}

/**
 * The model that gives, in place of each named value, its shape (int64, 1-D) under `names[i]`'s entry of the map:
 * a value's size can be asked for without keeping the value.
 */
export function withShapesOf(
  model: Model,
  names: readonly string[],
): { readonly model: Model; readonly shapeOf: ReadonlyMap<string, string> } {
  const shapeOf = new Map(names.map((name, index) => [name, `whetstone.shape.${index}`]))
  const nodes = [...shapeOf].map(([name, shape]) => makeNode('Shape', [name], [shape]))
  const outputs = [...shapeOf.values()].map(
    (name): ValueInfo => ({ name, type: { kind: 'tensor', dtype: 'int64', shape: [null] } }),
  )
  return { model: withGraph(model, { ...model.graph, nodes: [...model.graph.nodes, ...nodes], outputs }), shapeOf }
}

/** Names of the values that say what a value holds, without the value. */
export interface ExtremesNames {
  readonly min: string
  readonly max: string
  readonly sum: string
  readonly size: string
}

/**
 * The model that gives least, greatest, sum and number of elements of each named float value in place of the value. The
 * sum is no number where an element is none.
 *
 * The reductions stand behind the graph, those of the deepest values first: the runtime orders nodes backwards from the
 * last one that nothing reads, so each value is reduced as soon as it is there, from the processor's cache, and let go.
 * Measured on PP-OCRv4 det, 16 rows: 0.53 s of processor time and 17 MB above the model, against 1.04 s and 122 MB with
 * each reduction next to its value.
 */
export function withExtremesOf(
  model: Model,
  names: readonly string[],
): { readonly model: Model; readonly namesOf: ReadonlyMap<string, ExtremesNames> } {
  const namesOf = new Map(
    names.map((name, i) => [
      name,
      {
        min: `whetstone.min.${i}`,
        max: `whetstone.max.${i}`,
        sum: `whetstone.sum.${i}`,
        size: `whetstone.size.${i}`,
      },
    ]),
  )
  const whole = { attributes: { keepdims: int(0) } }
  const place = new Map(model.graph.nodes.flatMap(({ outputs }, at) => outputs.map((name) => [name, at] as const)))
  const nodes = [...namesOf]
    .sort(([a], [b]) => (place.get(b) ?? -1) - (place.get(a) ?? -1))
    .flatMap(([name, entry]) => [
      makeNode('ReduceMin', [name], [entry.min], whole),
      makeNode('ReduceMax', [name], [entry.max], whole),
      makeNode('ReduceSum', [name], [entry.sum], whole),
      makeNode('Size', [name], [entry.size]),
    ])
  const outputs = [...namesOf.values()]
    .flatMap((entry) => Object.values(entry) as string[])
    .map((name): ValueInfo => ({ name, type: { kind: 'unknown' } }))
  const graph = { ...model.graph, nodes: [...model.graph.nodes, ...nodes], outputs }
  return { model: withGraph(model, graph), namesOf }
}

/** What one run of the model above says of each value. */
export function extremesFrom(
  fetched: Fetched,
  namesOf: ReadonlyMap<string, ExtremesNames>,
): ReadonlyMap<string, Extremes> {
  const number = (name: string) => Number((fetched[name] as TensorValue).data[0])
  return new Map(
    [...namesOf].map(([name, { min, max, sum, size }]) => {
      const [least, most] = [number(min), number(max)]
      return [name, { min: least, max: most, elements: number(size), finite: areFinite(least, most, number(sum)) }]
    }),
  )
}

/**
 * Whether every element is finite: one that is infinite is the least or the greatest, and one that is no number makes a
 * sum that is none. A sum beyond float32 says nothing: the masks of attention add up to that.
 */
export const areFinite = (min: number, max: number, sum: number): boolean =>
  Number.isFinite(min) && Number.isFinite(max) && !Number.isNaN(sum)

const known = (model: Model, name: string): ValueInfo =>
  model.graph.outputs.find((output) => output.name === name) ?? { name, type: { kind: 'unknown' } }

const withGraph = (model: Model, graph: Graph): Model => ({ ...model, graph })
