import type { ProfileReport } from '../report/index.ts'

/** One event of ONNX Runtime's trace (Chrome trace format); times in microseconds. */
export interface TraceEvent {
  readonly cat: string
  readonly name: string
  readonly ts: number
  readonly dur: number
  readonly tid?: number
  readonly args?: Readonly<Record<string, unknown>>
}

interface Tally {
  readonly operator: string
  readonly perRun: number[]
  calls: number
}

/**
 * Where the time of a run goes, from a trace: for each node the median over runs of its own time (what nodes of its
 * nested graphs took is theirs alone), the same by operator, and the median whole run. The first `warm` runs are left
 * out. Operators without a domain of their own carry bare names.
 *
 * @param share Instead of medians, the times that this share of the runs, from 0 to 1, does not take longer than.
 */
export function profileOf(
  events: readonly TraceEvent[],
  warm: number,
  threads: number,
  share: number = MEDIAN,
): ProfileReport {
  const runs = events
    .filter((event) => event.cat === 'Session' && event.name === 'model_run')
    .sort((a, b) => a.ts - b.ts)
    .slice(warm)
  const kernels = events
    .filter((event) => event.cat === 'Node' && event.name.endsWith(SUFFIX))
    .sort((a, b) => a.ts - b.ts || b.dur - a.dur)
  const nodes = new Map<string, Tally>()
  const operators = new Map<string, Tally>()
  let cursor = 0
  runs.forEach((run, index) => {
    while (cursor < kernels.length && (kernels[cursor] as TraceEvent).ts < run.ts) cursor++
    const start = cursor
    while (cursor < kernels.length && (kernels[cursor] as TraceEvent).ts <= run.ts + run.dur) cursor++
    for (const { event, own } of ownTimes(kernels.slice(start, cursor))) {
      const operator = String(event.args?.op_name ?? '?')
      add(nodes, event.name.slice(0, -SUFFIX.length), operator, index, own)
      add(operators, operator, operator, index, own)
    }
  })
  const count = runs.length
  return {
    kind: 'profile',
    version: 1,
    threads,
    runs: count,
    totalMs: quantileMs(
      runs.map((run) => run.dur),
      share,
    ),
    operators: Object.fromEntries(
      [...operators]
        .map(
          ([name, tally]) => [name, { calls: Math.round(tally.calls / count), ms: msOf(tally, count, share) }] as const,
        )
        .sort((a, b) => b[1].ms - a[1].ms),
    ),
    nodes: [...nodes]
      .map(([name, tally]) => ({ name, operator: tally.operator, ms: msOf(tally, count, share) }))
      .sort((a, b) => b.ms - a.ms),
  }
}

const SUFFIX = '_kernel_time'
const MEDIAN = 0.5

/** Each event's time less that of the events inside it (bodies of If, Loop and Scan), per thread. */
function ownTimes(events: readonly TraceEvent[]): { event: TraceEvent; own: number }[] {
  const result = events.map((event) => ({ event, own: event.dur }))
  const open = new Map<number, { event: TraceEvent; own: number }[]>()
  for (const entry of result) {
    const { ts, dur, tid = 0 } = entry.event
    const stack = open.get(tid) ?? []
    open.set(tid, stack)
    for (let top = stack.at(-1); top && top.event.ts + top.event.dur <= ts; top = stack.at(-1)) stack.pop()
    const around = stack.at(-1)
    if (around && ts + dur <= around.event.ts + around.event.dur) around.own -= dur
    stack.push(entry)
  }
  return result
}

function add(tallies: Map<string, Tally>, key: string, operator: string, run: number, us: number): void {
  const tally = tallies.get(key) ?? { operator, perRun: [], calls: 0 }
  tallies.set(key, tally)
  tally.calls++
  tally.perRun[run] = (tally.perRun[run] ?? 0) + us
}

const msOf = (tally: Tally, runs: number, share: number) =>
  quantileMs(
    Array.from({ length: runs }, (_, run) => tally.perRun[run] ?? 0),
    share,
  )

/** Between two times where the share falls between them. */
function quantileMs(us: readonly number[], share: number): number {
  if (us.length === 0) return 0
  const sorted = [...us].sort((a, b) => a - b)
  const place = share * (sorted.length - 1)
  const [below, above] = [sorted[Math.floor(place)] as number, sorted[Math.ceil(place)] as number]
  return Math.max(0, below + (place % 1) * (above - below)) / 1000
}
