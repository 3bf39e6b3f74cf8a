import {
  type ComparisonReport,
  type GateCheck,
  type GateResult,
  grouped,
  type LatencyReport,
  type RobustnessReport,
  type SliceResult,
  type Verdict,
} from '../../report/index.ts'
import type { GateSpec, Limit, MarginFor } from './spec.ts'

/** What was measured of one candidate against its base. A part that no limit speaks of may be absent. */
export interface GateEvidence {
  readonly comparison: ComparisonReport
  /** The same comparison in further metrics, by name. */
  readonly metrics: Readonly<Record<string, ComparisonReport>>
  /** Base first. */
  readonly bytes: readonly [base: number, candidate: number]
  /** Base first. */
  readonly latency?: LatencyReport | undefined
  /** The candidate's line of a robustness report, which was judged by the gate's margin. */
  readonly robustness?: Pick<RobustnessReport['models'][number], 'change' | 'mce'> | undefined
}

/**
 * Holds every limit of a gate against what was measured. Margins follow the verdict table; a limit on an interval is
 * kept where the whole interval is within it, broken where the whole interval is beyond, else undecided. Figures without
 * an interval (sizes, percentiles of one run) are compared as they are.
 *
 * A check without rows or without a measurement is undecided, never passed.
 */
export function checkGate(gate: GateSpec, evidence: GateEvidence): GateResult {
  const checks = [
    ...marginChecks(gate, evidence),
    ...sliceChecks(gate, evidence.comparison),
    ...errorChecks(gate, evidence.comparison),
    ...sizeChecks(gate, evidence.bytes),
    ...latencyChecks(gate, evidence.latency),
    ...memoryChecks(gate, evidence.latency),
    ...robustnessChecks(gate, evidence.robustness),
    ...fairnessChecks(gate, evidence.comparison),
  ]
  const verdict: Verdict = checks.some((check) => check.verdict === 'regressed')
    ? 'regressed'
    : checks.some((check) => check.verdict === 'inconclusive' && check.blocks)
      ? 'inconclusive'
      : 'pass'
  return { file: gate.file, digest: gate.digest, verdict, checks }
}

function marginChecks(gate: GateSpec, { comparison, metrics }: GateEvidence): readonly GateCheck[] {
  const line = gate.margin ? { line: gate.margin.line } : {}
  const main = { ...ofComparison('margin', comparison, true), ...line }
  const others = gate.metrics
    .filter(({ name }) => name !== comparison.metric)
    .map((wanted) => ({
      ...ofComparison(`metrics.${wanted.name}`, metrics[wanted.name]!, wanted.blocks),
      line: wanted.line,
    }))
  return [main, ...others]
}

function ofComparison(id: string, report: ComparisonReport, blocks: boolean): GateCheck {
  const bound = report.nonInferiority?.lowerBound
  return {
    id,
    what: `${report.metric} over all rows`,
    limit: `loses less than ${short(report.margin ?? report.nonInferiority?.margin ?? Number.NaN)}`,
    measured:
      report.base.value === null || report.candidate.value === null
        ? report.sentence
        : `${short(report.base.value)} → ${short(report.candidate.value)} on ${grouped(report.n)} rows${bound === undefined ? '' : `, at worst ${signed(bound)}`}`,
    // Slices have checks of their own.
    verdict: report.overall ?? report.verdict,
    blocks,
  }
}

function sliceChecks(gate: GateSpec, { slices }: ComparisonReport): readonly GateCheck[] {
  const named = gate.slices.flatMap((wanted) => {
    const found = slices.filter((slice) => isOf(slice, wanted.name))
    // A slice with an entry of its own is held to that one alone.
    const own = found.filter(({ name }) => name === wanted.name || !gate.slices.some((other) => other.name === name))
    return found.length > 0 ? own.map((slice) => ofSlice(slice, wanted)) : [withoutRows(wanted)]
  })
  // What was declared elsewhere (`--slice`, a field of `fairness`) and regressed is told by its name as well.
  const others = slices
    .filter(({ declared, verdict }) => declared && verdict === 'regressed')
    .filter((slice) => !gate.slices.some((wanted) => isOf(slice, wanted.name)))
    .map((slice) => ofSlice(slice, { blocks: true }))
  return [...named, ...others]
}

/** Whether a slice is the one of this name, or of the field of this name. */
const isOf = ({ name, field }: SliceResult, wanted: string): boolean => name === wanted || field === wanted

function ofSlice(slice: SliceResult, { blocks, line }: Pick<GateCheck, 'blocks' | 'line'>): GateCheck {
  return {
    id: `slices.${slice.name}`,
    what: slice.name,
    limit: `loses less than ${short(slice.margin)}`,
    measured: `${
      slice.base === null || slice.candidate === null ? '' : `${short(slice.base)} → ${short(slice.candidate)} `
    }on ${grouped(slice.n)} rows${slice.lowerBound === null ? '' : `, at worst ${signed(slice.lowerBound)}`}${
      slice.verdict === 'inconclusive' && slice.requiredN !== null
        ? `; about ${grouped(slice.requiredN)} rows would settle it`
        : ''
    }`,
    verdict: slice.verdict,
    blocks,
    ...(line === undefined ? {} : { line }),
  }
}

const withoutRows = ({ name, blocks, line, margin }: MarginFor): GateCheck => ({
  id: `slices.${name}`,
  what: name,
  limit: margin === null ? 'loses less than the margin' : `loses less than ${short(margin)}`,
  measured: 'no row of the data is in it',
  verdict: 'inconclusive',
  blocks,
  line,
})

function errorChecks({ errors }: GateSpec, { errorRatio, n }: ComparisonReport): readonly GateCheck[] {
  const limit = errors.maxRatio
  if (!limit) return []
  const most = `at most ${short(limit.value)} times the errors`
  if (!errorRatio) return [unmeasured('errors.maxRatio', 'errors', most, limit, 'the metric is no right or wrong')]
  const { ratio, ci } = errorRatio
  if (ratio === null) {
    const none = errorRatio.candidate === 0
    return [
      {
        ...unmeasured(
          'errors.maxRatio',
          'errors',
          most,
          limit,
          `none before, ${short(errorRatio.candidate * n)} after`,
        ),
        verdict: none ? 'pass' : 'inconclusive',
      },
    ]
  }
  return interval('errors.maxRatio', 'errors', limit, { value: ratio, ci }, ' the errors')
}

function sizeChecks({ size }: GateSpec, [before, after]: GateEvidence['bytes']): readonly GateCheck[] {
  return [
    ...exact('size.maxBytes', 'size of the model', size.maxBytes, after, ' bytes'),
    ...exact('size.maxRatio', 'size against the base', size.maxRatio, after / before, ' times'),
  ]
}

function latencyChecks({ latency: limits }: GateSpec, report: LatencyReport | undefined): readonly GateCheck[] {
  const model = report?.models[1]
  const ratio = report?.ratios[0]
  const onThis = report ? `, ${report.threads === 1 ? '1 thread' : `${report.threads} threads`}` : ''
  return [
    ...exact('latency.maxP50Ms', `median latency${onThis}`, limits.maxP50Ms, model?.p50Ms, ' ms'),
    ...exact('latency.maxP90Ms', `90th percentile of latency${onThis}`, limits.maxP90Ms, model?.p90Ms, ' ms'),
    ...exact('latency.maxP99Ms', `99th percentile of latency${onThis}`, limits.maxP99Ms, model?.p99Ms, ' ms'),
    ...interval(
      'latency.maxRatio',
      `latency against the base${onThis}`,
      limits.maxRatio,
      ratio && { value: ratio.median, ci: ratio.ci },
    ),
  ]
}

function memoryChecks({ memory }: GateSpec, report: LatencyReport | undefined): readonly GateCheck[] {
  const [before, after] = [report?.models[0]?.peakRssBytes, report?.models[1]?.peakRssBytes]
  const ratio = before && after ? after / before : undefined
  return [
    ...exact('memory.maxRssBytes', 'peak memory', memory.maxRssBytes, after ?? undefined, ' bytes'),
    ...exact('memory.maxRatio', 'peak memory against the base', memory.maxRatio, ratio, ' times'),
  ]
}

function robustnessChecks({ robustness }: GateSpec, found: GateEvidence['robustness']): readonly GateCheck[] {
  const { margin, maxMce } = robustness
  const checks: GateCheck[] = []
  if (margin) {
    const change = found?.change
    const most = `loses less than ${short(margin.value)} on corrupted rows`
    checks.push(
      change?.verdict
        ? {
            ...base('robustness.margin', 'answers to corrupted rows', most, margin),
            measured: `${signed(change.delta)} (${signed(change.ci[0])} to ${signed(change.ci[1])})`,
            verdict: change.verdict,
          }
        : unmeasured('robustness.margin', 'answers to corrupted rows', most, margin),
    )
  }
  checks.push(...interval('robustness.maxMce', 'mean corruption error against the base', maxMce, found?.mce))
  return checks
}

function fairnessChecks({ fairness }: GateSpec, { gaps }: ComparisonReport): readonly GateCheck[] {
  return fairness.map(({ field, maxGapGrowth, line }) => {
    const gap = gaps?.find((one) => one.field === field)
    const of = base(
      `fairness.${field}`,
      `gap between groups of ${field}`,
      `grows by less than ${short(maxGapGrowth)}`,
      {
        line,
      },
    )
    if (!gap) return { ...of, measured: 'fewer than two groups have enough rows', verdict: 'inconclusive' }
    return {
      ...of,
      measured: `${short(gap.base)} → ${short(gap.candidate)} (change ${signed(gap.lowerBound)} to ${signed(gap.upperBound)})`,
      verdict: within([gap.lowerBound, gap.upperBound], maxGapGrowth),
    }
  })
}

const base = (id: string, what: string, limit: string, { line }: Pick<Limit, 'line'>) => ({
  id,
  what,
  limit,
  blocks: true,
  line,
})

function unmeasured(id: string, what: string, most: string, limit: Limit, why = 'not measured'): GateCheck {
  return { ...base(id, what, most, limit), measured: why, verdict: 'inconclusive' }
}

function exact(id: string, what: string, limit: Limit | undefined, value: number | undefined, unit: string) {
  if (!limit) return []
  const most = `at most ${amount(limit.value)}${unit}`
  if (value === undefined || !Number.isFinite(value)) return [unmeasured(id, what, most, limit)]
  const verdict: Verdict = value <= limit.value ? 'pass' : 'regressed'
  return [{ ...base(id, what, most, limit), measured: `${amount(value)}${unit}`, verdict }]
}

/** A ratio and its interval; of too few rows for one, it is shown and decides nothing. */
interface Ratio {
  readonly value: number
  readonly ci: readonly [number, number] | null
}

function interval(id: string, what: string, limit: Limit | undefined, ratio: Ratio | null | undefined, of = '') {
  if (!limit) return []
  const most = `at most ${short(limit.value)} times${of}`
  if (!ratio) return [unmeasured(id, what, most, limit)]
  const { value, ci } = ratio
  const measured = `${short(value)} times${ci ? ` (${short(ci[0])} to ${short(ci[1])})` : ', of too few rows'}`
  return [{ ...base(id, what, most, limit), measured, verdict: ci ? within(ci, limit.value) : 'inconclusive' } as const]
}

function within([low, high]: readonly [number, number], most: number): Verdict {
  if (high <= most) return 'pass'
  return low > most ? 'regressed' : 'inconclusive'
}

const short = (value: number) => String(Number(value.toPrecision(4)))
const amount = (value: number) => (value >= 1000 ? grouped(Math.round(value)) : short(value))
const signed = (value: number) => `${value === 0 ? '' : value < 0 ? '−' : '+'}${short(Math.abs(value))}`
