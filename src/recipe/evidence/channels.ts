import { type Dataset, spreadRows } from '../../data/index.ts'
import { openIsolated } from '../../engine/index.ts'
import { measureChannels } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import { modelDigest } from '../../onnx/index.ts'
import { channelProbes } from '../../passes/index.ts'
import type { ChannelsReport } from '../../report/index.ts'
import { type Metered, noMeter } from '../meter.ts'
import { type EvidenceCache, noCache } from './evidence-cache.ts'

/** Rows that channels are looked at on: means settle soon. */
export const CHANNEL_ROWS = 16

export interface ChannelsOptions extends Metered {
  /** Rows to look at, `CHANNEL_ROWS` at most. */
  readonly samples?: number | undefined
  /** Rows that may be used; all by default. */
  readonly indices?: readonly number[] | undefined
  /** Those that another measure takes along; measured here where it gives none. */
  readonly taken?: (() => Promise<ChannelsReport | null>) | undefined
  readonly cache?: EvidenceCache | undefined
}

/** What rows of `data` say about single channels of the values that static int8 may round. */
export async function channelsOf(model: Model, data: Dataset, options: ChannelsOptions = {}): Promise<ChannelsReport> {
  const { cache = noCache, indices, taken, signal, meter = noMeter, onProgress } = options
  const samples = Math.min(CHANNEL_ROWS, options.samples ?? CHANNEL_ROWS)
  const key = {
    measure: 'channels',
    model: modelDigest(model),
    data: await data.digest(),
    rows: spreadRows(data, indices, samples),
  }
  return cache.get(key, async () => {
    const known = await taken?.()
    if (known) return known
    const probed = channelProbes(model)
    // A forest of trees has nothing to round, and a model without outputs would not open.
    if (probed.probes.size === 0)
      return { kind: 'channels', version: 1, samples: 0, dataDigest: key.data, values: {}, unseen: [] }
    // Only a few numbers a channel come back, so that a process of its own costs nothing and leaves this one free.
    const session = await openIsolated(probed.model, { arena: false })
    try {
      const tick = meter('channels')
      return await measureChannels({ ...probed, session }, data, {
        samples,
        indices,
        signal,
        onRow: (done, of) => {
          onProgress?.(`looking at channels: row ${done} of ${of}`)
          tick(done, of)
        },
      })
    } finally {
      await session.close()
    }
  })
}
