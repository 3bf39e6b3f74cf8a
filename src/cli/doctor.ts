import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { machine, webVersion } from '../engine/index.ts'
import { type DoctorReport, WHETSTONE_VERSION } from '../report/index.ts'
import type { Verb } from './verb.ts'

export const doctorVerb: Verb = {
  name: 'doctor',
  usage: 'doctor',
  summary: 'This machine, the runtime, the processor features that matter, and what is missing.',
  examples: ['whet doctor', 'whet doctor --json'],
  positionals: { min: 0, max: 0, names: 'no arguments' },
  options: {},
  async run() {
    const { cpu, cores, runtime, node, os } = machine()
    const report: DoctorReport = {
      kind: 'doctor',
      version: 1,
      whetstone: WHETSTONE_VERSION,
      machine: { cpu, cores, runtime, node, os, memoryBytes: totalmem() },
      int8: integerProducts(),
      web: await webVersion(),
    }
    return { report }
  },
}

/** Whether 8-bit products are exact and fast here; only Linux says it in a file. */
function integerProducts(): string {
  if (process.arch === 'arm64') return 'exact on this processor (no 16-bit saturation on ARM)'
  try {
    const flags = new Set(/^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' '))
    return flags.has('avx512_vnni') || flags.has('avx_vnni')
      ? 'VNNI: integer products are exact and fast'
      : 'no VNNI: unsigned × signed products saturate in 16 bits; use --target portable'
  } catch {
    return 'unknown: this system does not tell its processor flags'
  }
}
