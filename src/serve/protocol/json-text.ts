import { isUtf8 } from 'node:buffer'
import { invalid } from '../serve-error.ts'

/** Objects and arrays inside one another beyond this are refused before anything is built from them. */
const DEEPEST = 64
/** So are more of them at all: an empty one is three bytes of text and takes dozens in memory. */
const MOST_OPENED = 1 << 20

/**
 * JSON as clients write it: whole numbers that a double cannot hold, and the `NaN` and `Infinity` of Python, arrive as
 * strings. Depth is limited, and so is the number of objects and arrays.
 *
 * @throws ServeError for anything else.
 */
export function parseJson(bytes: Uint8Array): unknown {
  checkNesting(bytes)
  // Read all the same, it would hold other characters than were sent.
  if (!isUtf8(bytes)) throw invalid('failed to parse the request JSON buffer: it is not UTF-8')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').replace(MARK, '')
  const precise = LONG_WHOLE.test(text) ? quoteNumbers(text) : text
  try {
    return JSON.parse(precise)
  } catch (error) {
    if (/\b(?:NaN|Infinity)\b/.test(text))
      try {
        return JSON.parse(quoteNumbers(text))
      } catch {}
    const at = /position (\d+)/.exec((error as Error).message)?.[1]
    throw invalid(`failed to parse the request JSON buffer: Invalid value.${at ? ` at ${at}` : ''}`)
  }
}

/** What programs of Windows put in front of a file of text; it is no part of the JSON (RFC 8259, section 8.1). */
const MARK = /^\ufeff/

/** Digits enough to be beyond a double, not behind a point: most programs write fractions with sixteen and more. */
const LONG_WHOLE = /(?:^|[[,:\s-])\d{16,}(?![\d.eE])/
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|-?\bInfinity\b|\bNaN\b/gs

/** Puts numbers that JSON.parse would change or refuse in quotes; strings and all other numbers stay as they are. */
function quoteNumbers(text: string): string {
  return text.replace(TOKEN, (token) => (/^(?:-?\d{16,}|-?Infinity|NaN)$/.test(token) ? `"${token}"` : token))
}

function checkNesting(bytes: Uint8Array): void {
  if (!opensMoreThan(DEEPEST, bytes)) return
  let depth = 0
  let opened = 0
  let inString = false
  for (let i = 0; i < bytes.byteLength; i++) {
    const byte = bytes[i]
    if (inString) {
      if (byte === 0x5c) i++
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > DEEPEST) throw invalid(`failed to parse the request JSON buffer: nested more than ${DEEPEST} deep`)
      if (++opened > MOST_OPENED)
        throw invalid(
          `failed to parse the request JSON buffer: more than ${MOST_OPENED} objects and arrays; send the elements of a tensor flat, or as binary data`,
        )
    } else if (byte === 0x5d || byte === 0x7d) depth--
  }
}

/**
 * Whether so many objects and arrays begin at all: flat data of any size have a few, and the system finds a byte far
 * sooner than a loop here looks at each.
 */
function opensMoreThan(most: number, { buffer, byteOffset, byteLength }: Uint8Array): boolean {
  const bytes = Buffer.from(buffer, byteOffset, byteLength)
  let opens = 0
  for (const opener of ['[', '{'])
    for (let at = bytes.indexOf(opener); at >= 0; at = bytes.indexOf(opener, at + 1)) if (++opens > most) return true
  return false
}

export type JsonObject = Readonly<Record<string, unknown>>

/** @throws ServeError where the value is no object. */
export function objectOf(value: unknown, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`Unable to parse ${what}: attempt to access JSON non-object as object`)
  return value as JsonObject
}
