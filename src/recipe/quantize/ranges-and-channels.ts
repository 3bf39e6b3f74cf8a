import type { Dataset } from '../../data/index.ts'
import { CALIBRATION_ROWS, measureRangesAndChannels, type RangesAndChannels } from '../../evaluate/index.ts'
import { inferTypes, type Model } from '../../ir/index.ts'
import { channelProbes } from '../../passes/index.ts'
import { letOthersRun } from '../../platform/index.ts'
import type { CalibrationReport, ChannelsReport, RangeMethod } from '../../report/index.ts'
import { CHANNEL_ROWS, channelsOf } from '../evidence/channels.ts'
import { calibratedNames, type RangeOptions, rangesOf } from '../evidence/ranges.ts'
import { noMeter } from '../meter.ts'
import { inProcesses, type OpenSessions } from '../open-sessions.ts'
import { together } from '../together.ts'

interface RangesAndChannelsOptions extends RangeOptions {
  /** Resolves when a process is free to run rows; at once by default. */
  readonly free?: Promise<unknown> | undefined
  /** Resolves when a second process is free to run rows; at once by default. */
  readonly secondFree?: Promise<unknown> | undefined
  /** Whether only one process may run rows; false by default. */
  readonly alone?: boolean | undefined
  /** Work for this process while others run rows. */
  readonly meanwhile?: (() => Promise<void>) | undefined
}

/** Lends sessions to a piece of work. */
type Lending = <T>(work: (sessions: OpenSessions) => Promise<T>) => Promise<T>

/**
 * Extremes and channels of the values that static quantization asks for, if possible from a single run of each row.
 *
 * @param within Lends sessions, where rows must be run at all.
 */
export function rangesAndChannels(
  within: Lending,
  model: Model,
  data: Dataset,
  options: RangesAndChannelsOptions,
): Promise<readonly [CalibrationReport, ChannelsReport]> {
  let both: Promise<RangesAndChannels | null> | undefined
  const look = () => (both ??= within((sessions) => lookOnce(sessions, model, data, options)))
  const extremes = async () => (await look())?.calibration ?? null
  const taken = async () => (await look())?.channels ?? null
  const ranging = rangesOf(model, data, 'minmax', { ...options, extremes })
  const looking = () => channelsOf(model, data, { ...options, taken })
  return together(ranging, options.alone ? ranging.then(looking) : looking())
}

/**
 * The same for any method, in processes that end with it. Methods other than `minmax` need whole values for their
 * histograms, so channels are measured in runs of their own.
 */
export function rangesWithChannels(
  model: Model,
  data: Dataset,
  method: RangeMethod,
  options: RangeOptions,
): Promise<readonly [CalibrationReport, ChannelsReport]> {
  const { workers = 1 } = options
  if (method === 'minmax') {
    const processes = Math.min(workers, 2)
    const within: Lending = (work) => inProcesses(processes, work)
    return rangesAndChannels(within, model, data, { ...options, alone: processes === 1 })
  }
  const ranging = rangesOf(model, data, method, options)
  const looking = () => channelsOf(model, data, options)
  return together(ranging, workers > 1 ? looking() : ranging.then(looking))
}

/** Whether its inputs have fixed shapes: then the graph alone gives the shapes of all values. */
const isFixed = ({ graph }: Model) =>
  graph.inputs.every(({ type }) => type.kind === 'tensor' && type.shape?.every((dim) => typeof dim === 'number'))

async function lookOnce(
  sessions: OpenSessions,
  model: Model,
  data: Dataset,
  options: RangesAndChannelsOptions,
): Promise<RangesAndChannels | null> {
  const { samples = CALIBRATION_ROWS, indices, signal, meter = noMeter, onProgress } = options
  const { free, secondFree, alone = false, meanwhile } = options
  const types = inferTypes(model)
  const inputs = new Set(model.graph.inputs.map(({ name }) => name))
  const names = calibratedNames(model)
  const inner = names.filter((name) => !inputs.has(name))
  // Only the runtime knows values whose types cannot be inferred.
  if (inner.some((name) => types.get(name)?.kind !== 'tensor')) return null
  const probed = channelProbes(model, inner)
  if (probed.probes.size === 0) return null
  const opening = [sessions.open(probed.model, { after: free })]
  // While the session opens: types are inferred now, since they are needed as soon as it is open.
  void (meanwhile?.() ?? letOthersRun()).then(() => isFixed(model) && inferTypes(probed.model))
  try {
    const session = await opening[0]!
    const tick = meter('ranges')
    return await measureRangesAndChannels(session, probed, data, {
      names,
      samples,
      channelRows: CHANNEL_ROWS,
      loadMs: session.loadMs,
      async openAnother(wanted) {
        await secondFree
        if (alone || !wanted()) return null
        const another = sessions.open(probed.model)
        opening.push(another)
        return another
      },
      indices,
      signal,
      onRow: (done, of) => {
        onProgress?.(`calibrating: row ${done} of ${of}`)
        tick(done, of)
      },
    })
  } finally {
    for (const one of opening) sessions.release(one)
  }
}
