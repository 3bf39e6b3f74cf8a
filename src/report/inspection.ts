import { type Infer, integer, json, list, nullable, number, object, optional, record, report, text } from './schema.ts'

/** An input or output of a model. */
export const valueSummary = object({
  name: text,
  dtype: text,
  /** null where the rank is unknown; a dimension is a number, a symbol, or null. */
  shape: nullable(list(json)),
})

/** What stands where the element type of a tensor would, of values that have no shape. */
export const NO_TENSORS: readonly string[] = ['sequence', 'map', 'optional', 'unknown']

/** What is in a file, and what can be done with it; nothing is run. */
export const inspection = report('inspection', {
  model: object({
    path: text,
    digest: text,
    bytes: integer,
    irVersion: integer,
    opsets: record(integer),
    producer: text,
  }),
  inputs: list(valueSummary),
  outputs: list(valueSummary),
  parameters: integer,
  /** Multiply-accumulates of one run; null where it cannot be told. */
  macs: nullable(integer),
  /** Why `macs` is null, and what to give where that helps. */
  macsReason: optional(text),
  /** Bytes of weights, and the largest sum of live inner values of one run (null where shapes are unknown). */
  memory: optional(object({ weightBytes: integer, activationPeakBytes: nullable(integer) })),
  operators: record(integer),
  /** What tree ensembles hold, whose work is no multiply-accumulate: trees, and places where one asks something of a row. */
  trees: optional(object({ trees: integer, splits: integer })),
  /** What Whetstone can do with this model, in plain words. */
  possibilities: optional(list(text)),
  warnings: list(text),
  elapsedMs: optional(number),
})
export type InspectionReport = Infer<typeof inspection>
