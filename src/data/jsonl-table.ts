import { UserError } from '../platform/index.ts'
import type { TextValue } from './column-profile.ts'
import type { Table } from './table.ts'
import { readText, type TextRow, textTable } from './text-table.ts'

/** Opens a JSON Lines file: one object a line, tensors as nested arrays, empty lines ignored. */
export function openJsonl(path: string): Promise<Table> {
  return textTable(path, (wanted) => jsonRows(path, wanted))
}

async function* jsonRows(path: string, wanted: (row: number) => boolean): AsyncGenerator<TextRow | null> {
  let row = 0
  for await (const { line, number } of lines(path)) {
    if (line.trim() === '') continue
    if (wanted(row++)) yield { where: `line ${number} of "${path}"`, values: parseRow(line, path, number) }
    else yield null
  }
}

/** Whether a file holds JSON Lines whatever it is called: an object that ends with its line, and another below it. */
export async function isJsonLines(path: string): Promise<boolean> {
  let objects = 0
  for await (const { line } of lines(path)) {
    if (line.trim() === '') continue
    if (!/^\s*\{.*\}\s*$/.test(line)) return objects > 0 && line.trimStart().startsWith('{')
    if (++objects === 2) return true
  }
  return false
}

/** The lines of a file, which end in LF, CRLF or CR (a JSON text holds none of them), counted from 1. */
async function* lines(path: string): AsyncGenerator<{ line: string; number: number }> {
  let rest: string[] = []
  let number = 0
  let returned = false
  for await (const piece of readText(path)) {
    const text = returned && piece.startsWith('\n') ? piece.slice(1) : piece
    if (piece !== '') returned = piece.endsWith('\r')
    const parts = text.split(/\r\n|\r|\n/)
    if (parts.length === 1) {
      rest.push(text)
      continue
    }
    yield { line: rest.join('') + parts[0]!, number: ++number }
    for (let i = 1; i < parts.length - 1; i++) yield { line: parts[i]!, number: ++number }
    rest = [parts.at(-1)!]
  }
  yield { line: rest.join(''), number: ++number }
}

function parseRow(line: string, path: string, number: number): Readonly<Record<string, TextValue>> {
  const where = `line ${number} of "${path}"`
  let value: unknown
  try {
    value = parseJson(line)
  } catch (cause) {
    throw new UserError('bad-data', `Line ${number} of "${path}" is not JSON: ${(cause as Error).message}`, {
      where,
      hint: `Each line is one JSON object. ${mistakeIn(line.trim())}`,
      cause,
    })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UserError('bad-data', `Line ${number} of "${path}" is not a JSON object.`, {
      where,
      hint: `Each line is one object, for example {"x": [0.1, 0.2], "label": 3}. ${Array.isArray(value) ? ONE_ARRAY : ''}`.trim(),
    })
  for (const [name, field] of Object.entries(value))
    if (hasObject(field))
      throw new UserError('bad-data', `"${name}" in line ${number} of "${path}" holds an object.`, {
        where,
        hint: 'Fields are numbers, text, booleans, null, or nested arrays of them.',
      })
  return value as Record<string, TextValue>
}

/** A text, or an integer of so many digits that a number of floating point may not hold it. */
const TEXT_OR_LONG = /"(?:[^"\\]|\\.)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g
/** What marks such an integer until it is read. */
const LONG = '\u0000integer:'

/** JSON whose integers beyond 2^53 are kept digit by digit: ids would become equal. */
function parseJson(line: string): unknown {
  if (!/\d{16}/.test(line)) return JSON.parse(line)
  const marked = line.replace(TEXT_OR_LONG, (found) =>
    found.startsWith('"') || Number.isSafeInteger(Number(found)) ? found : JSON.stringify(LONG + found),
  )
  if (marked === line) return JSON.parse(line)
  return JSON.parse(marked, (_, value) =>
    typeof value === 'string' && value.startsWith(LONG) ? BigInt(value.slice(LONG.length)) : value,
  )
}

const ONE_ARRAY = 'Of an array of objects, write each element on a line of its own, without the brackets and commas.'

/** What is usually wrong with a line that is no JSON. */
function mistakeIn(line: string): string {
  if (line.startsWith('[')) return ONE_ARRAY
  if (line === '{') return 'This one is spread over several lines: write it without line breaks.'
  if (line.endsWith('},')) return 'No comma stands between lines.'
  return 'NaN and comments are not JSON: write null for a missing number.'
}

const hasObject = (value: unknown): boolean =>
  Array.isArray(value) ? value.some(hasObject) : typeof value === 'object' && value !== null
