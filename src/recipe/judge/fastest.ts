import type { SelectedModel } from '../../report/index.ts'

type Interval = readonly [low: number, high: number]
type Timed = { readonly p50Ms: number } & Pick<SelectedModel, 'ratio'>

/**
 * The model with the least median latency, and those that may take as little: whose times, each beside that of the first
 * model, lie in intervals that meet. Null where there is none.
 */
export function fastestOf<Model extends Timed>(
  models: readonly Model[],
): { readonly fastest: Model; readonly ties: readonly Model[] } | null {
  const [fastest, ...others] = [...models].sort((a, b) => a.p50Ms - b.p50Ms)
  return fastest ? { fastest, ties: others.filter((other) => meet(timeOf(fastest), timeOf(other))) } : null
}

/** The first model takes as long as itself. */
const timeOf = ({ ratio }: Timed): Interval => ratio?.ci ?? [1, 1]
const meet = (a: Interval, b: Interval) => a[0] <= b[1] && b[0] <= a[1]
