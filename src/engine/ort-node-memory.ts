import { readFileSync, writeFileSync } from 'node:fs'
import type { Allocations, PeakMemory } from './isolation.ts'

let before: { readonly rss: number; readonly exact: boolean } | null = null

/**
 * Notes what this process holds now. On Linux the high-water mark is set back to it first, so that the runtime's own
 * start does not count; elsewhere the largest resident size seen at each question stands in, which is a lower bound.
 */
export function startWatching(): { loaded(): void } {
  let exact = false
  if (process.platform === 'linux')
    try {
      // 5: "reset the peak resident set size to the current one" (proc_pid_clear_refs(5)).
      writeFileSync('/proc/self/clear_refs', '5')
      exact = true
    } catch {
      // Some containers forbid it; the mark then includes the runtime's own start.
    }
  before = { rss: statusBytes('VmRSS') ?? process.memoryUsage.rss(), exact }
  return {
    loaded() {
      sample()
    },
  }
}

let seen = 0
const sample = () => {
  seen = Math.max(seen, process.memoryUsage.rss())
}

/** The most memory that this process held since `startWatching`, beyond what it held then. */
export function peakMemory(): PeakMemory {
  if (!before) return { bytes: null, how: 'nothing was loaded' }
  const mark = statusBytes('VmHWM')
  if (mark !== null)
    return {
      bytes: Math.max(0, mark - before.rss),
      how: before.exact
        ? 'VmHWM of the process, reset before the load'
        : 'VmHWM of the process less its size before the load; the mark could not be reset',
    }
  sample()
  return {
    bytes: Math.max(0, seen - before.rss),
    how: `resident size seen after the load and at the end (${process.platform} tells no peak that starts at the load): a lower bound`,
  }
}

/** A line of /proc/self/status in bytes, or null off Linux. */
function statusBytes(field: string): number | null {
  try {
    const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))
    return match ? Number(match[1]) * 1024 : null
  } catch {
    return null
  }
}

/** Runs `runs` times in blocks, and drops blocks in which JavaScript collected garbage. */
export async function countAllocations(run: () => Promise<void>, runs: number): Promise<Allocations> {
  const held = () => {
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const block = Math.max(1, Math.min(10, runs))
  const grown: number[] = []
  await run()
  const faults = process.resourceUsage().minorPageFault
  let done = 0
  for (; done < runs; done += block) {
    const before = held()
    for (let i = 0; i < block; i++) await run()
    const bytes = held() - before
    if (bytes >= 0) grown.push(bytes / block)
  }
  const pageFaults = (process.resourceUsage().minorPageFault - faults) / Math.max(1, done)
  grown.sort((a, b) => a - b)
  return { jsBytes: Math.round(grown[grown.length >> 1] ?? 0), pageFaults }
}
