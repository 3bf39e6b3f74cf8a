import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { allNodes, type Graph, type Model } from '../ir/index.ts'
import { modelBytes, readModel } from '../onnx/index.ts'
import { UserError } from '../platform/index.ts'
import type { ProfileReport } from '../report/index.ts'
import { checkFeeds } from './feeds.ts'
import { isCarried } from './ort-native.ts'
import { placeFile, temporaryFolder } from './ort-node-place.ts'
import { startRuntime } from './ort-node-process.ts'
import { runtimeName } from './ort-node-version.ts'
import type { OrtSessionOptions } from './ort-options.ts'
import { portsOf } from './ports.ts'
import { profileOf, type TraceEvent } from './profile-trace.ts'
import type { Feeds, ProfileOptions } from './session.ts'
import { traceable } from './trace-names.ts'

/** Runs before the ones that count: the first allocate and plan memory. */
const WARM_RUNS = 2
/** Above this the runtime is told to put weights beside the graph: one protobuf message ends at 2 GiB. */
const LARGE = 2 ** 30

/**
 * The whole graph as the runtime optimised it for this machine, `all` unless `optimization` says otherwise. It is
 * written by a process of its own, read back, and held in memory; nothing stays on disk.
 */
export async function optimizedModel(model: Model, options: OrtSessionOptions): Promise<Model> {
  const placed = await placeFile(model)
  const folder = temporaryFolder()
  const runtime = startRuntime(model.graph.name || 'model')
  try {
    const out = join(folder.path, 'optimized.onnx')
    const settings = optimizingOptions(model, options)
    await runtime.ask({ op: 'optimize', path: placed.source, out, options: settings }, 'optimising the model')
    return await readModel(out)
  } finally {
    await runtime.stop()
    placed.remove()
    folder.remove()
  }
}

/** The options under which the runtime writes the graph that it optimised. */
export function optimizingOptions(model: Model, options: OrtSessionOptions): OrtSessionOptions {
  if (modelBytes(model) <= LARGE) return options
  const file = { 'session.optimized_model_external_initializers_file_name': 'optimized.data' } as const
  return { ...options, config: { ...options.config, ...file } }
}

/** Bare operator names with counts, bodies of If, Loop and Scan included. */
export function countOperators(
  graph: Pick<Graph, 'nodes'>,
  counts: Record<string, number> = {},
): Record<string, number> {
  for (const { opType } of allNodes(graph)) counts[opType] = (counts[opType] ?? 0) + 1
  return counts
}

/**
 * The kernels of a graph that the runtime optimised, most first, and by name where there are as many: the runtime writes
 * its nodes in another order from run to run.
 */
export function kernelCounts({ graph }: Model): Record<string, number> {
  const counts = Object.entries(countOperators(graph))
  return Object.fromEntries(counts.sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)))
}

/** Kernels of the graph that the runtime optimised, or why it cannot be read. Throws only for our own bugs. */
export async function kernels(
  model: Model,
  options: OrtSessionOptions = {},
): Promise<{ counts: Readonly<Record<string, number>> } | { reason: string }> {
  try {
    return { counts: kernelCounts(await optimizedModel(model, options)) }
  } catch (error) {
    if (error instanceof UserError) return { reason: error.message }
    throw error
  }
}

/** Time by operator and node: over `runs` runs of these feeds, in a process of its own; see `profileOf`. */
export async function profile(
  model: Model,
  feeds: Feeds,
  runs: number,
  { share, ...options }: OrtSessionOptions & ProfileOptions = {},
): Promise<ProfileReport> {
  checkFeeds(portsOf(model, isCarried, runtimeName).inputs, feeds)
  const { model: told, named } = traceable(model)
  const placed = await placeFile(told)
  const folder = temporaryFolder()
  const runtime = startRuntime(model.graph.name || 'model')
  try {
    const prefix = join(folder.path, 'trace')
    await runtime.ask(
      { op: 'profile', path: placed.source, prefix, feeds, warm: WARM_RUNS, runs, options },
      'profiling the model',
    )
    const [file] = readdirSync(folder.path).filter((name) => name.startsWith('trace'))
    if (file === undefined) throw new Error('internal: the runtime wrote no trace')
    const report = profileOf(
      readTrace(join(folder.path, file), model.graph.name || 'model'),
      WARM_RUNS,
      options.threads ?? 1,
      share,
    )
    return { ...report, nodes: report.nodes.map((node) => ({ ...node, name: named(node.name) })) }
  } finally {
    await runtime.stop()
    placed.remove()
    folder.remove()
  }
}

/** The runtime writes names of the model into its trace as they stand, and so one that may be no JSON. */
function readTrace(path: string, model: string): readonly TraceEvent[] {
  const text = readFileSync(path, 'utf8')
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UserError('unsupported', 'the profile that the runtime wrote cannot be read', {
      where: model,
      hint: 'the model runs all the same; where its time goes stays unknown',
      cause,
    })
  }
}
