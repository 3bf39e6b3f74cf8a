import type { Dataset } from '../data/index.ts'
import { openIsolated } from '../engine/index.ts'
import { feedsOf, type LatencyOptions, measureLatency } from '../evaluate/index.ts'
import type { Model } from '../ir/index.ts'
import type { LatencyReport } from '../report/index.ts'
import { samplesFor } from './samples.ts'

export interface BenchOptions extends LatencyOptions {
  readonly data?: Dataset | undefined
  readonly shapes?: Readonly<Record<string, readonly number[]>> | undefined
  readonly seed?: number | undefined
}

/** Times models side by side on the first row of the data, or on random inputs that the first model accepts. */
export async function bench(
  models: readonly { readonly label: string; readonly model: Model | string }[],
  options: BenchOptions = {},
): Promise<LatencyReport> {
  const { data, shapes, seed, ...latency } = options
  const session = await openIsolated(models[0]!.model)
  const feeds = await (async () => {
    if (data) for await (const rows of data.read({ batch: 1 })) return feedsOf(rows, session.inputs, data)
    return (await samplesFor(session, { shapes, seed, random: 1 })).feeds[0]!
  })().finally(() => session.close())
  return (await measureLatency(models, feeds, latency)).report
}
