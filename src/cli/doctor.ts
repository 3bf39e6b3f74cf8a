import { totalmem } from 'node:os'
import { machine, openIsolated, productsSaturate, webVersion } from '../engine/index.ts'
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
      int8: await integerProducts(runtime),
      web: await webVersion(),
    }
    return { report }
  },
}

/** Whether 8-bit products are exact here: asked of the runtime, which chooses its kernels by the processor. */
async function integerProducts(runtime: string): Promise<string> {
  return (await productsSaturate(runtime, openIsolated))
    ? `unsigned × signed products saturate in 16 bits in ${runtime} on this processor: quantize and optimize make weights with which none does on what calibration saw; --target portable rules it out`
    : `integer products are exact in ${runtime} on this processor`
}
