import { createHash } from 'node:crypto'

/** `sha256:` and the hexadecimal digest of the pieces in order. */
export function sha256(chunks: Uint8Array | string | Iterable<Uint8Array | string>): string {
  const hash = createHash('sha256')
  if (typeof chunks === 'string' || chunks instanceof Uint8Array) hash.update(chunks)
  else for (const chunk of chunks) hash.update(chunk)
  return `sha256:${hash.digest('hex')}`
}
