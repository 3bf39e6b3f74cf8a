import { indexGraph, inferTypes, isFloating, type Model, readsOf, tensorDtype } from '../ir/index.ts'

/** What these give hangs on no number of what they read. */
const OF_SHAPES: ReadonlySet<string> = new Set(['Shape', 'Size'])

/**
 * The last float32 values on the way to the outputs: an output itself, or, where that is integers, conditions, text or
 * another float, what it is decided by or made from (the scores before ArgMax, what Cast turns into float64, the boxes and
 * scores before NonMaxSuppression). No gradient passes through a decision; but how often noise changes one goes by the
 * noise of what it is taken from.
 *
 * @returns Their names, each once, in the order of the outputs.
 */
export function lastFloats(model: Model): readonly string[] {
  const { graph } = model
  const { producer } = indexGraph(graph)
  const types = inferTypes(model)
  const stated = new Map(graph.outputs.map(({ name, type }) => [name, tensorDtype(type)]))
  const dtypeOf = (name: string) => stated.get(name) ?? tensorDtype(types.get(name))
  /** A class as a float is no less of a decision. What nothing is known of may well be a float. */
  const mayBeFloat = (name: string) => {
    const dtype = dtypeOf(name)
    return dtype === undefined || isFloating(dtype)
  }
  const last: string[] = []
  const seen = new Set<string>()
  const open = graph.outputs.map(({ name }) => name).toReversed()
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const maker = producer.get(name)
    if (seen.has(name) || !maker) continue
    seen.add(name)
    const reads = [...readsOf(maker)]
    if (dtypeOf(name) === 'float32' && reads.some(mayBeFloat)) last.push(name)
    else if (!OF_SHAPES.has(maker.opType)) open.push(...reads.toReversed())
  }
  return last
}
