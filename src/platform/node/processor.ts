import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'

/** Instruction sets that decide which kernels a runtime takes, the fastest first: what Linux calls them, and their names. */
const SETS = [
  ['amx_int8', 'AMX'],
  ['avx512_vnni', 'AVX512-VNNI'],
  ['avx_vnni', 'AVX-VNNI'],
  ['avx512f', 'AVX-512'],
  ['avx2', 'AVX2'],
  ['i8mm', 'I8MM'],
  ['asimddp', 'dot products'],
] as const

let known: string | undefined

/**
 * The processor by its name and, where Linux tells them, its family, model and fastest instruction set: virtual machines
 * give one name ("AMD EPYC") to processors on which kernels take other times, and on which products saturate or do not.
 */
export function processor(): string {
  known ??= processorName(cpus()[0]?.model.trim() || process.arch, readInfo())
  return known
}

/** The same of a name and the text of `/proc/cpuinfo`, empty where there is none. */
export function processorName(name: string, cpuinfo: string): string {
  const field = (key: string) => new RegExp(`^${key}\\s*:\\s*(.*)$`, 'm').exec(cpuinfo)?.[1]
  const [family, model] = [field('cpu family'), field('model')]
  const flags = new Set((field('flags') ?? field('Features') ?? '').split(' '))
  const set = SETS.find(([flag]) => flags.has(flag))?.[1]
  return [name, ...(family && model ? [`family ${family} model ${model}`] : []), ...(set ? [set] : [])].join(', ')
}

function readInfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return ''
  }
}
