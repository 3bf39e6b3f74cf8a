import { setFlagsFromString } from 'node:v8'

/** Bytes of bytecode that a function runs through until V8 looks at whether compiling it pays; its habit is 66 KB. */
const LATER = 4 * 66 * 1024

/**
 * Lets this process compile what runs often to machine code four times later than V8's habit is. Work of less than a
 * second hardly gets to run what V8 compiles meanwhile on the core that others wait for: of `whet quantize` of a small
 * network 0.12 of 0.67 s of processor time, the main thread none the slower. For Node 20, where it was measured; later
 * ones have other rules and other flags. To be called once Node's own modules are loaded: any flag that is set makes V8
 * refuse what Node has compiled of them (set on the command line 13 ms more for the main thread).
 */
export function compileLater(): void {
  if (process.versions.v8.startsWith('11.')) setFlagsFromString(`--interrupt-budget=${LATER}`)
}
