/**
 * Random numbers in [0, 1) from a seed, the same on every machine: SplitMix32 (the 32-bit finalizer of MurmurHash3 over
 * a Weyl sequence). Good enough to shuffle rows; not for secrets.
 */
export function randomNumbers(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x85ebca6b)
    mixed ^= mixed >>> 13
    mixed = Math.imul(mixed, 0xc2b2ae35)
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32
  }
}
