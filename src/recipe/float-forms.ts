import { subset } from '../data/index.ts'
import type { Session } from '../engine/index.ts'
import type { Model } from '../ir/index.ts'
import type { ChannelBlock, Target } from '../report/index.ts'
import type { CandidateSpec } from './candidate.ts'
import type { EvidenceCache } from './evidence/evidence-cache.ts'
import { blockOn } from './evidence/processor.ts'
import type { Metered } from './meter.ts'
import { proveEqual, proveEqualTo } from './proof/prove-equal.ts'
import { type ProvenTrail, provenTrail } from './proof/proven-trail.ts'
import { readWindows, type Spared, type WithoutSpare, withoutSpare } from './prune/spare.ts'
import {
  type Filled,
  filledWherePays,
  forNativeKernels,
  forScheme,
  measuredRepairsPay,
  nativeForm,
  type TimeForms,
  withMeasuredRepairs,
} from './quantize/float-form-choice.ts'
import type { RowsOf } from './share-rows.ts'
import { losslessTrail, unroundedTrail } from './simplify.ts'
import { together } from './together.ts'
import { digestAll, type LeftOut, type Step, type Trail } from './trail.ts'
import { CONVOLUTIONS, MATRIX_PRODUCTS } from './weighted-operators.ts'

interface FloatFormsOptions extends Metered {
  readonly target: Target
  readonly seed: number
  readonly cache: EvidenceCache
}

/** Asks something of the original in a session, which is opened if need be. */
export type LendOriginal = <T>(ask: (session: Session) => Promise<T>) => Promise<T>

const WEIGHTED: ReadonlySet<string> = new Set([...MATRIX_PRODUCTS, ...CONVOLUTIONS])

/** The float models that the candidates of a search are made of: the lossless one, trained ones, and some with fewer channels. */
export class FloatForms {
  readonly #original: Model
  /** The rows to calibrate on; no others may be looked at. */
  readonly #rows: RowsOf
  readonly #options: FloatFormsOptions
  readonly #lend: LendOriginal | null
  readonly #time: TimeForms
  #lossless: Promise<ProvenTrail> | undefined
  #plain: Promise<Trail> | undefined
  #simple: Promise<Filled> | undefined
  #unrounded: Promise<Filled | null> | undefined
  #measuredPay: Promise<boolean> | undefined
  readonly #added = new Map<string, Trail>()
  #spare: Promise<WithoutSpare | null> | undefined

  /** @param lend Lends the original; null where the lossless model must be compared with it in another place. */
  constructor(original: Model, rows: RowsOf, options: FloatFormsOptions, lend: LendOriginal | null, time: TimeForms) {
    this.#original = original
    this.#rows = rows
    this.#options = options
    this.#lend = lend
    this.#time = time
  }

  /** The lossless model, proven equal on rows and random inputs, and the passes that were left out for that. */
  lossless(): Promise<ProvenTrail> {
    this.#lossless ??= (async () => {
      // The rows to prove on must not be looked at yet.
      const { data: whole, indices } = this.#rows
      const data = indices.length > 0 ? subset(whole, indices) : undefined
      const options = { data, seed: this.#options.seed }
      const prove = async (trail: Trail) => {
        const proof = this.#lend
          ? this.#lend((base) => proveEqualTo(base, this.#original, trail.model, options))
          : proveEqual(this.#original, trail.model, options)
        // Its recipe needs the digest of every model on the way; this computes them while the runtime is busy.
        const [equivalence] = await together(proof, digestAll(trail))
        return equivalence
      }
      return provenTrail(this.#original, (without) => this.#readyWithout(without), prove, options)
    })()
    return this.#lossless
  }

  /** The lossless model without these passes; everything that is made later does without them as well. */
  async #readyWithout(without: LeftOut): Promise<Trail> {
    if (without.size > 0) {
      this.#plain = losslessTrail(this.#original, { without })
      this.#simple = undefined
    }
    const { trail } = await this.#simplified()
    return this.#options.target === 'native' ? this.forNative(trail) : trail
  }

  /** The form of a float model that the native kernels of this machine run fastest. */
  async forNative(trail: Trail): Promise<Trail> {
    return this.finished(await forNativeKernels(trail, await this.block()))
  }

  /** Channels in a block of the kernels where the model will run. */
  async block(): Promise<ChannelBlock> {
    const { target, cache } = this.#options
    return blockOn(target, (await this.#losslessPasses()).model, cache)
  }

  /** Adds the repairs that were measured to pay to a model that is ready for native kernels. */
  async finished(trail: Trail): Promise<Trail> {
    this.#measuredPay ??= this.#simplified().then(async ({ trail: float }) =>
      this.#options.target === 'native'
        ? measuredRepairsPay(await forNativeKernels(float, await this.block()), this.#time, await this.block())
        : false,
    )
    return (await this.#measuredPay) ? withMeasuredRepairs(trail, await this.block()) : trail
  }

  /** After the lossless passes, with channels filled up to whole blocks where that was measured to pay. */
  #simplified(): Promise<Filled> {
    this.#simple ??= this.#losslessPasses().then((plain) => this.#filled(plain))
    return this.#simple
  }

  #losslessPasses(): Promise<Trail> {
    this.#plain ??= losslessTrail(this.#original)
    return this.#plain
  }

  async #filled(trail: Trail): Promise<Filled> {
    return this.#options.target === 'native'
      ? filledWherePays(await nativeForm(trail), this.#time, await this.block())
      : { plain: trail, trail, steps: [] }
  }

  /** The model without the file's own roundings and float64; null where it has neither. */
  async unrounded(): Promise<Trail | null> {
    return (await this.#restored())?.trail ?? null
  }

  #restored(): Promise<Filled | null> {
    this.#unrounded ??= (async () => {
      const plain = await this.#losslessPasses()
      const restored = await unroundedTrail(plain, 'all')
      return restored === plain ? null : this.#filled(restored)
    })()
    return this.#unrounded
  }

  /** The float model that candidates are made of. */
  async float(): Promise<Trail> {
    return (await this.#start()).trail
  }

  async #start(): Promise<Filled> {
    return (await this.#restored()) ?? this.#simplified()
  }

  /** What fills the channels of what a candidate of this base leaves in float; a base of its own was filled already. */
  async fillBehind({ base, scheme }: Pick<CandidateSpec, 'base' | 'scheme'>): Promise<readonly Step[]> {
    return base === undefined && scheme === 'static-int8' ? (await this.#start()).steps : []
  }

  /** The form that candidates with integer products are made of, in which no product or weight is hidden. */
  async forProducts(): Promise<Model> {
    return (await forScheme(await this.float(), 'dynamic-int8', this.#options.target)).model
  }

  /** Whether that form has a weighted sum outside of branches and loop bodies. */
  async hasProducts(): Promise<boolean> {
    const { graph } = await this.forProducts()
    return graph.nodes.some(({ opType }) => WEIGHTED.has(opType))
  }

  /** Adds a model that candidates may be made of from now on, under this name. */
  add(name: string, trail: Trail): void {
    this.#added.set(name, trail)
  }

  /**
   * Removes channels that others make up for, within a noise at whatever reads them, from the lossless model.
   * Candidates may be made of the result under this name. Null where hardly any channel can go.
   */
  async addSpared(name: string, noise: number): Promise<Spared | null> {
    await this.lossless()
    const { data, indices } = this.#rows
    this.#spare ??= readWindows(await this.float(), data, { ...this.#options, indices }).then(
      (windows) => windows && withoutSpare(windows),
    )
    const spared = await (await this.#spare)?.(noise)
    if (spared) this.add(name, spared.trail)
    return spared ?? null
  }

  /**
   * The trail to the float model that a candidate is made of. Integer kernels multiply every channel that they read, zeros
   * too, and compute whole blocks of what they write in any case: a static one is filled where its own costs say so.
   */
  async of({ base, scheme }: Pick<CandidateSpec, 'base' | 'scheme'>): Promise<Trail> {
    if (base === undefined) await this.lossless()
    const own = scheme === 'static-int8' ? 'plain' : 'trail'
    const trail = base === undefined ? (await this.#start())[own] : this.#added.get(base)
    if (!trail) throw new Error(`internal: nothing was trained under the name ${base}`)
    return scheme ? forScheme(trail, scheme, this.#options.target) : trail
  }
}
