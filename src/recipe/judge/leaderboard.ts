import { machine } from '../../engine/index.ts'
import {
  type ComparisonReport,
  type LatencyReport,
  listed,
  type SelectedModel,
  type SelectionReport,
  shortPaths,
} from '../../report/index.ts'
import { fastestOf } from './fastest.ts'

/** A row of the leaderboard; every model was timed. */
export type Row = Omit<SelectedModel, 'onFront' | 'p50Ms'> & { readonly p50Ms: number }

/**
 * Rows in their order (admitted ones first, then by the metric, then by latency), with the front of those that no other
 * beats, and the fastest of those that every gate let through. `first` is the comparison of the first model with itself.
 */
export function leaderboard(
  rows: readonly Row[],
  first: ComparisonReport,
  latency: LatencyReport,
  gates: number,
): SelectionReport {
  const sign = first.higherIsBetter ? 1 : -1
  const worth = (row: Row) => (row.metric === null ? -Infinity : sign * row.metric)
  const models = rows
    .map((row) => ({ ...row, onFront: !rows.some((other) => other !== row && beats(other, row, worth)) }))
    .sort((a, b) => Number(b.admitted) - Number(a.admitted) || worth(b) - worth(a) || a.p50Ms - b.p50Ms)
  const admitted = models.filter((row) => row.admitted)
  const shown = shortPaths(models.map(({ path }) => path))
  const { fastest, ties } = fastestOf(admitted) ?? { fastest: null, ties: [] }
  const alike = listed(ties.map(({ path }) => shown.get(path)!))
  const through = gates === 1 ? 'the gate' : gates === 2 ? 'both gates' : `all ${gates} gates`
  return {
    kind: 'selection',
    version: 1,
    sentence: fastest
      ? `${admitted.length} of ${models.length} models ${admitted.length === 1 ? `passes ${through}: ${shown.get(fastest.path)}` : `pass ${through}; ${shown.get(fastest.path)} is the fastest of them${alike && `, though this run does not tell it from ${alike}`}`}.`
      : `None of ${models.length} models passes ${through}.`,
    metric: first.metric,
    higherIsBetter: first.higherIsBetter,
    n: first.n,
    alpha: first.alpha,
    models,
    front: models.filter(({ onFront }) => onFront).map(({ path }) => path),
    chosen: fastest
      ? {
          path: fastest.path,
          reason: `it passes ${through} and has the least median latency of those that do${alike && `; ${alike} may take as little, since the intervals of their times meet`}`,
        }
      : null,
    threads: latency.threads,
    cpu: latency.cpu,
    runtime: machine().runtime,
    data: first.data!,
    warnings: [...new Set([...first.warnings, ...latency.warnings])],
  }
}

/** At least as good in metric, latency and size, and better in one. */
function beats(a: Row, b: Row, worth: (row: Row) => number): boolean {
  const of = (row: Row) => [worth(row), -row.p50Ms, -row.bytes]
  const [x, y] = [of(a), of(b)]
  return x.every((value, k) => value >= y[k]!) && x.some((value, k) => value > y[k]!)
}
