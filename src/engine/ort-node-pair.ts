import { availableParallelism } from 'node:os'
import type { Model } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { changingSizes } from './changing-sizes.ts'
import { floatNames } from './ort-groups.ts'
import type { NativeSession } from './ort-native.ts'
import { type IsolatedPlacement, openIsolated } from './ort-node-isolated.ts'
import type { OrtSessionOptions } from './ort-options.ts'
import { type Place, pairModels } from './paired-model.ts'
import type { Feeds, TensorValue } from './session.ts'

/** Sums of squares over the elements of a value: of the first model's, and of the difference to the second's. */
export interface Difference {
  readonly signal: number
  readonly noise: number
}

/** Two models in one session, in a process of its own, compared value by value where the values are. */
export interface ModelPair {
  /**
   * Differences of every named value in one run of these feeds. Sums are those of the runtime in float32; a value that is
   * not finite somewhere, or whose squares are out of range, is left out.
   */
  differences(feeds: Feeds): Promise<ReadonlyMap<string, Difference>>
  /** Once or more often. */
  close(): Promise<void>
}

/** A session in this process, for the types that the runtime gives; it is not run. */
async function openHere(model: Model): Promise<NativeSession> {
  const { nodeRuntime } = await import('./ort-runtime.ts')
  return nodeRuntime.open(model, {}, true)
}

/** Values of a graph from which on it is long. */
const LONG = 64

/** More hardly help in a run of tens of milliseconds. */
const MOST_THREADS = 4

/**
 * What merges equal nodes and equal constants changes no number, and whatever it finds begins a round of all the other
 * rewrites: of the load of yolox-nano's pair 230 ms with it, 155 ms without.
 */
const MERGING = 'CommonSubexpressionElimination;ConstantSharing'

/**
 * The rows of a pair are few, one waits for the other, and what they take is nobody's measure: all cores share a run.
 * Threads that wait sleep: those that spin take from whoever else computes (25 ms of 72 in a run of superres's pair).
 */
const SHARED = {
  arena: false,
  threads: Math.min(MOST_THREADS, availableParallelism()),
  config: { 'session.intra_op.allow_spinning': '0', 'optimization.disable_specified_optimizers': MERGING },
} as const

/**
 * In a long graph the operators are small: handing parts of each to a second thread takes as long as it spares, and twice
 * the processor time (yolox-nano: 47 ms a run and 74 ms of processor time, 42 ms and 42 ms with one thread). Blocked
 * layouts of float operators, which the highest level adds, leave integers as they are: finding out where they pay is a
 * third of the load of a long graph that then runs a handful of times; a short one loads at once, and its runs are
 * quicker and smaller with them.
 */
const optionsFor = (values: number): OrtSessionOptions =>
  values > LONG ? { ...SHARED, threads: 1, optimization: 'extended' } : { ...SHARED, optimization: 'all' }

/**
 * Opens two models as one that gives, for each named float value of both, how far apart they are: far cheaper than handing
 * the values out of two sessions. Values that may have other sizes in each are left to the caller, who fetches them, and
 * null stands for all of them where the two cannot share a session.
 */
export async function openPair(
  first: Model,
  second: Model,
  names: readonly string[],
  placement: IsolatedPlacement = {},
): Promise<ModelPair | null> {
  const changing = changingSizes(first)
  const alike = names.filter((name) => !changing.has(name))
  const paired = pairModels(first, second, await floatNames(first, alike, openHere))
  if (!paired || paired.placesOf.size === 0) return null
  const session = await openIsolated(paired.model, optionsFor(paired.placesOf.size), placement).catch(
    (error: unknown) => {
      if (error instanceof UserError && error.code !== 'out-of-resources') return null
      throw error
    },
  )
  if (!session) return null
  let closing: Promise<void> | undefined
  return {
    async differences(feeds) {
      const fetched = await session.run(feeds)
      const number = ({ output, at }: Place) => Number((fetched[output] as TensorValue).data[at])
      return new Map(
        [...paired.placesOf].flatMap(([name, places]) => {
          const [signal, noise] = [number(places.signal), number(places.noise)]
          return Number.isFinite(signal) && Number.isFinite(noise) ? [[name, { signal, noise }] as const] : []
        }),
      )
    },
    close: () => (closing ??= session.close()),
  }
}
