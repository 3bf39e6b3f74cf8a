import type { Feeds, Session, TensorValue } from '../engine/index.ts'
import { type Graph, readsOf } from '../ir/index.ts'
import { STEP, type StepGraph } from './step-graph.ts'

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

/**
 * A value of a step in words: one of the model by its name, one that was written for the gradient by the weight whose
 * gradient it goes into.
 */
export function placeOf({ model: { graph }, gradients }: StepGraph, name: string): string {
  if (name === STEP.weights || name === STEP.average) return 'the weights'
  if (name.startsWith('loss/')) return 'the loss'
  if (name.startsWith('step/')) return 'the length of the whole gradient, or the step that it makes'
  if (!name.startsWith('gradient/')) return `"${name}"`
  const weightOf = new Map([...gradients].map(([weight, gradient]) => [gradient, weight]))
  const behind = new Set([name])
  for (const node of graph.nodes) {
    if (![...readsOf(node)].some((read) => behind.has(read))) continue
    for (const output of node.outputs) {
      const weight = weightOf.get(output)
      if (weight !== undefined) return `the gradient by "${weight}"`
      behind.add(output)
    }
  }
  return 'the gradient'
}

function isFiniteValue(value: TensorValue | undefined): boolean {
  if (value === undefined || !value.dtype.startsWith('float') || value.dtype === 'float16') return true
  return (value.data as Float32Array).every(Number.isFinite)
}
