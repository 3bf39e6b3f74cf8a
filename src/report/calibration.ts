import { type Infer, integer, list, nullable, number, object, oneOf, optional, record, report, text } from './schema.ts'

export const calibrationMethod = oneOf('minmax', 'percentile', 'entropy', 'mse')
export type CalibrationMethod = Infer<typeof calibrationMethod>

/** Observed ranges of float values, the evidence that static quantization needs. */
export const calibration = report('calibration', {
  method: calibrationMethod,
  samples: integer,
  dataDigest: text,
  /** By value name, in real units; `elements` of one row, where rows differ the mean. */
  ranges: record(object({ min: number, max: number, elements: optional(number) })),
  unseen: list(object({ name: text, reason: text })),
})
export type CalibrationReport = Infer<typeof calibration>

/** How much each node, quantized alone, disturbs the outputs. Lower decibels: more sensitive. */
export const sensitivity = report('sensitivity', {
  nodes: list(object({ name: text, sqnrDb: nullable(number) })),
  samples: integer,
  dataDigest: optional(text),
})
export type SensitivityReport = Infer<typeof sensitivity>
