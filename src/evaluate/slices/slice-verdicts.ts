import type { SliceResult } from '../../report/index.ts'
import { holm } from '../../statistics/index.ts'
import { type AgreementCounts, judgeAgreement } from '../agreement.ts'
import { type Judgement, judge } from '../judge/judge.ts'
import type { PairedScores } from '../judge/paired-scores.ts'
import type { Slice } from './slices.ts'

/** How a slice is judged: on scores, or by counting changed answers where there are none. */
export interface SliceRule {
  readonly alpha: number
  readonly seed: number
  readonly marginOf: (slice: Slice) => number
  /** What the user declared: fields, or slices by their name. */
  readonly declared: ReadonlySet<string>
}

const isDeclared = ({ declared }: SliceRule, { field, name }: Slice) => declared.has(field) || declared.has(name)

/**
 * A verdict for every slice on scored rows. Each may *pass* at α by itself ("every slice passes" is an intersection of
 * tests and needs no correction, Berger 1982). To be *named regressed* its p-value must survive Holm's correction over
 * the slices of its kind (declared, or not): of many small slices one always looks bad by chance.
 */
export function judgeSlices(
  slices: readonly Slice[],
  scoresOf: (rows: readonly number[]) => PairedScores,
  rule: SliceRule,
): readonly SliceResult[] {
  const { alpha, seed } = rule
  const judged = slices.map((slice) => ({
    slice,
    scores: scoresOf(slice.rows),
    margin: rule.marginOf(slice),
    declared: isDeclared(rule, slice),
  }))
  const results = judged.map((entry) => ({ ...entry, own: judge(entry.scores, { margin: entry.margin, alpha, seed }) }))
  const adjusted = new Map<(typeof results)[number], number>()
  for (const declared of [true, false]) {
    const family = results.filter((entry) => entry.declared === declared)
    const corrected = holm(family.map(({ own }) => own.pRegressed))
    for (const [i, entry] of family.entries()) adjusted.set(entry, corrected[i]!)
  }
  return results.map((entry) => {
    const chance = entry.own.verdict === 'regressed' && adjusted.get(entry)! >= alpha
    const family = results.filter(({ declared }) => declared === entry.declared).length
    const again = chance ? judge(entry.scores, { margin: entry.margin, alpha: alpha / family, seed }) : entry.own
    const requiredN = chance ? (again.requiredN ?? 2 * entry.own.n) : entry.own.requiredN
    const verdict = chance ? 'inconclusive' : entry.own.verdict
    const result = sliceResult(entry.slice, entry.margin, entry.declared, { ...entry.own, verdict, requiredN })
    return { ...result, adjustedP: adjusted.get(entry)! }
  })
}

/** A verdict for every slice on rows without labels: `pass` where the bound on changed answers is within the margin. */
export function judgeAgreementSlices(
  slices: readonly Slice[],
  countsOf: (rows: readonly number[]) => AgreementCounts,
  rule: SliceRule,
): readonly SliceResult[] {
  return slices.map((slice) => {
    const margin = rule.marginOf(slice)
    const { verdict, requiredN } = judgeAgreement(countsOf(slice.rows), margin, rule.alpha)
    return {
      name: slice.name,
      field: slice.field,
      n: slice.rows.length,
      verdict,
      margin,
      base: null,
      candidate: null,
      discordant: null,
      lowerBound: null,
      upperBound: null,
      requiredN,
      declared: isDeclared(rule, slice),
    }
  })
}

function sliceResult(slice: Slice, margin: number, declared: boolean, of: Judgement): SliceResult {
  // A metric may be undefined on a slice (R² of one row); a report holds null then.
  const finite = (value: number) => (Number.isFinite(value) ? value : null)
  return {
    name: slice.name,
    field: slice.field,
    n: slice.rows.length,
    verdict: of.verdict,
    margin,
    base: finite(of.base),
    candidate: finite(of.candidate),
    discordant: of.discordant,
    lowerBound: finite(of.lowerBound),
    upperBound: finite(of.upperBound),
    requiredN: of.requiredN,
    declared,
  }
}
