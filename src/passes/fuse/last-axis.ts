import { intAttribute, namedAxes, type ValueType } from '../../ir/index.ts'
import { type GraphEditor, type Match, type Pattern, through } from '../../rewrite/index.ts'

/** The mean over some axis; whether it is the last one is asked by `averagesLast` when the rank is known. */
export const mean = (inner: Pattern): Pattern => through((value, editor) => editor.producer(value, 'ReduceMean'), inner)

/** The one axis of `rank` over which every ReduceMean of a match averages, each keeping it; undefined where there is none. */
export function averagedAxis({ nodes }: Match, rank: number, editor: GraphEditor): number | undefined {
  const axes = nodes
    .filter((node) => node.opType === 'ReduceMean')
    .map((node) => {
      const [axis, ...others] = namedAxes(node, (name) => editor.constant(name)) ?? []
      const keeps = intAttribute(node, 'keepdims', 1) === 1
      return axis === undefined || others.length > 0 || !keeps ? undefined : axis < 0 ? axis + rank : axis
    })
  return axes.every((axis) => axis === axes[0]) ? axes[0] : undefined
}

/** Whether every ReduceMean of a match averages over the last axis of `rank` and keeps it. */
export const averagesLast = (match: Match, rank: number, editor: GraphEditor): boolean =>
  averagedAxis(match, rank, editor) === rank - 1

/** A pattern that meets a node twice lists it twice. */
export const distinct = (match: Match): Match => ({ ...match, nodes: [...new Set(match.nodes)] })

/** Rank and length of the last axis, where both are known. */
export function lastLength(type: ValueType | undefined): { rank: number; length: number } | undefined {
  if (type?.kind !== 'tensor' || !type.shape) return undefined
  const length = type.shape.at(-1)
  return typeof length === 'number' ? { rank: type.shape.length, length } : undefined
}
