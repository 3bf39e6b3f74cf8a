import type { Model } from '../../ir/index.ts'
import { codeAhead, type StaticInt8Options } from '../../passes/index.ts'
import { letOthersRun, UserError } from '../../platform/index.ts'
import type { Report } from '../../report/index.ts'
import { channelsOf } from '../evidence/channels.ts'
import { rangesOf } from '../evidence/ranges.ts'
import type { OpenSessions } from '../open-sessions.ts'
import { together } from '../together.ts'
import type { QuantizeOptions } from './quantize-options.ts'
import { quantizeStep } from './quantize-steps.ts'
import { rangesAndChannels } from './ranges-and-channels.ts'

/**
 * Ranges and channels of the values that static quantization asks for.
 *
 * @param free Ends when a process is free.
 * @param secondFree Ends when a second one is.
 * @throws UserError `bad-data` where there are no rows.
 */
export async function staticEvidence(
  sessions: OpenSessions,
  model: Model,
  options: QuantizeOptions,
  free: Promise<void>,
  secondFree: Promise<unknown>,
): Promise<readonly Report[]> {
  const { data, calibration = 'minmax' } = options
  if (!data)
    throw new UserError('bad-data', 'static int8 needs sample data to learn the ranges of values from', {
      where: '--data',
      hint: 'give some rows that look like production (100 are plenty), or use --scheme dynamic-int8 or weight-int8',
    })
  if (data.rows === 0)
    throw new UserError('bad-data', 'there are no rows to learn the ranges of values from', {
      where: data.path,
      hint: 'give some rows that look like production; 100 are plenty',
    })
  options.onProgress?.('calibrating')
  if (calibration === 'minmax') {
    const over = new AbortController()
    // A fault in it is the pass's own, which will meet it.
    const meanwhile = () => codeWhile(model, options, over.signal).catch(() => {})
    const beside = { ...options, free, secondFree, meanwhile }
    return rangesAndChannels((work) => work(sessions), model, data, beside).finally(() => over.abort())
  }
  // These look at whole values in this very process, which a model that cannot run would take along: it ran before.
  await free
  return together(rangesOf(model, data, calibration, options), channelsOf(model, data, options))
}

/** Codes weights for the pass to come, a few milliseconds at a time, until `over`; the pass codes what is left. */
async function codeWhile(model: Model, options: QuantizeOptions, over: AbortSignal): Promise<void> {
  for (const _ of codeAhead(model, quantizeStep(options, []).options as StaticInt8Options)) {
    if (over.aborted) return
    await letOthersRun()
  }
}
