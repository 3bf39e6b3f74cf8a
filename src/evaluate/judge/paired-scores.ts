import type { Company, Flattery, Metric } from '../metric/metric.ts'

/** Scores of the same rows by two models, and what the metric needs to add them up. */
export interface PairedScores {
  readonly base: ArrayLike<number>
  readonly candidate: ArrayLike<number>
  readonly higherIsBetter: boolean
  /** Every score is 0 or 1, and the metric is their mean: judged by counting. */
  readonly rightOrWrong: boolean
  readonly bounds?: readonly [number, number]
  /** Scores of a perfect row and of one that is lost altogether, the lesser first, where they have no bounds. */
  readonly range?: readonly [number, number]
  /** For a metric that is no mean of scores: its value over rows, with repetition, for either model. */
  readonly aggregate?: (who: 'base' | 'candidate', rows: Int32Array) => number
  /** What each row gives to `aggregate` by either model, where its score does not tell whether anything changed. */
  readonly parts?: (who: 'base' | 'candidate') => ArrayLike<number>
  /** What each row gives to every class that it holds, where it may hold several that weigh alike in `aggregate`. */
  readonly pieces?: (who: 'base' | 'candidate') => readonly ReadonlyMap<number, number>[]
  /** By how much these rows may make a loss, and a gain, of the candidate look too small; nothing where omitted. */
  readonly flattery?: { readonly loss: Flattery; readonly gain: Flattery }
  /** Groups of rows that weigh alike in `aggregate`. */
  readonly strata?: ArrayLike<number>
  /** Each of these groups is judged by its own rows alone, so that a row that changes moves one of them. */
  readonly strataApart?: boolean
  /** The other rows that each row's score by either model rests on, where scores of rows need others. */
  readonly company?: (who: 'base' | 'candidate') => readonly Company[]
  /** Names of clusters, where rows are independent only between them. */
  readonly clusters?: readonly (string | number)[]
}

/** One model's scores, row by row. */
export interface ScoredModel {
  readonly scores: ArrayLike<number>
  /** What the aggregate of the metric takes of each row; null where it takes none. */
  readonly summaries: readonly (readonly number[])[] | null
  /** The other rows that each row's score rests on, where scores of rows need others. */
  readonly company?: readonly Company[] | null
}

/** Of a metric, what adds scores up. */
export interface Addition {
  readonly higherIsBetter: boolean
  readonly bounds?: Metric['bounds']
  readonly range?: Metric['range']
  readonly aggregate?: Metric['aggregate']
  readonly overDraws?: Metric['overDraws']
  readonly parts?: Metric['parts']
  readonly pieces?: Metric['pieces']
  readonly flattery?: Metric['flattery']
  readonly stratum?: Metric['stratum']
  readonly strataApart?: Metric['strataApart']
}

/** The scores of two models on a choice of rows, in the form that `judge` takes; rows are numbered anew there. */
export function pairedScores(
  base: ScoredModel,
  candidate: ScoredModel,
  rows: readonly number[],
  { higherIsBetter, bounds, range, aggregate, overDraws, parts, pieces, flattery, stratum, strataApart }: Addition,
  rightOrWrong: boolean,
): PairedScores {
  const summariesOf = ({ summaries }: ScoredModel) => rows.map((row) => summaries![row]!)
  const drawsOf = (model: ScoredModel): ((drawn: Int32Array) => number) => {
    const summaries = summariesOf(model)
    return overDraws ? overDraws(summaries) : (drawn) => aggregate!(Array.from(drawn, (place) => summaries[place]!))
  }
  const [first, second] = [() => summariesOf(base), () => summariesOf(candidate)]
  const ready: { base?: (drawn: Int32Array) => number; candidate?: (drawn: Int32Array) => number } = {}
  return {
    base: rows.map((row) => base.scores[row]!),
    candidate: rows.map((row) => candidate.scores[row]!),
    higherIsBetter,
    rightOrWrong,
    ...(bounds ? { bounds } : {}),
    ...(range ? { range } : {}),
    ...(aggregate
      ? {
          aggregate: (who: 'base' | 'candidate', drawn: Int32Array) =>
            (ready[who] ??= drawsOf(who === 'base' ? base : candidate))(drawn),
        }
      : {}),
    ...(flattery ? { flattery: { loss: flattery(first(), second()), gain: flattery(second(), first()) } } : {}),
    ...(base.company && candidate.company
      ? { company: (who: 'base' | 'candidate') => among(rows, (who === 'base' ? base : candidate).company!) }
      : {}),
    ...(stratum && base.summaries ? { strata: first().map((summary) => stratum(summary)) } : {}),
    ...(strataApart ? { strataApart } : {}),
    ...(pieces
      ? {
          pieces: (who: 'base' | 'candidate') =>
            summariesOf(who === 'base' ? base : candidate).map((row) => pieces(row)),
        }
      : {}),
    ...(parts ? { parts: (who: 'base' | 'candidate') => parts(summariesOf(who === 'base' ? base : candidate)) } : {}),
  }
}

/** The company that a choice of rows keeps among themselves, numbered as they are there. */
function among(rows: readonly number[], company: readonly Company[]): readonly Company[] {
  const places = new Map(rows.map((row, place) => [row, place]))
  return rows.map((row) => {
    const { near, only } = company[row]!
    return {
      near: near.flatMap((other) => places.get(other) ?? []),
      only: only === null ? null : (places.get(only) ?? null),
    }
  })
}
