import { setFlagsFromString } from 'node:v8'

/** Megabytes of each half of the space for young objects; Node's own habit is 16. */
const YOUNG_MB = 4

/** Percent that old objects may grow by before it is looked which of them are still needed. */
const OLD_GROWTH = 200

/**
 * Lets this process keep fewer young objects before it looks which are still needed: measured on `whet quantize`, a peak
 * lower by 12 to 20 MB at the same processor time. The many looks make V8 expect that nothing grows old, so that it went
 * through all of a heap of 15 MB ten times in a second: what grows old may treble first. For work whose large data are
 * typed arrays, which live elsewhere.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--max-semi-space-size=${YOUNG_MB}`)
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString(`--heap-growing-percent=${OLD_GROWTH}`)
}
