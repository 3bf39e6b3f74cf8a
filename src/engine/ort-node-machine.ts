import { availableParallelism, loadavg, release, type } from 'node:os'
import { processor } from '../platform/index.ts'
import { runtimeName } from './ort-node-version.ts'

/** What timings were taken on. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly runtime: string
  readonly node: string
  readonly os: string
  /** Processes that wanted a core in the last minute, on average; null where the system does not count them. */
  readonly load: number | null
}

/** This machine, now: the load changes, the rest does not. */
export function machine(): Machine {
  const [load] = loadavg()
  return {
    cpu: processor(),
    cores: availableParallelism(),
    runtime: runtimeName,
    node: process.versions.node,
    os: `${type()} ${release()} ${process.arch}`,
    load: process.platform === 'win32' ? null : (load ?? null),
  }
}
