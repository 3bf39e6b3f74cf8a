import { type Infer, integer, list, nullable, number, object, report, text } from './schema.ts'

/** Answers of a model for every row of a data set, written to a file. */
export const prediction = report('prediction', {
  model: object({ path: text, digest: text }),
  data: object({ path: text, digest: text }),
  /** The file that holds the answers. */
  path: text,
  format: text,
  /** Rows in the file. */
  rows: integer,
  /** Rows that an earlier run of the same command had done. */
  resumed: integer,
  /** Rows of the data that could not be used. */
  skipped: integer,
  /** Rows of one run of the model. */
  batch: integer,
  /** Of this run alone; 0 where nothing was left to do. */
  rowsPerSecond: number,
  /** Shape of one row; null for a dimension that differs between rows. */
  outputs: list(object({ name: text, dtype: text, shape: list(nullable(integer)) })),
  notes: list(text),
})
export type PredictionReport = Infer<typeof prediction>
