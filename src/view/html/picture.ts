import { html, type Markup } from './markup.ts'

/** A picture to show beside a row: 8 bits a channel, grey or RGB, row by row. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly pixels: Uint8Array
}

/** Pictures by row number. */
export type RowPictures = ReadonlyMap<number, Picture>

/** The picture inside the page itself, as PNG. */
export function picture({ width, height, ...rest }: Picture, words: string): Markup {
  const source = `data:image/png;base64,${base64(png({ width, height, ...rest }))}`
  return html`<img src="${source}" width="${width}" height="${height}" alt="${words}" loading="lazy">`
}

/** PNG with stored (not compressed) blocks: small pictures only, and nothing is needed to write it. */
export function png({ width, height, channels, pixels }: Picture): Uint8Array {
  const line = width * channels
  const raw = new Uint8Array(height * (line + 1))
  for (let y = 0; y < height; y++) raw.set(pixels.subarray(y * line, (y + 1) * line), y * (line + 1) + 1)
  const head = new Uint8Array(13)
  const view = new DataView(head.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  head.set([8, channels === 1 ? 0 : 2, 0, 0, 0], 8)
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
  return joined([signature, chunk('IHDR', head), chunk('IDAT', stored(raw)), chunk('IEND', new Uint8Array(0))])
}

function stored(bytes: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = [Uint8Array.of(0x78, 0x01)]
  for (let at = 0; at < bytes.length; at += 0xffff) {
    const block = bytes.subarray(at, at + 0xffff)
    const last = at + 0xffff >= bytes.length ? 1 : 0
    const [low, high] = [block.length & 0xff, block.length >> 8]
    pieces.push(Uint8Array.of(last, low, high, ~low & 0xff, ~high & 0xff), block)
  }
  const sum = new Uint8Array(4)
  new DataView(sum.buffer).setUint32(0, adler32(bytes))
  return joined([...pieces, sum])
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const named = joined([Uint8Array.from(type, (letter) => letter.charCodeAt(0)), body])
  const ends = new Uint8Array(8)
  new DataView(ends.buffer).setUint32(0, body.length)
  new DataView(ends.buffer).setUint32(4, crc32(named))
  return joined([ends.subarray(0, 4), named, ends.subarray(4)])
}

function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0]
  for (const byte of bytes) {
    a = (a + byte) % 65_521
    b = (b + a) % 65_521
  }
  return ((b << 16) | a) >>> 0
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

function base64(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}
