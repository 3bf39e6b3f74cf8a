import { type Infer, integer, nullable, number, object, optional, report, text } from './schema.ts'

/** What `whet doctor` finds: the machine, the runtime, and what the processor means for 8-bit products. */
export const doctor = report('doctor', {
  whetstone: text,
  machine: object({ cpu: text, cores: integer, runtime: text, node: text, os: text, memoryBytes: number }),
  int8: text,
  /** The runtime of browsers, for `--target web`: its version, or null where it is not installed. */
  web: optional(nullable(text)),
})
export type DoctorReport = Infer<typeof doctor>

/** What the command says of itself: its version, and the page of help that was asked for. */
export const program = report('program', { whetstone: text, help: optional(text) })
export type ProgramReport = Infer<typeof program>

/** Where kept evidence lies, and how much of it there is (after clearing: what is left). */
export const cache = report('cache', { folder: text, files: integer, bytes: integer, deleted: integer })
export type CacheReport = Infer<typeof cache>
