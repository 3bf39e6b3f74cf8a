import type { BodyBudget } from './body-budget.ts'
import type { AnswerCache } from './model/answer-cache.ts'
import type { ServedVersion } from './model/served-version.ts'
import type { ModelRegistry } from './repository/registry.ts'
import type { ServeErrorCode } from './serve-error.ts'

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number]

/** Content type of the text format of Prometheus. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** The numbers of a server in the text format of Prometheus: one family after another, counters end in `_total`. */
export function metricsText(registry: ModelRegistry, cache: AnswerCache | null, budget: BodyBudget): string {
  const { versions } = registry
  return [
    ...requestFamilies(versions),
    ...runFamilies(versions),
    ...processFamilies(versions, [...registry.failed]),
    ...(cache ? cacheFamilies(cache) : []),
    family('whetstone_held_bytes', 'gauge', 'Memory of bodies and of answers that nobody has taken yet.', [
      [{}, budget.held],
    ]),
    family('whetstone_resident_bytes', 'gauge', 'Memory of the server itself.', [[{}, process.memoryUsage.rss()]]),
  ].join('')
}

type Versions = readonly ServedVersion[]

/** A sample for each version that has the number. */
const each = (versions: Versions, value: (version: ServedVersion) => number | null): readonly Sample[] =>
  versions.flatMap((version) => {
    const number = value(version)
    return number === null ? [] : [[labelsOf(version), number] as const]
  })

const labelsOf = ({ name, version }: ServedVersion) => ({ model: name, version })

const seconds = (ns: number) => ns / 1e9

/** Counted from 0 on: of a number that begins with 1, Prometheus sees no increase. */
const USUAL: readonly ServeErrorCode[] = ['invalid', 'cancelled', 'too-many', 'timeout', 'unavailable', 'internal']

const reasonsOf = ({ statistics: { failures } }: ServedVersion) => {
  const reasons = new Set([...USUAL, ...failures.keys()])
  return [...reasons].map((reason) => [reason, failures.get(reason) ?? 0] as const)
}

const requestFamilies = (versions: Versions): readonly string[] => [
  family('whetstone_requests_total', 'counter', 'Requests by outcome; those that failed by the kind of the error.', [
    ...labelled(
      each(versions, ({ statistics }) => statistics.success.count),
      { outcome: 'success' },
    ),
    ...versions.flatMap((version) =>
      reasonsOf(version).map(
        ([reason, count]) => [{ ...labelsOf(version), outcome: 'failure', reason }, count] as const,
      ),
    ),
  ]),
  family(
    'whetstone_request_duration_seconds_total',
    'counter',
    'Time of successful requests in the server.',
    each(versions, ({ statistics }) => seconds(statistics.success.ns)),
  ),
  family(
    'whetstone_queue_duration_seconds_total',
    'counter',
    'Time that requests waited for a lane.',
    each(versions, ({ statistics }) => seconds(statistics.queue.ns)),
  ),
  family(
    'whetstone_queue_length',
    'gauge',
    'Requests that wait.',
    each(versions, ({ waiting }) => waiting),
  ),
]

const runFamilies = (versions: Versions): readonly string[] => [
  family(
    'whetstone_inferences_total',
    'counter',
    'Rows answered.',
    each(versions, ({ statistics }) => statistics.inferences),
  ),
  family(
    'whetstone_executions_total',
    'counter',
    'Runs of the runtime.',
    each(versions, ({ statistics }) => statistics.executions),
  ),
  family(
    'whetstone_execution_duration_seconds_total',
    'counter',
    'Time of the runs themselves.',
    each(versions, ({ statistics }) => seconds(statistics.computeInfer.ns)),
  ),
  family(
    'whetstone_transfer_duration_seconds_total',
    'counter',
    'Time of tensors on their way to the model process and back.',
    each(versions, ({ statistics }) => seconds(statistics.computeInput.ns)),
  ),
  family(
    'whetstone_batch_executions_total',
    'counter',
    'Runs by the number of rows in them; beyond 128, by the next power of two.',
    versions.flatMap((version) =>
      [...version.statistics.batches].map(
        ([rows, { count }]) => [{ ...labelsOf(version), rows: String(rows) }, count] as const,
      ),
    ),
  ),
]

const processFamilies = (versions: Versions, failed: readonly string[]): readonly string[] => [
  family(
    'whetstone_lanes_busy',
    'gauge',
    'Lanes that run.',
    each(versions, ({ running }) => running),
  ),
  family(
    'whetstone_model_ready',
    'gauge',
    '1 where a version answers; 0 without a version where none could be loaded.',
    [...each(versions, ({ ready }) => (ready ? 1 : 0)), ...failed.map((model) => [{ model, version: '' }, 0] as const)],
  ),
  family(
    'whetstone_model_process_restarts_total',
    'counter',
    'Times that the process of a version was started again.',
    each(versions, ({ statistics }) => statistics.restarts),
  ),
  family(
    'whetstone_model_process_resident_bytes',
    'gauge',
    'Memory of the process of a version.',
    each(versions, ({ residentBytes }) => residentBytes),
  ),
]

const cacheFamilies = (cache: AnswerCache): readonly string[] => [
  family('whetstone_cache_hits_total', 'counter', 'Answers from the cache.', [[{}, cache.hits]]),
  family('whetstone_cache_misses_total', 'counter', 'Answers that had to be computed.', [[{}, cache.misses]]),
  family('whetstone_cache_evictions_total', 'counter', 'Answers that made room for others.', [[{}, cache.evictions]]),
  family('whetstone_cache_bytes', 'gauge', 'Memory of the kept answers.', [[{}, cache.bytes]]),
  family('whetstone_cache_entries', 'gauge', 'Answers that are kept.', [[{}, cache.entries]]),
]

const labelled = (samples: readonly Sample[], more: Readonly<Record<string, string>>): readonly Sample[] =>
  samples.map(([labels, value]) => [{ ...labels, ...more }, value])

/** One family of metrics with its samples. */
export function family(name: string, type: 'counter' | 'gauge', help: string, samples: readonly Sample[]): string {
  const lines = samples.map(([labels, value]) => {
    const text = Object.entries(labels).map(([key, label]) => `${key}="${escaped(label)}"`)
    return `${name}${text.length > 0 ? `{${text.join(',')}}` : ''} ${value}\n`
  })
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

const escaped = (label: string) => label.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
