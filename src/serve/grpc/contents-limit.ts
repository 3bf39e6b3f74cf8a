import { ServeError } from '../serve-error.ts'

/**
 * Values that the `contents` of a request may have: each becomes a value of JavaScript, up to thirty times its bytes.
 * Tensors in `raw_input_contents` stay bytes and have no such limit.
 */
const MOST_VALUES = 1 << 24
/** A message or string of its own weighs as much as so many numbers. */
const RECORD_VALUES = 16

/** Numbers of the fields of `InferTensorContents`, and the bytes that a number of each takes at least. */
const PACKED: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 4, 7: 8 }
/** From a request down to its contents: `inputs` of `ModelInferRequest`, `contents` of `InferTensor`. */
const PATH = [5, 5]

/**
 * Looks through the encoded `ModelInferRequest` before anything is made of it.
 *
 * @throws ServeError `too-large` where it would become more than may be.
 */
export function checkContents(message: Uint8Array): void {
  let values = 0
  const weigh = (bytes: Uint8Array, depth: number): void => {
    const reader = new WireReader(bytes)
    while (reader.next()) {
      const contents = depth === PATH.length
      const packed = contents && reader.inside ? PACKED[reader.field] : undefined
      values += packed ? reader.inside!.byteLength / packed : RECORD_VALUES
      if (values > MOST_VALUES)
        throw new ServeError(
          'too-large',
          'the request has more values in contents than are read; send the tensors as raw_input_contents',
        )
      if (!contents && reader.inside && reader.field === PATH[depth]) weigh(reader.inside, depth + 1)
    }
  }
  weigh(message, 0)
}

/** The fields of an encoded message, one after another; ends early where the bytes are none. */
class WireReader {
  readonly #bytes: Uint8Array
  #at = 0
  field = 0
  /** The bytes of a field that has a length. */
  inside: Uint8Array | null = null

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  next(): boolean {
    if (this.#at >= this.#bytes.byteLength) return false
    const tag = this.#varint()
    this.field = Math.floor(tag / 8)
    this.inside = null
    const kind = tag % 8
    if (kind === 0) this.#varint()
    else if (kind === 1) this.#at += 8
    else if (kind === 5) this.#at += 4
    else if (kind === 2) {
      const length = this.#varint()
      this.inside = this.#bytes.subarray(this.#at, this.#at + length)
      this.#at += length
    } else return false
    return true
  }

  #varint(): number {
    let value = 0
    for (let scale = 1; this.#at < this.#bytes.byteLength; scale *= 128) {
      const byte = this.#bytes[this.#at++]!
      value += (byte % 128) * scale
      if (byte < 128) break
    }
    return value
  }
}
