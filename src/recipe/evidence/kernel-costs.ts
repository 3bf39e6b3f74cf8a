import { type Feeds, machine, ortNode, shapesOf } from '../../engine/index.ts'
import type { Model } from '../../ir/index.ts'
import { modelDigest } from '../../onnx/index.ts'
import {
  borderCost,
  borderProbe,
  costProbes,
  type StaticInt8Options,
  slopesAsRun,
  unitCosts,
  unitSignatures,
} from '../../passes/index.ts'
import type { CalibrationReport, CostsReport, ProfileReport } from '../../report/index.ts'
import { type EvidenceCache, noCache } from './evidence-cache.ts'
import { agree, steadyCosts } from './steady-costs.ts'
import { unitMemory } from './unit-memory.ts'

/** Profiles of either side, by turns, so that drift of the machine meets both. */
const TURNS = 3
/** Where other models have shown what most of the units cost: as few as can show whether something disturbed them. */
const FEW_TURNS = 2
const MOST = 0.5
/** Runs of a profile, fewer where one takes long: of a slow model, whatever disturbs is a smaller part. */
const MOST_RUNS = 12
const FEWEST_RUNS = 5
const PROFILE_MS = 600
/** Of a model that takes so long a run, as few turns, and as many runs as show a kernel's own time, tell as much. */
const LONG_RUN_MS = 100
const RUNS_OF_LONG = 3
/**
 * Of a profile, the times that a tenth of the runs did not take longer than, not the medians: another process stretches
 * most runs of a busy moment, and not the kernels of both sides alike. On two cores with 20 processes that wanted them,
 * medians placed no integers at all in YuNet three times of six (1.08 times as fast as the file), and quick runs some in
 * each of four (1.17).
 */
const QUICK = 0.1
const runsOf = (runMs: number) =>
  runMs >= LONG_RUN_MS ? RUNS_OF_LONG : Math.min(MOST_RUNS, Math.max(FEWEST_RUNS, Math.ceil(PROFILE_MS / runMs)))
const turnsOf = (runMs: number) => (runMs >= LONG_RUN_MS ? FEW_TURNS : TURNS)

/** How often costs open a model and run it, in float or integers or both, where nothing is known of its kernels. */
export const kernelWork = (runMs: number) => ({ opens: 3 * turnsOf(runMs), runs: 3 * turnsOf(runMs) * runsOf(runMs) })

interface CostOptions {
  readonly threads?: number | undefined
  /** Milliseconds that a run is thought to take; 0 by default. */
  readonly runMs?: number | undefined
  /** How gates stand in the integers that costs are for; see `PlanOptions.curves`. */
  readonly curves?: StaticInt8Options['curves']
  readonly cache?: EvidenceCache | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * What each node costs in float and in integers on this machine, with these inputs: the model is profiled as it is and
 * with everything in integers, in processes of their own. What other models showed of the same operators with the same
 * attributes and shapes is kept by machine and runtime, and nothing is profiled where that tells all; what a disturbed
 * moment showed is not kept. Null where nothing can become integer.
 */
export async function kernelCosts(
  model: Model,
  ranges: CalibrationReport,
  feeds: Feeds,
  options: CostOptions,
): Promise<CostsReport | null> {
  const { threads = 1, runMs = 0, curves, cache = noCache, signal } = options
  const { cpu, runtime } = machine()
  const probes = costProbes(model, ranges, curves)
  if (!probes) return null
  const shapes = Object.entries(feeds).map(([name, { dtype, dims }]) => [name, dtype, dims])
  // The kernels and what they cost do not depend on the ranges, only on which values have some.
  const key = {
    measure: 'costs with borders beside conversions, calls by layout, pixels at once, of quick runs',
    cpu,
    runtime,
    threads,
    shapes,
    model: modelDigest(model),
    ...(curves ? { curves } : {}),
  }
  return cache.get(key, async () => {
    const signatures = unitSignatures(probes, ranges, shapesOf(feeds))
    const memory = await unitMemory(cache, { cpu, runtime, threads }, signatures)
    const base = { kind: 'costs', version: 1, cpu, runtime, threads } as const
    const remembered: CostsReport = { ...base, nodes: memory.nodes }
    if (memory.unknown === 0 && memory.borderNs !== undefined) return { ...remembered, borderNs: memory.borderNs }
    if (memory.unknown === 0 && !borderProbe(probes, ranges, remembered)) return remembered
    const turns = memory.unknown <= (1 - MOST) * signatures.size ? FEW_TURNS : turnsOf(runMs)
    const runs = runsOf(runMs)
    const run = { float: await slopesAsRun(probes.float), integer: probes.integer }
    const profile = (model: Model) => {
      signal?.throwIfAborted()
      return ortNode.profile(model, feeds, runs, { threads, share: QUICK })
    }
    const seen: { float: ProfileReport[]; integer: ProfileReport[] } = { float: [], integer: [] }
    for (let turn = 0; turn < turns; turn++)
      for (const side of ['float', 'integer'] as const) seen[side].push(await profile(run[side]))
    const known = new Map(memory.nodes.map((node) => [node.name, node]))
    const measured = unitCosts(probes, ranges, quickest(seen.float), quickest(seen.integer))
    const costs: CostsReport = { ...base, nodes: measured.map((node) => lesser(node, known.get(node.name))) }
    const steady = steadyCosts(
      seen.float.map((inTurn, turn) => unitCosts(probes, ranges, inTurn, seen.integer[turn]!)),
      memory.nodes,
    )
    // What a border costs shows only where there are some: in the mixture that a formula for borders leads to.
    const probe = borderProbe(probes, ranges, costs)
    const mixture = probe && (await slopesAsRun(probe.mixture))
    const mixed: ProfileReport[] = []
    for (let turn = 0; mixture && turn < turns; turn++) mixed.push(await profile(mixture))
    const found = new Set(measured.map(({ name }) => name))
    const absent = [...signatures.keys()].filter((name) => !found.has(name))
    const optimized = mixture && (await ortNode.optimizedModel(mixture, { threads }))
    const borderOf = (seen: ProfileReport) => Number(borderCost(probe!, seen, optimized!).toPrecision(3))
    const borderNs = probe ? borderOf(quickest(mixed)) : undefined
    await memory.keep(steady, agree(mixed.map(borderOf)) ? borderNs : undefined, absent)
    return borderNs === undefined ? costs : { ...costs, borderNs }
  })
}

/** Of each side the least that was seen, here or in another model. */
const lesser = (node: CostsReport['nodes'][number], other: CostsReport['nodes'][number] | undefined) => ({
  name: node.name,
  floatMs: Math.min(node.floatMs, other?.floatMs ?? Number.POSITIVE_INFINITY),
  integerMs: Math.min(node.integerMs, other?.integerMs ?? Number.POSITIVE_INFINITY),
})

/** Of each node the least of what its profiles tell: what another process took away is no cost of the kernel. */
function quickest(profiles: readonly ProfileReport[]): ProfileReport {
  const [first] = profiles as readonly [ProfileReport]
  const least = new Map<string, number>()
  for (const { nodes } of profiles)
    for (const { name, ms } of nodes) least.set(name, Math.min(ms, least.get(name) ?? Number.POSITIVE_INFINITY))
  return { ...first, nodes: first.nodes.map((node) => ({ ...node, ms: least.get(node.name) ?? node.ms })) }
}
