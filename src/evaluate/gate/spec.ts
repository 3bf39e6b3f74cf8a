import type { Dataset } from '../../data/index.ts'
import { didYouMean, UserError } from '../../platform/index.ts'
import { fieldOfSlice } from '../slices/slices.ts'

/** A number that a gate file sets, and the line where it stands. */
export interface Limit {
  readonly value: number
  readonly line: number
}

/** A margin by name: of a metric, a slice (`font=serif`) or all slices of a field (`font`). */
export interface MarginFor {
  readonly name: string
  /** Null where the gate's own margin holds. */
  readonly margin: number | null
  /** Whether an undecided answer holds the gate back. */
  readonly blocks: boolean
  readonly line: number
}

/** Limits by the key of the gate file; a key that is absent limits nothing. */
export type Limits<K extends string> = { readonly [key in K]?: Limit }

/** What a gate file asks of a candidate. */
export interface GateSpec {
  readonly file: string
  readonly digest: string
  /** Metric of the verdict; chosen by the labels where absent. */
  readonly metric: string | null
  /** Models, by the name of their file, that want the rows in another form, and where that is (from the gate's folder). */
  readonly data: readonly { readonly model: string; readonly path: string; readonly line: number }[]
  readonly margin: Limit | null
  readonly alpha: Limit | null
  /** Further metrics, each with its own margin. */
  readonly metrics: readonly MarginFor[]
  readonly slices: readonly MarginFor[]
  readonly errors: Limits<'maxRatio'>
  readonly latency: Limits<'maxRatio' | 'maxP50Ms' | 'maxP90Ms' | 'maxP99Ms'>
  readonly size: Limits<'maxBytes' | 'maxRatio'>
  readonly memory: Limits<'maxRssBytes' | 'maxRatio'>
  readonly robustness: Limits<'margin' | 'maxMce'> & {
    /** Which corruptions, and how strong; all where absent. */
    readonly corruptions?: readonly string[]
    readonly severities?: readonly number[]
  }
  /** Growth of the gap between the groups of a field. */
  readonly fairness: readonly { readonly field: string; readonly maxGapGrowth: number; readonly line: number }[]
}

/**
 * What a gate declares of the data, once each: whole fields, or the one slice of a field that it names.
 *
 * @throws UserError `bad-argument`, with the line of the gate file, for a field that the data does not have.
 */
export function gateFields(gate: GateSpec, { fields, path }: Dataset): readonly string[] {
  const names = fields.map(({ name }) => name)
  const spoken = [
    ...gate.slices.map(({ name, line }) => ({ name, field: fieldOfSlice(name, names), line, key: 'slices' })),
    ...gate.fairness.map(({ field, line }) => ({ name: field, field, line, key: 'fairness' })),
  ]
  for (const { field, line, key } of spoken)
    if (!names.includes(field))
      throw new UserError('bad-argument', `${key} speaks of "${field}", and the data has no such field`, {
        where: `${gate.file}:${line}`,
        hint: `${didYouMean(field, names)}the fields of ${path} are ${names.join(', ')}`,
      })
  return [...new Set(spoken.map(({ name }) => name))]
}

/** Margins of slices in the form that a comparison takes. */
export function sliceMargins(gate: GateSpec): Readonly<Record<string, number>> {
  return Object.fromEntries(gate.slices.flatMap(({ name, margin }) => (margin === null ? [] : [[name, margin]])))
}
