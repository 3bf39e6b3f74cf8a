import { type ComparisonReport, grouped } from '../../report/index.ts'

/** What a model keeps, higher being better: its metric, or without labels the share of answers that stayed. */
export const kept = (report: ComparisonReport): number | null =>
  asGain(report, report.candidate.value) ?? report.agreement?.rate ?? null

const asGain = ({ higherIsBetter }: ComparisonReport, value: number | null) =>
  value === null || higherIsBetter ? value : -value

/** What training gave back of what rounding alone had lost, both held against the float model on the same rows. */
interface GivenBack {
  /** Null where rounding lost nothing. */
  readonly share: number | null
  /** A clause for the first line of a report, with the rows that it stands on; empty where there is nothing to say. */
  readonly clause: string
}

/**
 * Compares the plainly rounded model and the trained one through the float model. The share is told from chance where
 * even the lower bound of what the better of the two keeps lies above what the other one kept.
 */
export function givenBack(rounded: ComparisonReport, trained: ComparisonReport): GivenBack {
  const float = asGain(trained, trained.base.value) ?? 1
  const [before, after] = [kept(rounded), kept(trained)]
  if (before === null || after === null || before >= float) return { share: null, clause: '' }
  const share = (after - before) / (float - before)
  const told = share < 0 ? leastKept(rounded, float) > after : share === 0 || leastKept(trained, float) > before
  const doubt = told ? '' : ', which so few cannot tell from chance'
  const effect =
    share < 0
      ? `tuning lost more than rounding alone (${lossOf(trained)} against ${lossOf(rounded)})`
      : `tuning gave back ${Math.round(share * 100)} % of what rounding lost`
  const rows = `${trained.n} row${trained.n === 1 ? '' : 's'}`
  return { share, clause: `; on ${rows} ${effect}${doubt}` }
}

/** What a model keeps at least, by the bound of its comparison with the float model. */
const leastKept = ({ nonInferiority, agreement }: ComparisonReport, float: number) =>
  nonInferiority ? float + nonInferiority.lowerBound : 1 - (agreement?.changedUpperBound ?? 1)

/** A share of a small loss is a large number that says little: what became of the metric, or of the answers, says it. */
const lossOf = ({ metric, candidate, agreement }: ComparisonReport) =>
  candidate.value === null
    ? `${grouped(agreement?.changed ?? 0)} answers changed`
    : `${metric} ${Number(candidate.value.toPrecision(4))}`
