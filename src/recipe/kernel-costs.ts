import { type Feeds, machine, ortNode } from '../engine/index.ts'
import type { Model } from '../ir/index.ts'
import { modelDigest } from '../onnx/index.ts'
import { borderCost, borderProbe, costProbes, unitCosts } from '../passes/index.ts'
import type { CalibrationReport, CostsReport, ProfileReport } from '../report/index.ts'
import { type EvidenceCache, noCache } from './evidence-cache.ts'

/** Profiles of either side, by turns, so that drift of the machine meets both. */
const TURNS = 3
const RUNS = 12

export interface CostOptions {
  readonly threads?: number | undefined
  readonly cache?: EvidenceCache | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * What each node costs in float and in integers on this machine, with these inputs: the model is profiled as it is and
 * with everything in integers, in processes of their own. Null where nothing can become integer.
 */
export async function kernelCosts(
  model: Model,
  ranges: CalibrationReport,
  feeds: Feeds,
  options: CostOptions = {},
): Promise<CostsReport | null> {
  const { threads = 1, cache = noCache, signal } = options
  const { cpu, runtime } = machine()
  const probes = costProbes(model, ranges)
  if (!probes) return null
  const shapes = Object.entries(feeds).map(([name, { dtype, dims }]) => [name, dtype, dims])
  // The kernels and what they cost do not depend on the ranges, only on which values have some.
  const key = { measure: 'costs with borders', cpu, runtime, threads, shapes, model: modelDigest(model) }
  return cache.get(key, async () => {
    const seen: { float: ProfileReport[]; integer: ProfileReport[] } = { float: [], integer: [] }
    for (let turn = 0; turn < TURNS; turn++)
      for (const side of ['float', 'integer'] as const) {
        signal?.throwIfAborted()
        seen[side].push(await ortNode.profile(probes[side], feeds, RUNS, { threads }))
      }
    const inFloat = quickest(seen.float)
    const nodes = unitCosts(probes, ranges, inFloat, quickest(seen.integer))
    const costs: CostsReport = { kind: 'costs', version: 1, cpu, runtime, threads, nodes }
    // What a border costs shows only where there are some: in the mixture that a formula for borders leads to.
    const probe = borderProbe(probes, ranges, costs)
    if (!probe) return costs
    const mixed: ProfileReport[] = []
    for (let turn = 0; turn < TURNS; turn++) {
      signal?.throwIfAborted()
      mixed.push(await ortNode.profile(probe.mixture, feeds, RUNS, { threads }))
    }
    return { ...costs, borderNs: Number(borderCost(probe, quickest(mixed), inFloat).toPrecision(3)) }
  })
}

/** Of each node the least of its medians: what another process took away is no cost of the kernel. */
function quickest(profiles: readonly ProfileReport[]): ProfileReport {
  const [first] = profiles as readonly [ProfileReport]
  const least = new Map<string, number>()
  for (const { nodes } of profiles)
    for (const { name, ms } of nodes) least.set(name, Math.min(ms, least.get(name) ?? Number.POSITIVE_INFINITY))
  return { ...first, nodes: first.nodes.map((node) => ({ ...node, ms: least.get(node.name) ?? node.ms })) }
}
