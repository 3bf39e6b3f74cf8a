import { allowedCores, type IsolatedSession } from '../../engine/index.ts'
import type { LatencyOptions, LatencySubject } from '../../evaluate/index.ts'
import type { RunsOn } from '../runs-on.ts'

/** Which cores processes run on: the last ones, since the first ones serve the system's interrupts. */
export function pinning(place: RunsOn, threads: number) {
  const available = allowedCores()
  const reasons = new Set<string>()
  const coresOf = (count: number, instance: number) => {
    const end = available.length - instance * count
    return end - count >= 0 ? available.slice(end - count, end) : undefined
  }
  if (threads > available.length)
    reasons.add(`${threads} threads are more than the ${available.length} cores that may be used`)
  return {
    available,
    async open(model: LatencySubject['model'], options: LatencyOptions, instance: number): Promise<IsolatedSession> {
      const cores = coresOf(options.threads ?? 1, instance)
      const session = await place.open(model, options, cores ? { cores } : {})
      if (session.unpinned !== null) reasons.add(session.unpinned)
      return session
    },
    cores: () => (reasons.size > 0 ? null : (coresOf(threads, 0) ?? null)),
    warnings: () => [...reasons].map((reason) => `processes were not bound to cores: ${reason}`),
  }
}
