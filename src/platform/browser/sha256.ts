// Written out, since digests are asked for in the middle of synchronous work and WebCrypto only answers later.

/** The first 32 bits of the fractional parts of the square roots (start) and cube roots (rounds) of the first primes. */
const primes = (count: number) => {
  const found: number[] = []
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n)
  return found
}
const fraction = (value: number) => Math.floor((value - Math.floor(value)) * 2 ** 32) | 0
const START = primes(8).map((prime) => fraction(Math.sqrt(prime)))
const ROUNDS = Int32Array.from(primes(64), (prime) => fraction(Math.cbrt(prime)))
const BLOCK = 64

/**
 * `sha256:` and the hexadecimal digest of the pieces in order, without the machine's own help.
 *
 * Source: FIPS 180-4.
 */
export function sha256(chunks: Uint8Array | string | Iterable<Uint8Array | string>): string {
  const state = Int32Array.from(START)
  const words = new Int32Array(64)
  const block = new Uint8Array(BLOCK)
  const view = new DataView(block.buffer)
  let filled = 0
  let total = 0
  const push = (bytes: Uint8Array) => {
    total += bytes.byteLength
    for (let at = 0; at < bytes.byteLength; ) {
      const taken = Math.min(BLOCK - filled, bytes.byteLength - at)
      block.set(bytes.subarray(at, at + taken), filled)
      at += taken
      filled += taken
      if (filled === BLOCK) {
        compress(state, words, view)
        filled = 0
      }
    }
  }
  const encoder = new TextEncoder()
  const one = (chunk: Uint8Array | string) => push(typeof chunk === 'string' ? encoder.encode(chunk) : chunk)
  if (typeof chunks === 'string' || chunks instanceof Uint8Array) one(chunks)
  else for (const chunk of chunks) one(chunk)

  const bits = total * 8
  const padding = new Uint8Array((filled < 56 ? 56 : 120) - filled + 8)
  padding[0] = 0x80
  const end = new DataView(padding.buffer)
  end.setUint32(padding.byteLength - 8, Math.floor(bits / 2 ** 32))
  end.setUint32(padding.byteLength - 4, bits >>> 0)
  push(padding)
  return `sha256:${[...state].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')}`
}

const turn = (x: number, by: number) => (x >>> by) | (x << (32 - by))

function compress(state: Int32Array, words: Int32Array, view: DataView): void {
  for (let i = 0; i < 16; i++) words[i] = view.getInt32(i * 4)
  for (let i = 16; i < 64; i++) {
    const [early, late] = [words[i - 15]!, words[i - 2]!]
    const first = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3)
    const second = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10)
    words[i] = (words[i - 16]! + first + words[i - 7]! + second) | 0
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]
  for (let i = 0; i < 64; i++) {
    const choice = (e & f) ^ (~e & g)
    const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + ROUNDS[i]! + words[i]!) | 0
    const majority = (a & b) ^ (a & c) ^ (b & c)
    const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority) | 0
    h = g
    g = f
    f = e
    e = (d + one) | 0
    d = c
    c = b
    b = a
    a = (one + two) | 0
  }
  for (const [i, value] of [a, b, c, d, e, f, g, h].entries()) state[i] = (state[i]! + value) | 0
}
