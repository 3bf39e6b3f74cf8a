import { type Placed, placeFile } from '../engine/index.ts'
import type { Model } from '../ir/index.ts'
import type { RunsOn } from './runs-on.ts'

/**
 * Models that are opened again and again in one piece of work, as files that are written once: a search opens its
 * original half a dozen times, and of one of 440 MB each writing takes as long as many rows.
 */
export class ModelFiles {
  readonly #placed = new Map<Model, Promise<Placed> | null>()

  /** From now on this model is written once, when it is first opened. */
  keep(model: Model): void {
    if (!this.#placed.has(model)) this.#placed.set(model, null)
  }

  /** The same place, where what is kept is read from its file. */
  on({ runtime, open }: RunsOn): RunsOn {
    return {
      runtime,
      open: async (model, options, placement) => {
        const file = typeof model === 'string' ? undefined : await this.#fileOf(model)
        return open(model, options, file === undefined ? placement : { ...placement, file })
      },
    }
  }

  async #fileOf(model: Model): Promise<string | undefined> {
    const known = this.#placed.get(model)
    if (known === undefined) return undefined
    const placing = known ?? placeFile(model)
    this.#placed.set(model, placing)
    return (await placing).source as string
  }

  /** Takes the files away, when no session reads them any more. */
  async remove(): Promise<void> {
    const placed = await Promise.allSettled(this.#placed.values())
    this.#placed.clear()
    for (const one of placed) if (one.status === 'fulfilled') one.value?.remove()
  }
}
