import type { Dataset } from '../../data/index.ts'
import { openIsolated, type Session } from '../../engine/index.ts'
import {
  type CompareOptions,
  checkGate,
  compare,
  type GateEvidence,
  type GateSpec,
  gateFields,
  sliceMargins,
} from '../../evaluate/index.ts'
import { modelBytes } from '../../onnx/index.ts'
import type { ComparisonReport, LatencyReport, RobustnessReport } from '../../report/index.ts'
import { bench } from './bench.ts'
import { withGains } from './gains.ts'
import { memoSession } from './memo-session.ts'
import { nameModels } from './name-models.ts'
import { type Fit, type NamedModel, ownInputs } from './own-inputs.ts'
import { robustness } from './robustness.ts'

/** What a gate may need beyond a comparison: times, and inputs that each model takes for itself. */
export interface GatedOptions extends CompareOptions {
  readonly threads?: number | undefined
  /** Time the models even where no gate limits latency. */
  readonly timing?: boolean | undefined
  /** Seconds that timing may take. */
  readonly maxSeconds?: number | undefined
  readonly onStep?: ((text: string) => void) | undefined
  /** Makes each model take its own inputs out of those of all. */
  readonly fit?: Fit | undefined
}

/**
 * A comparison held against a gate: further metrics are scored on answers that are kept, so that both models run over
 * the rows once, and the models are timed only where the gate limits latency or memory.
 *
 * @throws UserError as `compare` and `bench` do.
 */
export async function compareGated(
  base: NamedModel,
  candidate: NamedModel,
  rows: Dataset,
  gate: GateSpec,
  given: GatedOptions = {},
): Promise<ComparisonReport> {
  const { data, fit } = await ownInputs([base, candidate], rows)
  const options = fit ? { ...given, fit } : given
  const judged = await withSession(base, fit, (first) =>
    withSession(candidate, fit, (second) => compareFor(gate, first, second, data, options)),
  )
  const latency = needsTiming(gate) || options.timing ? await timed([base, candidate], data, options) : undefined
  const stress = await stressed(gate, [base, candidate], data, options)
  const report = gated(gate, judged, [base, candidate], latency, stress?.models[1])
  return withGains(report, [base.model, candidate.model], latency)
}

const needsTiming = ({ latency, memory }: GateSpec): boolean =>
  Object.keys(latency).length + Object.keys(memory).length > 0

/** The comparison that a gate asks for, and one a further metric. */
export async function compareFor(
  gate: GateSpec,
  base: Session,
  candidate: Session,
  data: Dataset,
  options: GatedOptions,
): Promise<Pick<GateEvidence, 'comparison' | 'metrics'>> {
  const common: CompareOptions = {
    deep: true,
    ...options,
    // Gaps between groups are of the deep part.
    ...(gate.fairness.length > 0 ? { deep: true } : {}),
    slices: [...new Set([...(options.slices ?? []), ...gateFields(gate, data)])],
    sliceMargins: { ...options.sliceMargins, ...sliceMargins(gate) },
    ...(gate.alpha ? { alpha: gate.alpha.value } : {}),
    ...(gate.margin ? { margin: gate.margin.value } : {}),
  }
  const marginFor = (metric: string | null) => gate.metrics.find(({ name }) => name === metric)?.margin ?? null
  const judged = (margin: number | null) =>
    compare(base, candidate, data, {
      ...common,
      ...(gate.metric === null ? {} : { metric: gate.metric }),
      ...(margin === null ? {} : { margin }),
    })
  const first = await judged(marginFor(gate.metric))
  // Which metric the labels call for is known only now; answers are kept, so that looking again runs no model.
  const own = marginFor(first.metric)
  const comparison = own === null || own === first.margin ? first : await judged(own)
  const metrics: Record<string, ComparisonReport> = {}
  for (const { name, margin } of gate.metrics) {
    if (name === comparison.metric) continue
    options.onStep?.(`scoring ${name}`)
    metrics[name] = await compare(base, candidate, data, {
      ...common,
      deep: false,
      metric: name,
      ...(margin === null ? {} : { margin }),
    })
  }
  return { comparison, metrics }
}

/** Times models by turns, the first as the base. */
export async function timed(
  models: readonly NamedModel[],
  data: Dataset,
  { threads = 1, maxSeconds = 10, signal, onStep, fit }: GatedOptions,
): Promise<LatencyReport> {
  onStep?.(`timing ${models.length} models by turns`)
  return bench(
    models.map(({ name, model }) => ({ label: name, model })),
    { data, threads, maxSeconds, fit, signal },
  )
}

/** Models on corrupted rows, the first as the base; null where the gate sets no limit of it. */
export async function stressed(
  gate: GateSpec,
  models: readonly NamedModel[],
  data: Dataset,
  options: GatedOptions,
): Promise<RobustnessReport | null> {
  const { margin, maxMce, corruptions, severities } = gate.robustness
  if (!margin && !maxMce) return null
  options.onStep?.(`corrupting rows for ${models.length} models`)
  const metric = gate.metric ?? options.metric
  return robustness(
    models.map(({ name, model }) => ({ path: name, model })),
    data,
    {
      corruptions,
      severities,
      ...(margin ? { margin: margin.value } : {}),
      ...(gate.alpha ? { alpha: gate.alpha.value } : options.alpha === undefined ? {} : { alpha: options.alpha }),
      label: options.label,
      metric,
      seed: options.seed,
      signal: options.signal,
      fit: options.fit,
    },
  )
}

/** The report with the gate's answer. */
export function gated(
  gate: GateSpec,
  judged: Pick<GateEvidence, 'comparison' | 'metrics'>,
  [base, candidate]: readonly [NamedModel, NamedModel],
  latency: LatencyReport | undefined,
  stress?: RobustnessReport['models'][number],
): ComparisonReport {
  const evidence: GateEvidence = {
    ...judged,
    bytes: [modelBytes(base.model), modelBytes(candidate.model)],
    latency,
    robustness: stress,
  }
  return { ...nameModels(judged.comparison, base.model, candidate.model), gate: checkGate(gate, evidence) }
}

/** Opens a model in a process of its own, with its answers kept, for as long as `work` takes. */
export async function withSession<T>(
  { name, model }: NamedModel,
  fit: Fit | undefined,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const opened = await openIsolated(model, {}, { name })
  const session = memoSession(fit ? fit(model, opened) : opened)
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}
