import { checkFeeds } from './feeds.ts'
import { tellingOrigin } from './feeds-origin.ts'
import { groupNames } from './fetch-groups.ts'
import type { InnerSession, InsideOf } from './ort-inner-session.ts'
import { isCarried, type NativeSession, type OrtRuntime } from './ort-native.ts'
import { handingOut, type OrtSessionOptions } from './ort-options.ts'
import { type Ports, unsupportedPort } from './ports.ts'
import type { Feeds, Fetched, OmittedOutput, Session, TensorValue } from './session.ts'

/** A session of ONNX Runtime whose native side is at hand. */
export interface OrtSession extends Session {
  /** Graph outputs that are no tensors, which `run` leaves out. */
  readonly omitted: readonly OmittedOutput[]
  /** The session of the runtime: for timing, without checks or copies. */
  readonly native: NativeSession
}

/**
 * A session over a native one that is open already. `inside` is asked only when inner values are fetched: what knows
 * operators and their shapes is most of the program, and a process may load it then. `dispose` runs after everything is
 * released.
 */
export function sessionOver(
  runtime: OrtRuntime,
  native: NativeSession,
  declared: Ports,
  inside: InsideOf,
  options: OrtSessionOptions,
  dispose: () => void = () => {},
): OrtSession {
  const ports = settlePorts(native, declared, runtime.name)
  const names = ports.outputs.map((output) => output.name)
  const graphOutputs = new Set(names)
  let inner: Promise<InnerSession> | undefined
  const innerSession = () =>
    (inner ??= Promise.resolve(inside((changed) => runtime.open(changed, handingOut(options), true), runtime.name)))
  let closed = false

  async function run(feeds: Feeds, fetch: readonly string[] = names, lent = false): Promise<Fetched> {
    if (closed) throw new Error('internal: run on a closed session')
    checkFeeds(ports.inputs, feeds)
    return tellingOrigin(feeds, checkedRun(feeds, fetch, lent))
  }

  async function checkedRun(feeds: Feeds, fetch: readonly string[], lent: boolean): Promise<Fetched> {
    const prepared = native.prepare(feeds)
    const outputs = fetch.filter((name) => graphOutputs.has(name))
    if (outputs.length === fetch.length && (outputs.length > 0 || fetch === names)) return native.run(prepared, outputs)
    const session = await innerSession()
    const { result, made } = await session.ready(
      feeds,
      fetch.filter((name) => !graphOutputs.has(name)),
    )
    // One pass gives inner values and graph outputs alike.
    const wanted = [...new Set([...made, ...outputs])].sort()
    if (made.length > 0) Object.assign(result, await session.values(prepared, wanted, lent))
    else if (outputs.length > 0) Object.assign(result, await native.run(prepared, outputs))
    return Object.fromEntries(fetch.map((name) => [name, result[name] as TensorValue]))
  }

  return {
    inputs: ports.inputs,
    outputs: ports.outputs,
    omitted: ports.omitted,
    engine: runtime.name,
    native,
    run: (feeds, fetch) => run(feeds, fetch),
    look: async (feeds, fetch, see) => see(await run(feeds, fetch, true)),
    async extremes(feeds, wanted) {
      checkFeeds(ports.inputs, feeds)
      return tellingOrigin(feeds, (await innerSession()).extremes(feeds, wanted))
    },
    async fetchGroups(feeds, wanted, byteBudget) {
      checkFeeds(ports.inputs, feeds)
      const sizes = await tellingOrigin(feeds, (await innerSession()).sizes(feeds, wanted))
      return groupNames(wanted, sizes, byteBudget)
    },
    async close() {
      if (closed) return
      closed = true
      await (await inner)?.release()
      await native.release()
      dispose()
    },
  }
}

/** Fills in what the file left undeclared from what the runtime inferred; refuses types that it cannot hand over. */
export function settlePorts(native: Pick<NativeSession, 'outputs'>, declared: Ports, runtime: string): Ports {
  const told = new Map(native.outputs.map((output) => [output.name, output]))
  const outputs: Ports['outputs'][number][] = []
  const omitted = [...declared.omitted]
  for (const output of declared.outputs) {
    const type = told.get(output.name)?.type
    if (type === undefined) omitted.push({ name: output.name, reason: 'it is no tensor' })
    else if (!isCarried(type)) throw unsupportedPort('Output', output.name, type, runtime)
    else outputs.push(output.dtype === type ? output : { ...output, dtype: type })
  }
  return { inputs: declared.inputs, outputs, omitted }
}
