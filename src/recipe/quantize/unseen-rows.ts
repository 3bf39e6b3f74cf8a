import { spreadRows } from '../../data/index.ts'
import { CALIBRATION_ROWS } from '../../evaluate/index.ts'
import { DEFAULT_SAMPLES } from './learned-rounding.ts'
import type { QuantizeOptions } from './quantize-options.ts'

type Quantized = Pick<QuantizeOptions, 'scheme' | 'data' | 'indices' | 'samples' | 'rounding'>

/** How many rows the weights were rounded by; 0 where they were rounded by none. */
function roundedBy({ rounding, samples }: Quantized): number {
  if (rounding === 'learned') return samples ?? DEFAULT_SAMPLES
  return rounding === 'gptq' || rounding === 'awq' ? (samples ?? CALIBRATION_ROWS) : 0
}

/** How many rows told the ranges of values: these reach no further than their codes, as others may. */
const calibratedBy = ({ scheme, samples }: Quantized): number =>
  scheme === 'static-int8' ? (samples ?? CALIBRATION_ROWS) : 0

/**
 * The rows to look at for noise where weights were rounded by some of them, or ranges taken from some: the others, from
 * `few` on, since those rows lose less than others do. Undefined where no rows were needed; null where so many were that
 * fewer than `few` are left, and those tell too little of others.
 */
export function unseenRows(options: Quantized, few: number): readonly number[] | undefined | null {
  const { data, indices } = options
  // Fewer are always among more.
  const most = Math.max(roundedBy(options), calibratedBy(options))
  if (!data || most === 0) return undefined
  const seen = new Set(spreadRows(data, indices, most))
  const rows = Array.from({ length: data.rows }, (_, row) => row).filter((row) => !seen.has(row))
  return rows.length < few ? null : rows
}

/** Whether the noise can only be told of rows that the weights were rounded by. */
export const onlyRoundedBy = (options: Quantized, few: number): boolean =>
  roundedBy(options) > 0 && unseenRows(options, few) === null
