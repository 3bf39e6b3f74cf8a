import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { machine } from '../engine/index.ts'
import { WHETSTONE_VERSION } from '../report/index.ts'
import type { Verb } from './verb.ts'

export const doctorVerb: Verb = {
  name: 'doctor',
  usage: 'doctor',
  summary: 'This machine, the runtime, the processor features that matter, and what is missing.',
  positionals: { min: 0, max: 0, names: 'no arguments' },
  options: {},
  async run() {
    const { cpu, cores, runtime, node, os } = machine()
    const lines = [
      `whetstone  ${WHETSTONE_VERSION}`,
      `runtime    ${runtime}`,
      `node       ${node}`,
      `system     ${os}`,
      `processor  ${cpu}, ${cores} cores`,
      `memory     ${(totalmem() / 1e9).toFixed(1)} GB`,
      ...features(),
    ]
    return { report: null, text: lines.join('\n') }
  },
}

/** Whether 8-bit products are exact and fast here; only Linux says it in a file. */
function features(): readonly string[] {
  if (process.arch === 'arm64') return ['int8       exact on this processor (no 16-bit saturation on ARM)']
  try {
    const flags = new Set(/^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' '))
    const vnni = flags.has('avx512_vnni') || flags.has('avx_vnni')
    return vnni
      ? ['int8       VNNI: integer products are exact and fast']
      : ['int8       no VNNI: unsigned × signed products saturate in 16 bits; use --target portable']
  } catch {
    return ['int8       unknown: this system does not tell its processor flags']
  }
}
