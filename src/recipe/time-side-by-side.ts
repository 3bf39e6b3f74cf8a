import { type Feeds, machine } from '../engine/index.ts'
import { measureLatency } from '../evaluate/index.ts'
import type { LatencyReport } from '../report/index.ts'
import type { Built } from './candidate.ts'
import type { EvidenceCache } from './evidence/evidence-cache.ts'
import type { RunsOn } from './runs-on.ts'

/** To choose from, or to see again whether the chosen one holds: the second must not be the first one remembered. */
export type TimingPurpose = 'choose' | 'confirm'

export interface TimingOptions {
  readonly purpose: TimingPurpose
  readonly threads: number
  readonly maxSeconds: number
  readonly cache: EvidenceCache
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((text: string) => void) | undefined
}

/** Models by turns, one row a run; kept by processor, runtime, models and the shapes that they are fed. */
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
  return cache.get(key, async () => {
    const { report } = await measureLatency(
      subjects.map((built) => ({ label: built.spec.id, model: built.model })),
      feeds,
      {
        threads,
        maxSeconds,
        open,
        ...(signal ? { signal } : {}),
        onProgress: ({ rounds }) => onProgress?.(`timing ${subjects.length} models by turns: round ${rounds}`),
      },
    )
    return report
  })
}
