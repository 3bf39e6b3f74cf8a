import type { Dataset } from '../../data/index.ts'
import { CALIBRATION_ROWS, measureRangesAndChannels, type RangesAndChannels } from '../../evaluate/index.ts'
import { inferTypes, type Model } from '../../ir/index.ts'
import { channelProbes } from '../../passes/index.ts'
import { letOthersRun } from '../../platform/index.ts'
import type { CalibrationReport, ChannelsReport } from '../../report/index.ts'
import { CHANNEL_ROWS, channelsOf } from '../evidence/channels.ts'
import { calibratedNames, type RangeOptions, rangesOf } from '../evidence/ranges.ts'
import type { OpenSessions } from '../open-sessions.ts'
import { together } from '../together.ts'

interface RangesAndChannelsOptions extends RangeOptions {
  /** Ends when a process is free to look; at once unless said. */
  readonly free?: Promise<unknown> | undefined
  /** Ends when a second process is free to look; at once unless said. */
  readonly secondFree?: Promise<void> | null | undefined
  /** What this process shall do while others look. */
  readonly meanwhile?: (() => Promise<void>) | undefined
}

/** Extremes and channels of the values that static quantization asks for, from one run of each row where that can be. */
export function rangesAndChannels(
  sessions: OpenSessions,
  model: Model,
  data: Dataset,
  options: RangesAndChannelsOptions,
): Promise<readonly [CalibrationReport, ChannelsReport]> {
  let both: Promise<RangesAndChannels | null> | undefined
  const look = () => (both ??= lookOnce(sessions, model, data, options))
  return together(
    rangesOf(model, data, 'minmax', { ...options, extremes: async () => (await look())?.calibration ?? null }),
    channelsOf(model, data, { ...options, taken: async () => (await look())?.channels ?? null }),
  )
}

/** Whether its inputs have one shape: then it follows for every row from the graph alone. */
const isFixed = ({ graph }: Model) =>
  graph.inputs.every(({ type }) => type.kind === 'tensor' && type.shape?.every((dim) => typeof dim === 'number'))

async function lookOnce(
  sessions: OpenSessions,
  model: Model,
  data: Dataset,
  { samples = CALIBRATION_ROWS, indices, signal, onProgress, free, secondFree, meanwhile }: RangesAndChannelsOptions,
): Promise<RangesAndChannels | null> {
  const types = inferTypes(model)
  const inputs = new Set(model.graph.inputs.map(({ name }) => name))
  const names = calibratedNames(model)
  const inner = names.filter((name) => !inputs.has(name))
  // Only the runtime knows what those are whose types do not follow.
  if (inner.some((name) => types.get(name)?.kind !== 'tensor')) return null
  const probed = channelProbes(model, inner)
  if (probed.probes.size === 0) return null
  const opening = [sessions.open(probed.model, { after: free })]
  // It loads meanwhile; when it is open, the sizes of its values are asked for.
  void (meanwhile?.() ?? letOthersRun()).then(() => isFixed(model) && inferTypes(probed.model))
  try {
    const session = await opening[0]!
    return await measureRangesAndChannels(session, probed, data, {
      names,
      samples,
      channelRows: CHANNEL_ROWS,
      loadMs: session.loadMs,
      async openAnother(wanted) {
        await secondFree
        if (!wanted()) return null
        const another = sessions.open(probed.model)
        opening.push(another)
        return another
      },
      indices,
      signal,
      onRow: (done, of) => onProgress?.(`calibrating: row ${done} of ${of}`),
    })
  } finally {
    for (const one of opening) sessions.release(one)
  }
}
