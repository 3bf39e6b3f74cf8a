import { type DType, type Model, type NumericArray, type Tensor, tensorValues } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { checkFeeds, copyValue } from './feeds.ts'
import { groupNames } from './fetch-groups.ts'
import { type ExtremesNames, extremesFrom, innerNames, withExtremesOf, withOutputs } from './inner-values.ts'
import { floatNames, measureInner } from './ort-groups.ts'
import { isCarried, type NativeSession, type OrtRuntime } from './ort-native.ts'
import type { OrtSessionOptions } from './ort-options.ts'
import { type OmittedOutput, type Ports, unsupportedPort } from './ports.ts'
import type { Extremes, Feeds, Fetched, Session, TensorValue } from './session.ts'

/** A session of ONNX Runtime whose native side is at hand. */
export interface OrtSession extends Session {
  /** Graph outputs that are no tensors, which `run` leaves out. */
  readonly omitted: readonly OmittedOutput[]
  /** The session of the runtime: for timing, without checks or copies. */
  readonly native: NativeSession
}

/**
 * A session over a native one that is open already. `model` is asked for only when inner values are fetched.
 * `dispose` runs after everything is released.
 */
export function sessionOver(
  runtime: OrtRuntime,
  native: NativeSession,
  declared: Ports,
  model: () => Promise<Model>,
  options: OrtSessionOptions,
  dispose: () => void = () => {},
): OrtSession {
  const ports = settlePorts(native, declared, runtime.name)
  const names = ports.outputs.map((output) => output.name)
  const graphOutputs = new Set(names)
  // One variant at a time: each holds its own copy of the weights.
  let variant: { readonly key: string; readonly session: NativeSession } | null = null
  let summary: {
    readonly key: string
    readonly session: NativeSession
    readonly of: ReadonlyMap<string, ExtremesNames>
  } | null = null
  let measured: { readonly feeds: Feeds; readonly key: string; readonly sizes: ReadonlyMap<string, number> } | null =
    null
  let closed = false
  /** Opens a changed copy of the model, whose runs hold far more values than inference does. */
  const openVariant = (changed: Model) => runtime.open(changed, options, true)

  async function variantOf(wanted: readonly string[]): Promise<NativeSession> {
    const key = wanted.join('\u0000')
    if (variant?.key === key) return variant.session
    await variant?.session.release()
    variant = null
    const session = await openVariant(withOutputs(await model(), wanted))
    variant = { key, session }
    for (const { name, type } of session.outputs)
      if (type === undefined || !isCarried(type))
        throw unsupportedPort('Value', name, type ?? 'no tensor', runtime.name)
    return session
  }

  async function run(feeds: Feeds, fetch?: readonly string[]): Promise<Fetched> {
    if (closed) throw new Error('internal: run on a closed session')
    checkFeeds(ports.inputs, feeds)
    const prepared = native.prepare(feeds)
    if (fetch === undefined) return native.run(prepared, names)
    const result: Record<string, TensorValue> = {}
    const direct = fetch.filter((name) => graphOutputs.has(name))
    if (direct.length === fetch.length && direct.length > 0) return native.run(prepared, direct)
    const inner: string[] = []
    for (const name of fetch) {
      if (graphOutputs.has(name)) continue
      const given = feeds[name]
      if (given) result[name] = copyValue(given)
      else inner.push(name)
    }
    if (inner.length > 0) {
      const known = await model()
      const computed = innerNames(known)
      const made: string[] = []
      for (const name of inner) {
        const constant = known.graph.initializers.get(name)
        if (constant) result[name] = constantValueOf(constant)
        else if (computed.has(name)) made.push(name)
        else throw unknownValue(name)
      }
      // One pass gives inner values and graph outputs alike.
      const wanted = [...new Set([...made, ...direct])].sort()
      if (made.length > 0) Object.assign(result, await (await variantOf(wanted)).run(prepared, wanted))
      else if (direct.length > 0) Object.assign(result, await native.run(prepared, direct))
    } else if (direct.length > 0) Object.assign(result, await native.run(prepared, direct))
    return Object.fromEntries(fetch.map((name) => [name, result[name] as TensorValue]))
  }

  async function extremes(feeds: Feeds, wanted: readonly string[]): Promise<ReadonlyMap<string, Extremes>> {
    checkFeeds(ports.inputs, feeds)
    const key = wanted.join('\u0000')
    if (summary?.key !== key) {
      await summary?.session.release()
      summary = null
      const known = await model()
      const floats = await floatNames(known, wanted, openVariant)
      const changed = withExtremesOf(known, floats)
      summary = { key, session: await openVariant(changed.model), of: changed.namesOf }
    }
    const { session, of } = summary
    // None of them is a float32: the runtime refuses a run that asks for nothing.
    if (of.size === 0) return new Map()
    const fetched = await session.run(
      session.prepare(feeds),
      [...of.values()].flatMap((entry) => Object.values(entry) as string[]),
    )
    return extremesFrom(fetched, of)
  }

  return {
    inputs: ports.inputs,
    outputs: ports.outputs,
    omitted: ports.omitted,
    engine: runtime.name,
    native,
    run,
    extremes,
    async fetchGroups(feeds, wanted, byteBudget) {
      checkFeeds(ports.inputs, feeds)
      const key = wanted.join('\u0000')
      if (measured?.feeds !== feeds || measured.key !== key) {
        const sizes = await measureInner(await model(), feeds, wanted, openVariant)
        measured = { feeds, key, sizes }
      }
      return groupNames(wanted, measured.sizes, byteBudget)
    },
    async close() {
      if (closed) return
      closed = true
      await variant?.session.release()
      await summary?.session.release()
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
    if (type === undefined) omitted.push({ name: output.name, reason: 'not a tensor' })
    else if (!isCarried(type)) throw unsupportedPort('Output', output.name, type, runtime)
    else outputs.push(output.dtype === type ? output : { ...output, dtype: type })
  }
  return { inputs: declared.inputs, outputs, omitted }
}

function unknownValue(name: string): UserError {
  return new UserError('bad-argument', `The model has no value "${name}" that can be fetched.`, {
    where: name,
    hint: 'Values inside If, Loop and Scan bodies and model functions cannot be handed out.',
  })
}

function constantValueOf(tensor: Tensor): TensorValue {
  const decoder = new TextDecoder()
  const data =
    tensor.data.form === 'strings'
      ? tensor.data.values.map((bytes) => decoder.decode(bytes))
      : (tensorValues(tensor).slice() as NumericArray)
  return { dtype: tensor.dtype as DType, dims: [...tensor.dims], data }
}
