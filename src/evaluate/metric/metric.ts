import type { TensorValue } from '../../engine/index.ts'
import type { NumericArray } from '../../ir/index.ts'

/** The truth of one row: a class number or name, a number, a text, or an array (a mask, a vector). */
export type RowLabel = number | string | NumericArray

/** What a metric sees of one row. */
export interface MetricRow {
  /**
   * The model's outputs for this row alone: axis 0 (the batch) is gone. They are there while the row is scored; what is to
   * last longer is copied.
   */
  readonly outputs: Readonly<Record<string, TensorValue>>
  /** Absent where the data has no labels; only a user's metric is asked then. */
  readonly label?: RowLabel
  /** Every field of the row by name, inputs included. */
  readonly fields?: Readonly<Record<string, RowLabel>>
  /** Place of the row in the data set. */
  readonly row: number
}

/** By how much a loss looks too small, 0 at least, and the standard error that a difference has beside what is seen of it. */
export interface Flattery {
  readonly by: number
  readonly error: number
}

/** The other rows that the score of one rests on, by their places. */
export interface Company {
  readonly near: readonly number[]
  /** That of them without which the row would be wrong; null where there is none. */
  readonly only: number | null
}

/**
 * A metric is a score for every row first and an aggregate second: that is what lets two models be compared in pairs.
 * The user's `metric.mjs` gives one of these as its default export; `name`, `higherIsBetter` and `score` are enough.
 */
export interface Metric {
  readonly name: string
  readonly higherIsBetter: boolean
  /**
   * One number for one row. NaN says that the outputs hold no answer. Throws a UserError where the row lacks what the
   * metric asks of a label, or no output of the model is of the kind that it reads.
   */
  readonly score: (row: MetricRow) => number
  /** Every score is 0 (wrong) or 1 (right): judged by counting, which needs the fewest rows. */
  readonly rightOrWrong?: boolean
  /** Least and greatest possible score; without it, scores are taken as unbounded. */
  readonly bounds?: readonly [number, number]
  /**
   * Scores of a perfect row and of one that is lost altogether, the lesser first, where a score may be worse than that: as
   * far a row that no data showed is taken to fall.
   */
  readonly range?: readonly [number, number]
  /** What the aggregate needs to know of a row, where the score is not enough. Of the same length for every row… */
  readonly summary?: (row: MetricRow) => readonly number[]
  /** …unless this says that it lists what was found in the row, as boxes. */
  readonly ragged?: boolean
  /** The metric of many rows from their summaries (`[score]` without `summary`); the mean score where absent. */
  readonly aggregate?: (summaries: readonly (readonly number[])[]) => number
  /**
   * Exactly `aggregate` of draws of these rows (their places, with repetition), where work that all draws share, such as
   * putting the rows in order, is worth doing once.
   */
  readonly overDraws?: (summaries: readonly (readonly number[])[]) => (rows: Int32Array) => number
  /**
   * Scores of all rows from their summaries, where a row's score needs the others (its nearest neighbours); they take the
   * place of `score`, in the same order. `first` are those of the model that others are held against: where all rows tell
   * how outputs are to be read, those of one model say it for both.
   */
  readonly scoreAll?: (
    summaries: readonly (readonly number[])[],
    first: readonly (readonly number[])[],
  ) => readonly number[]
  /** As `scoreAll`, the summaries that `aggregate` adds up, where what it takes of a row needs the others. */
  readonly summarizeAll?: (
    summaries: readonly (readonly number[])[],
    first: readonly (readonly number[])[],
  ) => readonly (readonly number[])[]
  /** As `answer`, of all rows from their summaries, where a row's answer needs the others. */
  readonly answerAll?: (
    summaries: readonly (readonly number[])[],
    first: readonly (readonly number[])[],
  ) => readonly string[]
  /**
   * For each of these rows, by their summaries, the others among them that its score rests on: rows that lean on each other
   * are right and wrong together, and tell less than as many independent ones.
   */
  readonly company?: (summaries: readonly (readonly number[])[]) => readonly Company[]
  /**
   * What each row gives to the aggregate, in the order of the summaries, where that is not told by its score: a row whose
   * part is the same by both models changed nothing, however its score moved (its rank, where the aggregate is of ranks).
   */
  readonly parts?: (summaries: readonly (readonly number[])[]) => readonly number[]
  /**
   * By its summary what a row gives, from 0 to 1, to every class that it holds: where a row holds several, and classes
   * weigh alike in the aggregate.
   */
  readonly pieces?: (summary: readonly number[]) => ReadonlyMap<number, number>
  /**
   * By how much rows may flatter `other` against `first`, in the units of the metric, 0 at least: where chance adds to the
   * aggregate of a good model what it does not add to that of a bad one, a loss looks smaller than it is.
   */
  readonly flattery?: (first: readonly (readonly number[])[], other: readonly (readonly number[])[]) => Flattery
  /** The group of a row, by its summary, whose groups weigh alike in the aggregate (classes, for macro averages). */
  readonly stratum?: (summary: readonly number[]) => number
  /**
   * Whether a group is judged by its own rows alone, as by the share of them that is right: of F1 and of areas a row moves
   * the figures of other groups as well.
   */
  readonly strataApart?: boolean
  /** How a sentence names a step of the score: `points` for rates (shown × 100), else the metric's own unit. */
  readonly unit?: 'points'
  /** The model's answer to a row in a few characters, for lists of rows that changed. */
  readonly answer?: (row: MetricRow) => string
}
