// Processor time of processes, thread by thread, as Linux counts it: what a request costs, whatever else the machine does.
import { readdirSync, readFileSync } from 'node:fs'

/** Nanoseconds that each thread of a process has run, by thread id; empty where the system does not tell. */
function threadTimes(pid: number): ReadonlyMap<number, number> {
  const folder = `/proc/${pid}/task`
  try {
    return new Map(
      readdirSync(folder).map((id) => {
        const [ns] = readFileSync(`${folder}/${id}/schedstat`, 'utf8').split(' ')
        return [Number(id), Number(ns)]
      }),
    )
  } catch {
    return new Map()
  }
}

/** A process by the name that the budget gives it. */
export type Watched = Readonly<Record<string, number>>

export interface Budget {
  /** Microseconds a request, by process: its first thread, then every other that ran, the busiest first. */
  readonly threads: Readonly<Record<string, readonly number[]>>
  /** All of it together. */
  readonly totalUs: number
}

/** Starts to count; the function that it gives says what each of `requests` took since. */
export function watchProcessors(processes: Watched): (requests: number) => Budget {
  const before = new Map(Object.entries(processes).map(([name, pid]) => [name, threadTimes(pid)]))
  return (requests) => {
    const threads = Object.fromEntries(
      Object.entries(processes).map(([name, pid]) => {
        const own = [...threadTimes(pid)].map(([id, ns]) => ({
          first: id === pid,
          us: (ns - (before.get(name)!.get(id) ?? 0)) / 1000 / requests,
        }))
        own.sort((a, b) => Number(b.first) - Number(a.first) || b.us - a.us)
        return [name, own.filter(({ first, us }) => first || us >= 0.5).map(({ us }) => us)]
      }),
    )
    return {
      threads,
      totalUs: Object.values(threads)
        .flat()
        .reduce((a, b) => a + b, 0),
    }
  }
}

/** `server 110 + 4 + 3 · client 40 = 157 µs`. */
export const budgetLine = ({ threads, totalUs }: Budget): string =>
  `${Object.entries(threads)
    .map(([name, own]) => `${name} ${own.map((us) => us.toFixed(0)).join(' + ')}`)
    .join(' · ')} = ${totalUs.toFixed(0)} µs`
