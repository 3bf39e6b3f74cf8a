import { setFlagsFromString } from 'node:v8'

/** Megabytes of each half of the space for young objects; Node's own habit is 16. */
const YOUNG_MB = 4

/**
 * Lets this process keep fewer young objects before it looks which are still needed: measured on `whet quantize`, a peak
 * lower by 12 to 20 MB at the same processor time. For work whose large data are typed arrays, which live elsewhere.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--max-semi-space-size=${YOUNG_MB}`)
  setFlagsFromString('--semi-space-growth-factor=1')
}
