import type { Model } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { floatNames } from './ort-groups.ts'
import { type IsolatedPlacement, openIsolated } from './ort-node-isolated.ts'
import { nodeRuntime } from './ort-runtime.ts'
import { pairModels } from './paired-model.ts'
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
  close(): Promise<void>
}

/**
 * Opens two models as one that gives, for each named float value of both, how far apart they are: far cheaper than handing
 * the values out of two sessions. Null where the two cannot share a session; the caller then fetches the values.
 */
export async function openPair(
  first: Model,
  second: Model,
  names: readonly string[],
  placement: IsolatedPlacement = {},
): Promise<ModelPair | null> {
  const paired = pairModels(first, second, await floatNames(first, names, (model) => nodeRuntime.open(model, {}, true)))
  if (!paired || paired.namesOf.size === 0) return null
  const session = await openIsolated(paired.model, { arena: false }, placement).catch((error: unknown) => {
    if (error instanceof UserError && error.code !== 'out-of-resources') return null
    throw error
  })
  if (!session) return null
  return {
    async differences(feeds) {
      const fetched = await session.run(feeds)
      const number = (name: string) => Number((fetched[name] as TensorValue).data[0])
      return new Map(
        [...paired.namesOf].flatMap(([name, names]) => {
          const [signal, noise] = [number(names.signal), number(names.noise)]
          return Number.isFinite(signal) && Number.isFinite(noise) ? [[name, { signal, noise }] as const] : []
        }),
      )
    },
    close: () => session.close(),
  }
}
