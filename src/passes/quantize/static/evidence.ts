import type { SensitivityReport } from '../../../report/index.ts'
import type { Evidence } from '../../../rewrite/index.ts'
import type { MeasuredCosts } from '../placement/price-list.ts'
import type { ObservedChannels, ObservedRange } from '../units/observed.ts'

const reportsOf = (evidence: readonly Evidence[]) => evidence.map(({ report }) => report)

/** What each rounding was measured to do to the outputs; null where it was not measured. */
export function sensitivityFrom(evidence: readonly Evidence[]): SensitivityReport | null {
  return reportsOf(evidence).find((report) => report.kind === 'sensitivity') ?? null
}

/** Nanoseconds of each node on either side, by its name, and of borders; nothing where they were not measured. */
export function costsFrom(evidence: readonly Evidence[]): MeasuredCosts {
  const report = reportsOf(evidence).find((one) => one.kind === 'costs')
  const nodes = report?.nodes ?? []
  return {
    costs: new Map(
      nodes.map(({ name, floatMs, integerMs }) => [name, { float: floatMs * 1e6, integer: integerMs * 1e6 }]),
    ),
    borderNs: report?.borderNs ?? null,
  }
}

/** What the channels report among the evidence saw, by value; empty without one. */
export function channelsFrom(evidence: readonly Evidence[]): ReadonlyMap<string, ObservedChannels> {
  return new Map(Object.entries(reportsOf(evidence).find((report) => report.kind === 'channels')?.values ?? {}))
}

/** What calibration by this method, or the first at hand, saw of values, by their names; empty without a report. */
export function rangesFrom(evidence: readonly Evidence[], method?: string): ReadonlyMap<string, ObservedRange> {
  const reports = reportsOf(evidence).filter((report) => report.kind === 'calibration')
  return new Map(
    Object.entries(reports.find((report) => method === undefined || report.method === method)?.ranges ?? {}),
  )
}
