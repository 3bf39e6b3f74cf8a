import { spreadRows } from '../../data/index.ts'
import { CALIBRATION_ROWS } from '../../evaluate/index.ts'
import { DEFAULT_SAMPLES } from './learned-rounding.ts'
import type { QuantizeOptions } from './quantize-options.ts'

type Rounded = Pick<QuantizeOptions, 'data' | 'indices' | 'samples' | 'rounding'>

/** The rows whose answers the weights were rounded by: those rows lose less than others do. */
function rowsRoundedBy({ data, indices, samples, rounding }: Rounded): readonly number[] {
  if (!data) return []
  if (rounding === 'learned') return spreadRows(data, indices, samples ?? DEFAULT_SAMPLES)
  if (rounding !== 'gptq' && rounding !== 'awq') return []
  return spreadRows(data, indices, samples ?? CALIBRATION_ROWS)
}

/**
 * The rows to look at for noise where the weights were rounded by some of them: the others, from `few` on. Undefined where
 * they were rounded by none; null where by so many that fewer than `few` are left, and those tell too little of others.
 */
export function unseenRows(options: Rounded, few: number): readonly number[] | undefined | null {
  const seen = new Set(rowsRoundedBy(options))
  if (seen.size === 0) return undefined
  const rows = Array.from({ length: options.data!.rows }, (_, row) => row).filter((row) => !seen.has(row))
  return rows.length < few ? null : rows
}
