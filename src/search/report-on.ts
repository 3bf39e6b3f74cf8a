import type { Dataset } from '../data/index.ts'
import { labelDoubts, marginDoubts, orderDoubts } from '../evaluate/index.ts'
import {
  type Built,
  isNewer,
  lostInputs,
  machineOf,
  oldestRuntime,
  provePortable,
  saturationOf,
} from '../recipe/index.ts'
import {
  type CandidateResult,
  type ComparisonReport,
  type OptimizationReport,
  type Portability,
  runtimeInWords,
  type Saturation,
} from '../report/index.ts'
import type { Choice } from './choose.ts'
import { roughSpeed } from './disturbed.ts'
import { frontOf } from './front.ts'
import { brokenLimit } from './goal.ts'
import { limitsOf, reasonWithLimits } from './limits.ts'
import type { Optimized, ResolvedOptions } from './options.ts'
import type { Pool } from './pool.ts'
import { atPaceOf } from './same-pace.ts'
import { sentenceOf } from './sentence.ts'
import { originalResult, usable } from './trial.ts'

/** What a finished search knows. */
interface Findings {
  readonly pool: Pool
  readonly options: ResolvedOptions
  readonly choice: Choice
  readonly data: Dataset
  readonly tensors: Optimized['tensors']
  readonly elapsed: Readonly<Record<string, number>>
  /** Work that there was no time for. */
  readonly leftOut: readonly string[]
  /** Whether time had run out before the report was written. */
  readonly late: boolean
}

/** The report of a search, with the models and the recipes that make them. */
export async function reportOn(findings: Findings): Promise<Optimized> {
  const { bench, trials } = findings.pool
  const chosen = trials.find((trial) => trial.built.spec.id === findings.choice.id)?.built ?? null
  const { model, recipe } = chosen ?? bench.original
  return {
    model,
    report: await reportFrom(findings, chosen),
    recipe,
    tensors: findings.tensors,
    candidates: trials.map(({ built: { spec, model, recipe } }) => ({ id: spec.id, model, recipe })),
  }
}

/** The report alone; `chosen` is null where the original is handed out. */
async function reportFrom(findings: Findings, chosen: Built | null): Promise<OptimizationReport> {
  const { pool, options, choice, data } = findings
  const { bench, goal, trials } = pool
  const baseline = pool.baseline!
  const original = originalResult(bench.original, baseline)
  const front = frontOf(trials.map(({ result }) => result).filter(usable), chosen ? null : original)
  const marked = (result: CandidateResult) => ({
    ...atPaceOf(baseline, result, result.id === choice.id),
    onFront: front.has(result.id),
  })
  const candidates = trials.map(({ result }) => marked(result))
  const handedOut = candidates.find((candidate) => candidate.id === choice.id) ?? original
  const broken = chosen ? null : pool.originalBreaks
  const limits = limitsOf(goal, broken)
  const { model: made, recipe } = chosen ?? bench.original
  const portable = options.target === 'portable' ? provePortable(made) : null
  const saturation = bench.saturates ? saturationOf(choice.id, made, recipe.steps, bench.runtime) : null
  return {
    kind: 'optimization',
    version: 1,
    sentence: sentenceOf({
      chosen: handedOut,
      baseline,
      proof: choice.proof,
      goal: goal.name,
      apart: options.proof !== undefined,
      late: pool.proofRows < bench.rows.prove.indices.length,
      broken,
      kept: trials.some(({ result }) => brokenLimit(goal, result) === null),
    }),
    model: {
      path: options.path ?? bench.original.model.graph.name,
      digest: bench.original.digest,
      bytes: bench.original.bytes,
    },
    inputs: bench.inspection.inputs,
    outputs: bench.inspection.outputs,
    example: bench.example,
    goal: goal.name,
    ...(limits ? { limits } : {}),
    margin: options.margin,
    alpha: options.alpha,
    seed: options.seed,
    target: options.target,
    threads: options.threads,
    machine: { ...machineOf(), runtime: bench.runtime },
    data: { path: data.path, digest: await data.digest(), rows: data.rows },
    rows: {
      calibrate: bench.rows.calibrate.indices.length,
      select: bench.rows.select.indices.length,
      prove: bench.rows.prove.indices.length,
    },
    baseline,
    candidates: chosen ? candidates : [marked(original), ...candidates],
    chosen: {
      id: choice.id,
      reason: chosen ? choice.reason : reasonWithLimits(goal, trials, choice.reason, broken),
      runtime: oldestRuntime(made),
    },
    proof: choice.proof,
    ...(portable ? { portable } : {}),
    ...(saturation ? { saturation } : {}),
    profiles: findings.late
      ? { baseline: null, chosen: null }
      : { baseline: await bench.profile(bench.original), chosen: chosen ? await bench.profile(chosen) : null },
    elapsed: findings.elapsed,
    ...(findings.leftOut.length > 0 ? { leftOut: findings.leftOut } : {}),
    ...(options.command ? { command: options.command } : {}),
    warnings: await warningsOf(findings, chosen, { portable, saturation, rough: roughSpeed(handedOut) }),
  }
}

/** What was found about the model that is handed out; null where there is nothing to say. */
interface Remarks {
  readonly portable: Portability | null
  readonly saturation: Saturation | null
  /** Why its speed is not known well. */
  readonly rough: string | null
}

async function warningsOf(
  findings: Findings,
  chosen: Built | null,
  { portable, saturation, rough }: Remarks,
): Promise<readonly string[]> {
  const { bench, warnings } = findings.pool
  const { id } = findings.choice
  const { model } = chosen ?? bench.original
  const [before, after] = [oldestRuntime(bench.original.model), oldestRuntime(model)]
  const dependence = chosen ? await bench.dependence(chosen) : null
  return [
    ...(portable?.proven === false ? [`${id}, which is handed out, is ${portable.sentence}`] : []),
    ...doubtsOf(findings),
    ...(isNewer(after.release, before.release)
      ? [`${id}, which is handed out, runs in ${runtimeInWords(after)}; the original from ${before.release} on`]
      : []),
    ...lostInputs(bench.original.model, model),
    ...(rough ? [rough] : []),
    ...(saturation?.safe === false ? [saturation.sentence] : []),
    ...warnings,
    ...(dependence ? [`${id}: ${dependence}`] : []),
    ...bench.dataNotes,
  ]
}

/** Doubts about what labels or the margin mean, from the largest comparison, and the largest that did not pass. */
export function doubtsOf({
  choice,
  pool,
  data,
  options,
}: Pick<Findings, 'choice' | 'pool' | 'data' | 'options'>): readonly string[] {
  const { select, prove } = pool.bench.rows
  const judged = [choice.proof, ...pool.trials.map(({ comparison }) => comparison)].filter((one) => one !== null)
  if (judged.length === 0) return []
  const largestOf = (some: readonly ComparisonReport[]) => some.reduce((most, one) => (one.n > most.n ? one : most))
  const failed = judged.filter(({ verdict }) => verdict !== 'pass')
  const all = Math.min(select.indices.length, prove.indices.length)
  return [
    ...labelDoubts(largestOf(judged), data.classNames, all),
    ...orderDoubts(largestOf(failed.length > 0 ? failed : judged)),
    // A failed comparison may have fewer rows than the proof, but the baseline's score must come from the same rows.
    ...(failed.length > 0
      ? marginDoubts({ ...largestOf(judged), verdict: largestOf(failed).verdict }, options.margin)
      : []),
  ]
}
