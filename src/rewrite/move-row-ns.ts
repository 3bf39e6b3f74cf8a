/** Bytes of a row that the runtime has a loop for; it calls memcpy for each row of another width. */
const LOOPS: ReadonlySet<number> = new Set([1, 2, 4, 8])
const NS = { loop: 0.5, copy: 7, byte: 0.03 } as const

/**
 * Nanoseconds that the runtime takes for a row of so many bytes where a Transpose moves one axis past others (onnxruntime
 * 1.30 on x86-64, one thread).
 */
export const moveRowNs = (bytes: number): number => (LOOPS.has(bytes) ? NS.loop : NS.copy + NS.byte * bytes)
