import { type Feeds, machine } from '../engine/index.ts'
import { measureLatency } from '../evaluate/index.ts'
import type { LatencyRatio, LatencyReport } from '../report/index.ts'
import type { Built } from './candidate.ts'
import type { EvidenceCache } from './evidence/evidence-cache.ts'
import type { Watched } from './meter.ts'
import type { RunsOn } from './runs-on.ts'

/** To choose from, or to see again whether the chosen one holds: the second must not be the first one remembered. */
export type TimingPurpose = 'choose' | 'confirm'

interface TimingOptions extends Watched {
  readonly purpose: TimingPurpose
  readonly threads: number
  readonly maxSeconds: number
  readonly cache: EvidenceCache
}

/** The ratio to the original that its interval would confirm in a quiet moment. */
const FAR_BETTER = 0.9

/** The ends of an interval are further apart than this only where something else took the processor meanwhile. */
const WILD = 1.5

/** So much better than the original that only a disturbance can have hidden it, or an interval that says nothing. */
export const undecided = ({ median, ci }: LatencyRatio): boolean =>
  (median < FAR_BETTER && ci[1] >= 1) || ci[1] > WILD * ci[0]

/**
 * Models by turns, one row a run; kept by processor, runtime, models and the shapes that they are fed. What a
 * disturbance left undecided is not kept: the next search may meet a quiet moment.
 */
export async function timeSideBySide(
  subjects: readonly Built[],
  feeds: Feeds,
  { runtime, open }: RunsOn,
  { purpose, threads, maxSeconds, cache, signal, onProgress }: TimingOptions,
): Promise<LatencyReport> {
  const key = {
    measure: 'latency',
    purpose,
    cpu: machine().cpu,
    runtime,
    threads,
    shapes: Object.entries(feeds).map(([name, { dtype, dims }]) => [name, dtype, dims]),
    models: subjects.map((built) => built.digest),
    ids: subjects.map((built) => built.spec.id),
  }
  const measure = async () => {
    const { report } = await measureLatency(
      subjects.map((built) => ({ label: built.spec.id, model: built.model })),
      feeds,
      {
        threads,
        maxSeconds,
        open,
        signal,
        onProgress: ({ rounds }) => onProgress?.(`timing ${subjects.length} models by turns: round ${rounds}`),
      },
    )
    return report
  }
  return cache.get(key, measure, ({ ratios }) => !ratios.some(undecided))
}
