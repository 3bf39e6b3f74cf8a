import { UserError } from '../platform/index.ts'
import type { Tokenizer } from './tokenizer.ts'

interface Piece {
  readonly text: string
  readonly score: number
}

/** Token 1 begins a text, tokens 3 to 258 are the bytes 0 to 255. */
const [START, FIRST_BYTE] = [1, 3]

/**
 * The vocabulary of llama2.c: the longest token's length as int32, then for every token a float32 score, its length as
 * int32 and its UTF-8 bytes, little-endian. Null where the bytes are no such file.
 */
export function llama2cVocabulary(bytes: Uint8Array, path: string): Tokenizer | null {
  const pieces = readPieces(bytes)
  if (!pieces) return null
  const numbers = new Map<string, number>()
  for (const [id, { text }] of pieces.entries()) if (!numbers.has(text)) numbers.set(text, id)
  return {
    path,
    start: START,
    before: [START],
    after: [],
    pad: 0,
    padsLeft: false,
    mask: null,
    pair: [
      { part: 'first', segment: 0 },
      { part: 'second', segment: 0 },
    ],
    size: pieces.length,
    fingerprint: bytes,
    encode: (text) => encode(text, pieces, numbers, path),
  }
}

function readPieces(bytes: Uint8Array): readonly Piece[] | null {
  if (bytes.length < 16) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const longest = view.getInt32(0, true)
  if (longest < 1 || longest > 4096) return null
  const decoder = new TextDecoder('utf-8')
  const pieces: Piece[] = []
  let at = 4
  while (at < bytes.length) {
    if (at + 8 > bytes.length) return null
    const [score, length] = [view.getFloat32(at, true), view.getInt32(at + 4, true)]
    if (length < 0 || length > longest || at + 8 + length > bytes.length || Number.isNaN(score)) return null
    pieces.push({ score, text: decoder.decode(bytes.subarray(at + 8, at + 8 + length)) })
    at += 8 + length
  }
  return pieces.length > FIRST_BYTE + 256 ? pieces : null
}

interface Merge {
  readonly score: number
  readonly left: number
  readonly right: number
  /** Tokens of both when this was found: it is stale where one has changed. */
  readonly tokens: readonly [number, number]
  readonly merged: number
}

/**
 * Byte-pair encoding by scores: characters (or their bytes, where the vocabulary lacks one) behind a leading space, then
 * again and again the neighbours whose joined token has the highest score, the leftmost of equals.
 */
function encode(text: string, pieces: readonly Piece[], numbers: ReadonlyMap<string, number>, path: string): number[] {
  if (text === '') return []
  const tokens: number[] = []
  const encoder = new TextEncoder()
  for (const character of ` ${text}`) {
    const known = numbers.get(character)
    if (known !== undefined) tokens.push(known)
    else for (const byte of encoder.encode(character)) tokens.push(byte + FIRST_BYTE)
  }
  if (tokens.some((token) => token >= pieces.length))
    throw new UserError('bad-data', `"${path}" has no tokens for bytes`, {
      where: path,
      hint: 'The text has letters that this vocabulary cannot spell: name the one of this model with --tokenizer.',
    })
  const next = tokens.map((_, i) => i + 1)
  const before = tokens.map((_, i) => i - 1)
  const alive = tokens.map(() => true)
  const heap = new Heap()
  const offer = (left: number) => {
    const right = next[left]!
    if (left < 0 || right >= tokens.length) return
    const merged = numbers.get(pieces[tokens[left]!]!.text + pieces[tokens[right]!]!.text)
    if (merged === undefined) return
    heap.push({ score: pieces[merged]!.score, left, right, tokens: [tokens[left]!, tokens[right]!], merged })
  }
  for (let i = 0; i < tokens.length; i++) offer(i)
  for (let merge = heap.pop(); merge; merge = heap.pop()) {
    const { left, right, merged } = merge
    if (!alive[left] || !alive[right] || next[left] !== right) continue
    if (tokens[left] !== merge.tokens[0] || tokens[right] !== merge.tokens[1]) continue
    tokens[left] = merged
    alive[right] = false
    next[left] = next[right]!
    if (next[right]! < tokens.length) before[next[right]!] = left
    if (before[left]! >= 0) offer(before[left]!)
    offer(left)
  }
  return tokens.filter((_, i) => alive[i])
}

/** The best merge first: the highest score, then the leftmost. */
class Heap {
  readonly #items: Merge[] = []

  push(item: Merge): void {
    const items = this.#items
    let at = items.push(item) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!better(items[at]!, items[parent]!)) break
      ;[items[at], items[parent]] = [items[parent]!, items[at]!]
      at = parent
    }
  }

  pop(): Merge | undefined {
    const items = this.#items
    const top = items[0]
    const last = items.pop()
    if (items.length === 0 || !last) return top
    items[0] = last
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      let best = at
      if (left < items.length && better(items[left]!, items[best]!)) best = left
      if (right < items.length && better(items[right]!, items[best]!)) best = right
      if (best === at) return top
      ;[items[at], items[best]] = [items[best]!, items[at]!]
      at = best
    }
  }
}

const better = (a: Merge, b: Merge) => a.score > b.score || (a.score === b.score && a.left < b.left)
