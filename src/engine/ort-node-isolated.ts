import type { Model } from '../ir/index.ts'
import { readModel } from '../onnx/index.ts'
import { checkFeeds } from './feeds.ts'
import type { IsolatedSession } from './isolation.ts'
import { nativeOptions, type OrtSessionOptions } from './ort-node-options.ts'
import { placeFile } from './ort-node-place.ts'
import { type RuntimeProcess, startRuntime } from './ort-node-process.ts'
import type { Answer } from './ort-node-protocol.ts'
import { isCarried, runtimeName } from './ort-runtime.ts'
import { portsOf } from './ports.ts'
import type { Feeds } from './session.ts'

/**
 * Opens a model, by path or as a value, in a process of its own. A value is written to a temporary file first. A crash
 * of the runtime rejects the call under way with a UserError and every later one; the process dies with this one.
 */
export async function openIsolated(model: Model | string, options: OrtSessionOptions = {}): Promise<IsolatedSession> {
  nativeOptions(options)
  const known = typeof model === 'string' ? await readModel(model) : model
  const ports = portsOf(known, isCarried, runtimeName)
  const placed = typeof model === 'string' ? { source: model, remove: () => {} } : await placeFile(model)
  const runtime = startRuntime(typeof model === 'string' ? model : model.graph.name || 'model')
  try {
    const opened = await runtime.ask({ op: 'open', path: placed.source, ports, options }, 'loading the model')
    return sessionOf(runtime, opened, placed.remove)
  } catch (error) {
    await runtime.stop()
    placed.remove()
    throw error
  }
}

function sessionOf(runtime: RuntimeProcess, opened: Answer['open'], remove: () => void): IsolatedSession {
  const { ports, engine, loadMs } = opened
  let firstMs: number | null = null
  let last: Feeds | null = null
  return {
    ...ports,
    engine,
    loadMs,
    pid: runtime.pid,
    get firstMs() {
      return firstMs
    },
    async run(feeds, fetch) {
      checkFeeds(ports.inputs, feeds)
      const answer = await runtime.ask({ op: 'run', feeds, fetch }, 'running the model')
      firstMs ??= answer.firstMs
      return answer.fetched
    },
    async timeRuns(feeds, count, warm = 0) {
      checkFeeds(ports.inputs, feeds)
      const answer = await runtime.ask(
        { op: 'time', feeds: feeds === last ? null : feeds, count, warm },
        'running the model',
      )
      last = feeds
      firstMs ??= answer.firstMs
      return answer.ns
    },
    async fetchGroups(feeds, names, byteBudget) {
      checkFeeds(ports.inputs, feeds)
      return runtime.ask({ op: 'groups', feeds, names, byteBudget }, 'measuring inner values')
    },
    peakMemory: () => runtime.ask({ op: 'memory' }, 'reading its memory'),
    async close() {
      await runtime.stop()
      remove()
    },
  }
}
