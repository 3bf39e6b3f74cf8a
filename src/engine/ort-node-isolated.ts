import { join } from 'node:path'
import type { Model } from '../ir/index.ts'
import { placeOf, readModel } from '../onnx/index.ts'
import { ExtremesSession, type WholeSession } from './extremes-session.ts'
import { checkFeeds } from './feeds.ts'
import { tellingOrigin } from './feeds-origin.ts'
import { groupNames } from './fetch-groups.ts'
import type { IsolatedSession, Placement } from './isolation.ts'
import { inferredSizes } from './ort-groups.ts'
import { isCarried } from './ort-native.ts'
import { pinProcess } from './ort-node-pin.ts'
import { hasExternal, placeFile, temporaryFolder } from './ort-node-place.ts'
import { type RuntimeProcess, startRuntime } from './ort-node-process.ts'
import type { RuntimeProcesses } from './ort-node-processes.ts'
import { kernelCounts, optimizingOptions } from './ort-node-profile.ts'
import type { Answer, Request } from './ort-node-protocol.ts'
import { runtimeName } from './ort-node-version.ts'
import { nativeOptions, type OrtSessionOptions } from './ort-options.ts'
import { WEB_PACKAGE } from './ort-web.ts'
import { portsOf } from './ports.ts'
import type { Feeds } from './session.ts'

/** Where a model runs, and what is learned from its loading. */
export interface IsolatedPlacement extends Placement {
  /** Those to take a process from; one of its own by default. */
  readonly processes?: RuntimeProcesses
  /** What the process is taken after; the model is written meanwhile. */
  readonly after?: Promise<unknown> | undefined
  /** Whether the kernels of the optimised graph are read back; onnxruntime-node only. */
  readonly readKernels?: boolean
}

/**
 * Opens a model, by path or as a value, in a process of its own. A value is written to a temporary file first, unless it
 * lies in one. A crash of the runtime rejects the call under way with a UserError and every later one; the process dies
 * with this one.
 */
export async function openIsolated(
  model: Model | string,
  options: OrtSessionOptions = {},
  { cores, runtime: kind = 'node', name, file, processes, after, readKernels = false, stall }: IsolatedPlacement = {},
): Promise<IsolatedSession> {
  nativeOptions(options)
  const known = typeof model === 'string' ? await readModel(model) : model
  const ports = portsOf(known, isCarried, kind === 'web' ? WEB_PACKAGE.name : runtimeName)
  // The browser's runtime takes bytes: weights in other files must be in them.
  const path = typeof model === 'string' ? model : file
  const asItIs = path !== undefined && (kind === 'node' || !hasExternal(known))
  const placed = asItIs ? { source: path, remove: () => {} } : await placeFile(known)
  await after?.catch((error) => {
    placed.remove()
    throw error
  })
  const named = typeof model === 'string' ? model : (name ?? (model.graph.name || 'model'))
  const runtime = processes?.take(named) ?? startRuntime(named)
  const folder = readKernels ? temporaryFolder() : null
  const optimized = folder ? join(folder.path, 'optimized.onnx') : undefined
  try {
    const unpinned = cores === undefined ? null : await pinProcess(runtime.pid, cores)
    const opened = await runtime.ask(
      {
        op: 'open',
        runtime: kind,
        path: placed.source,
        // Where a value was placed says nothing to anybody.
        where: asItIs && typeof model === 'string' ? model : (name ?? placeOf(known)),
        ports,
        options: optimized ? optimizingOptions(known, options) : options,
        optimized,
        stall,
      },
      'loading the model',
    )
    const kernels = optimized ? kernelCounts(await readModel(optimized)) : null
    const further = { runtime: kind, ...(processes ? { processes } : {}) }
    const variant = (changed: Model) => openIsolated(changed, { ...options, arena: false }, further)
    return sessionOf(runtime, { ...opened, unpinned, kernels }, placed.remove, known, variant)
  } catch (error) {
    await runtime.stop()
    placed.remove()
    throw error
  } finally {
    folder?.remove()
  }
}

function sessionOf(
  runtime: RuntimeProcess,
  opened: Answer['open'] & Pick<IsolatedSession, 'unpinned' | 'kernels'>,
  remove: () => void,
  known: Model,
  /** Opens a changed copy of the model in one more process. */
  openVariant: (changed: Model) => Promise<IsolatedSession>,
): IsolatedSession {
  const { ports, engine, loadMs, unpinned, kernels } = opened
  let firstMs: number | null = null
  let ranNs: number | null = null
  let last: Feeds | null = null
  const summary = new ExtremesSession(async (changed) => wholeSession(await openVariant(changed)))
  /** Asks with feeds that cross the border only where the process does not have them yet. */
  async function askOnce<R extends Request & { readonly feeds: Feeds | null }>(request: R): Promise<Answer[R['op']]> {
    const { feeds } = request
    checkFeeds(ports.inputs, feeds as Feeds)
    const sent = feeds === last ? { ...request, feeds: null } : request
    last = null
    const answer = await tellingOrigin(feeds as Feeds, runtime.ask(sent, 'running the model'))
    last = feeds
    return answer
  }
  return {
    ...ports,
    engine,
    loadMs,
    pid: runtime.pid,
    unpinned,
    kernels,
    get firstMs() {
      return firstMs
    },
    get ranNs() {
      return ranNs
    },
    async run(feeds, fetch) {
      checkFeeds(ports.inputs, feeds)
      const answer = await tellingOrigin(feeds, runtime.ask({ op: 'run', feeds, fetch }, 'running the model'))
      firstMs ??= answer.firstMs
      return answer.fetched
    },
    giveBack: runtime.giveBack,
    async timeRuns(feeds, count, warm = 0) {
      const answer = await askOnce({ op: 'time', feeds, count, warm })
      firstMs ??= answer.firstMs
      ranNs = answer.ranNs
      return answer.ns
    },
    async timeArrivals(feeds, arrivals) {
      const answer = await askOnce({ op: 'arrivals', feeds, arrivals })
      firstMs ??= answer.firstMs
      return { latency: answer.latency, service: answer.service }
    },
    allocations: (feeds, runs) => askOnce({ op: 'allocations', feeds, runs }),
    async extremes(feeds, names) {
      checkFeeds(ports.inputs, feeds)
      return summary.extremes(known, feeds, names)
    },
    async fetchGroups(feeds, names, byteBudget) {
      checkFeeds(ports.inputs, feeds)
      // The process has read no graph: it is asked only where this one does not settle the sizes.
      const { sizes, open } = inferredSizes(known, feeds, names)
      if (open.length === 0) return groupNames(names, sizes, byteBudget)
      return tellingOrigin(feeds, runtime.ask({ op: 'groups', feeds, names, byteBudget }, 'measuring inner values'))
    },
    peakMemory: () => runtime.ask({ op: 'memory' }, 'reading its memory'),
    async close() {
      await summary.release()
      await runtime.stop()
      remove()
    },
  }
}

const wholeSession = ({ outputs, run, close }: IsolatedSession): WholeSession => ({
  outputs: outputs.map(({ name, dtype }) => ({ name, type: dtype })),
  run: (feeds) => run(feeds),
  release: close,
})
