import { machine } from '../engine/index.ts'
import type { OptimizationReport } from '../report/index.ts'

/** The machine as reports name it. */
export function machineOf(): OptimizationReport['machine'] {
  const { cpu, runtime, node, os } = machine()
  return { cpu, runtime, node, os }
}

/** Processors that this process may keep busy. */
export const processors = (): number => machine().cores
