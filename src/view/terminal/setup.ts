import type { CacheReport, DoctorReport } from '../../report/index.ts'
import { bytes } from '../words.ts'
import { fact, type Style } from './table.ts'

/** A line for each thing that runtime, machine and installation bring along. */
export function doctor({ whetstone, machine, int8, web = null }: DoctorReport, style: Style): string {
  const facts = {
    whetstone,
    runtime: machine.runtime,
    node: machine.node,
    system: machine.os,
    processor: `${machine.cpu}, ${machine.cores} cores`,
    memory: bytes(machine.memoryBytes),
    int8,
    browsers: web === null ? 'onnxruntime-web is not installed (needed for --target web)' : `onnxruntime-web ${web}`,
  }
  return Object.entries(facts)
    .flatMap(([name, text]) => fact(name, text, style))
    .join('\n')
}

/** Where the cache is, how large, and what was deleted. */
export function cache(report: CacheReport): string {
  const rest = `${report.files} files, ${bytes(report.bytes)}`
  return report.deleted > 0
    ? `${report.folder}\n${report.deleted} files deleted, left: ${rest}`
    : `${report.folder}\n${rest}`
}
