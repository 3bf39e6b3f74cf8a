import type { TensorValue } from '../../engine/index.ts'
import type { NumericArray } from '../../ir/index.ts'

/** The truth of one row: a class number or name, a number, a text, or an array (a mask, a vector). */
export type RowLabel = number | string | NumericArray

/** What a metric sees of one row. */
export interface MetricRow {
  /**
   * The model's outputs for this row alone, without axis 0 (the batch). They are valid only while the row is scored:
   * copy what must last longer.
   */
  readonly outputs: Readonly<Record<string, TensorValue>>
  /** Absent where the data has no labels; only a user's metric is asked then. */
  readonly label?: RowLabel
  /** Every field of the row by name, inputs included. */
  readonly fields?: Readonly<Record<string, RowLabel>>
  /** Place of the row in the data set. */
  readonly row: number
}

/**
 * How much too small a loss looks (`by`, never negative), and how much that adds to the difference's standard error.
 */
export interface Flattery {
  readonly by: number
  readonly error: number
}

/** The other rows, by their places, on which the score of one row depends. */
export interface Company {
  readonly near: readonly number[]
  /** The one without which the row would be wrong; null where no single row decides that. */
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
   * Scores of a perfect row and of one that is lost altogether, the lesser first, where scores have no such bounds.
   * This is how far an unseen row is assumed to fall.
   */
  readonly range?: readonly [number, number]
  /** What the aggregate needs to know of a row, where the score is not enough. Of the same length for every row… */
  readonly summary?: (row: MetricRow) => readonly number[]
  /** …unless this says that it lists what was found in the row, as boxes. */
  readonly ragged?: boolean
  /** The metric of many rows from their summaries (`[score]` without `summary`); the mean score where absent. */
  readonly aggregate?: (summaries: readonly (readonly number[])[]) => number
  /**
   * Gives exactly `aggregate` for draws of these rows (their places, with repetition), where work that all draws share,
   * such as sorting the rows, is worth doing once.
   */
  readonly overDraws?: (summaries: readonly (readonly number[])[]) => (rows: Int32Array) => number
  /**
   * Replaces `score` where a row's score needs the other rows (its nearest neighbours): scores of all rows from their
   * summaries, in the same order. `first` are the summaries of the baseline, which decide for both models wherever all
   * rows together tell how outputs are to be read.
   */
  readonly scoreAll?: (
    summaries: readonly (readonly number[])[],
    first: readonly (readonly number[])[],
  ) => readonly number[]
  /** Like `scoreAll`, for the summaries that `aggregate` takes. */
  readonly summarizeAll?: (
    summaries: readonly (readonly number[])[],
    first: readonly (readonly number[])[],
  ) => readonly (readonly number[])[]
  /** Like `scoreAll`, for what `answer` gives. */
  readonly answerAll?: (
    summaries: readonly (readonly number[])[],
    first: readonly (readonly number[])[],
  ) => readonly string[]
  /**
   * For each row, the others on which its score depends. Rows that depend on each other are right and wrong together,
   * so they tell less than as many independent ones.
   */
  readonly company?: (summaries: readonly (readonly number[])[]) => readonly Company[]
  /**
   * What each row contributes to the aggregate, in the order of the summaries, where its score does not tell: for an
   * aggregate of ranks, its rank. A row that contributes the same under both models changed nothing, however its score
   * moved.
   */
  readonly parts?: (summaries: readonly (readonly number[])[]) => readonly number[]
  /**
   * What a row contributes, from 0 to 1, to each class that it holds, where a row may hold several and classes weigh
   * alike in the aggregate.
   */
  readonly pieces?: (summary: readonly number[]) => ReadonlyMap<number, number>
  /**
   * By how much these rows may flatter `other` against `first`, in units of the metric. Where chance raises the
   * aggregate of one model more than that of the other, a loss looks smaller than it is.
   */
  readonly flattery?: (first: readonly (readonly number[])[], other: readonly (readonly number[])[]) => Flattery
  /** The group of a row, where groups weigh alike in the aggregate (for macro averages, its class). */
  readonly stratum?: (summary: readonly number[]) => number
  /**
   * Whether a group's figure depends on its own rows alone, as the share of right answers does. In F1 or an area under
   * a curve, a row also moves the figures of other groups.
   */
  readonly strataApart?: boolean
  /** How a sentence names a step of the score: `points` for rates (shown × 100), else the metric's own unit. */
  readonly unit?: 'points'
  /** The model's answer to a row in a few characters, for lists of rows that changed. */
  readonly answer?: (row: MetricRow) => string
}
