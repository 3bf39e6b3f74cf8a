import { type DType, type Model, type NumericArray, type Tensor, tensorValues } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { ExtremesSession } from './extremes-session.ts'
import { copyValue } from './feeds.ts'
import { innerNames, withOutputs } from './inner-values.ts'
import { measureInner } from './ort-groups.ts'
import { isCarried, type NativeSession } from './ort-native.ts'
import { unsupportedPort } from './ports.ts'
import type { Extremes, Feeds, Fetched, TensorValue } from './session.ts'

/** Gives what tells of inner values; `open` opens a changed copy of the model, `runtime` names it in messages. */
export type InsideOf = (
  open: (changed: Model) => Promise<NativeSession>,
  runtime: string,
) => Promise<InnerSession> | InnerSession

/** The same of a model that is at hand. */
export const insideOf =
  (model: Model): InsideOf =>
  (open, runtime) =>
    new InnerSession(() => Promise.resolve(model), open, runtime)

const keyOf = (names: readonly string[]) => names.join('\u0000')

/**
 * What a session of the runtime tells of inner values, each kind of question by a changed copy of the model. One copy of
 * a kind at a time: each holds its own weights.
 */
export class InnerSession {
  readonly #model: () => Promise<Model>
  readonly #open: (changed: Model) => Promise<NativeSession>
  readonly #runtime: string
  /** Names that nodes of the main graph make. */
  #made: ReadonlySet<string> | null = null
  #values: { readonly key: string; readonly session: NativeSession } | null = null
  readonly #summary: ExtremesSession
  #sizes: { readonly feeds: Feeds; readonly key: string; readonly of: ReadonlyMap<string, number> } | null = null

  /** `open` opens a changed copy, whose runs hold far more values than inference does; `runtime` names it in messages. */
  constructor(model: () => Promise<Model>, open: (changed: Model) => Promise<NativeSession>, runtime: string) {
    this.#model = model
    this.#open = open
    this.#runtime = runtime
    this.#summary = new ExtremesSession(async (changed) => {
      const session = await open(changed)
      const names = session.outputs.map(({ name }) => name)
      return {
        outputs: session.outputs,
        run: (feeds) => session.run(session.prepare(feeds), names),
        release: () => session.release(),
      }
    })
  }

  /** Of names that are no graph outputs: the values that nothing has to run for, and the names that nodes make. */
  async ready(
    feeds: Feeds,
    names: readonly string[],
  ): Promise<{ readonly result: Record<string, TensorValue>; readonly made: readonly string[] }> {
    const result: Record<string, TensorValue> = {}
    for (const name of names) if (feeds[name]) result[name] = copyValue(feeds[name])
    const others = names.filter((name) => !feeds[name])
    // Reading a large model takes longer than a run of it.
    if (others.length > 0) this.#made ??= innerNames(await this.#model())
    const made = others.filter((name) => this.#made?.has(name))
    if (made.length === others.length) return { result, made }
    const { initializers } = (await this.#model()).graph
    for (const name of others.filter((other) => !made.includes(other))) {
      const constant = initializers.get(name)
      if (!constant) throw unknownValue(name)
      result[name] = constantValueOf(constant)
    }
    return { result, made }
  }

  /**
   * The values of these names, which the main graph makes, in one run of `prepared` feeds; `lent` where they lie, for
   * whoever looks at them at once and writes nothing.
   */
  async values(prepared: unknown, names: readonly string[], lent: boolean): Promise<Fetched> {
    const key = keyOf(names)
    if (this.#values?.key !== key) {
      await this.#values?.session.release()
      this.#values = null
      const session = await this.#open(withOutputs(await this.#model(), names))
      this.#values = { key, session }
      for (const { name, type } of session.outputs)
        if (type === undefined || !isCarried(type))
          throw unsupportedPort('Value', name, type ?? 'no tensor', this.#runtime)
    }
    const { session } = this.#values
    return lent && session.lend ? session.lend(prepared, names) : session.run(prepared, names)
  }

  /** Extremes of those of the names that are floats, in one run. */
  async extremes(feeds: Feeds, names: readonly string[]): Promise<ReadonlyMap<string, Extremes>> {
    return this.#summary.extremes(await this.#model(), feeds, names)
  }

  /** Bytes of the values of these names in one run. */
  async sizes(feeds: Feeds, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const key = keyOf(names)
    if (this.#sizes?.feeds !== feeds || this.#sizes.key !== key)
      this.#sizes = { feeds, key, of: await measureInner(await this.#model(), feeds, names, this.#open) }
    return this.#sizes.of
  }

  async release(): Promise<void> {
    await this.#values?.session.release()
    await this.#summary.release()
  }
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
