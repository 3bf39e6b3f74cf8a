import type { Feeds, Session, TensorValue } from '../engine/index.ts'
import type { Graph } from '../ir/index.ts'

/** Bytes of inner values that are looked at in one run. */
const BUDGET = 64 << 20

/** The first value, in the order of the graph, that holds NaN or an infinity for these feeds; null where none does. */
export async function firstNotFinite(session: Session, graph: Graph, feeds: Feeds): Promise<string | null> {
  for (const [name, value] of Object.entries(feeds)) if (!isFiniteValue(value)) return name
  const names = graph.nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== ''))
  for (const group of await session.fetchGroups(feeds, names, BUDGET)) {
    const values = await session.run(feeds, group)
    for (const name of group) if (!isFiniteValue(values[name])) return name
  }
  return null
}

function isFiniteValue(value: TensorValue | undefined): boolean {
  if (value === undefined || !value.dtype.startsWith('float') || value.dtype === 'float16') return true
  return (value.data as Float32Array).every(Number.isFinite)
}
