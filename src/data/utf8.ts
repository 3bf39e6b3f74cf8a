import { UserError } from '../platform/index.ts'

const ENCODINGS: readonly (readonly [start: readonly number[], name: string, hint: string])[] = [
  [[0xff, 0xfe], 'UTF-16 text', 'Save it as UTF-8.'],
  [[0xfe, 0xff], 'UTF-16 text', 'Save it as UTF-8.'],
  [[0x1f, 0x8b], 'a gzip archive', 'Unpack it first.'],
  [[0x50, 0x4b, 3, 4], 'a zip archive or a spreadsheet', 'Unpack it, or save the sheet as CSV (UTF-8).'],
]

/**
 * Refuses a file that begins as text in UTF-8 never does, and says what it is instead.
 *
 * @throws UserError `bad-data`
 */
export function requireText(start: Uint8Array, path: string): void {
  const found = ENCODINGS.find(([mark]) => mark.every((byte, i) => start[i] === byte))
  if (found) throw notText(path, `${found[1]}, not UTF-8`, found[2])
  // UTF-16 without a mark: every other byte of plain text is zero.
  if (start.subarray(0, 4).includes(0)) throw notText(path, 'UTF-16 text or no text at all', 'Save it as UTF-8.')
}

/** Text of a whole file; a byte-order mark is dropped. */
export function utf8Text(bytes: Uint8Array, path: string): string {
  requireText(bytes, path)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw notUtf8(path, cause)
  }
}

/** The error for bytes in the middle of a file that are no UTF-8. */
export const notUtf8 = (path: string, cause: unknown) =>
  new UserError('bad-data', `"${path}" is not UTF-8 text.`, {
    where: path,
    hint: 'Save it as UTF-8; check that the file is what its ending says.',
    cause,
  })

const notText = (path: string, what: string, hint: string) =>
  new UserError('bad-data', `"${path}" is ${what}.`, { where: path, hint })
