import { UserError } from '../platform/index.ts'
import type { InputWish } from './assign-roles.ts'
import type { TextValue } from './column-profile.ts'
import type { Table } from './table.ts'
import { readText, type TextRow, textTable } from './text-table.ts'

/**
 * Records of delimited text: quoted fields may hold delimiters, line breaks and doubled quotes; lines end in LF,
 * CRLF or, as some spreadsheets write them, CR; empty ones are passed over. Source: RFC 4180.
 */
async function* csvRecords(
  chunks: AsyncIterable<string>,
  delimiter: string,
  path: string,
): AsyncGenerator<{ fields: string[]; line: number }> {
  let fields: string[] = []
  let field = ''
  let state: 'start' | 'plain' | 'quoted' | 'after-quote' = 'start'
  let line = 1
  let startLine = 1
  let returned = false
  const endField = () => {
    fields.push(field)
    field = ''
    state = 'start'
  }
  const isBlank = () => fields.length === 0 && field === '' && state !== 'after-quote'
  for await (const text of chunks) {
    for (let at = 0; at < text.length; at++) {
      const char = text[at]!
      // The two characters of CRLF end one line.
      const second = returned && char === '\n'
      returned = false
      if (second) continue
      if (state === 'quoted') {
        const end = text.indexOf('"', at)
        const piece = text.slice(at, end < 0 ? text.length : end)
        for (const c of piece) if (c === '\n') line++
        field += piece
        at = end < 0 ? text.length : end
        if (end >= 0) state = 'after-quote'
      } else if (char === '"' && state === 'after-quote') {
        field += '"'
        state = 'quoted'
      } else if (char === '"' && state === 'start') {
        state = 'quoted'
      } else if (char === delimiter) {
        endField()
      } else if (char === '\n' || char === '\r') {
        returned = char === '\r'
        const blank = isBlank()
        endField()
        if (!blank) yield { fields, line: startLine }
        fields = []
        startLine = ++line
      } else if (state === 'after-quote') {
        throw new UserError('bad-data', `Line ${line} of "${path}" has text after a closing quote.`, {
          where: `line ${line} of "${path}"`,
          hint: 'A quote inside a quoted field is written twice: "".',
        })
      } else {
        state = 'plain'
        field += char
      }
    }
  }
  if (state === 'quoted')
    throw new UserError(
      'bad-data',
      `A quoted field that begins in or after line ${startLine} of "${path}" never ends.`,
      {
        where: `line ${startLine} of "${path}"`,
        hint: 'Close the quote; a quote inside a quoted field is written twice.',
      },
    )
  if (!isBlank()) {
    endField()
    yield { fields, line: startLine }
  }
}

/**
 * Opens a CSV file with a header (`.tsv` is delimited by tabs). Each column is inferred to hold numbers, true/false or
 * text; one that is named like an input of strings is text, even where it holds only digits.
 */
export function openCsv(
  path: string,
  { inputs = [] }: { readonly inputs?: readonly InputWish[] | undefined },
): Promise<Table> {
  const delimiter = path.toLowerCase().endsWith('.tsv') ? '\t' : ','
  const texts = new Set(inputs.flatMap(({ name, dtype }) => (dtype === 'string' ? [name] : [])))
  return textTable(path, (wanted) => csvRows(path, delimiter, texts, wanted))
}

async function* csvRows(
  path: string,
  delimiter: string,
  texts: ReadonlySet<string>,
  wanted: (row: number) => boolean,
): AsyncGenerator<TextRow | null> {
  let header: string[] | undefined
  let row = 0
  for await (const { fields, line } of csvRecords(readText(path), delimiter, path)) {
    const where = `line ${line} of "${path}"`
    if (!header) {
      header = checkHeader(fields, delimiter, path, where)
      continue
    }
    if (fields.length !== header.length)
      throw new UserError(
        'bad-data',
        `Line ${line} of "${path}" has ${fields.length} fields, its header ${header.length}.`,
        {
          where,
          hint: 'Quote fields that hold the delimiter, and give every line one field a column.',
        },
      )
    if (wanted(row++))
      yield {
        where,
        values: Object.fromEntries(
          header.map((name, i) => [name, texts.has(name) ? fields[i]! : csvValue(fields[i]!)]),
        ),
        texts: Object.fromEntries(header.map((name, i) => [name, fields[i]!])),
      }
    else yield null
  }
}

const SEPARATORS = [
  { character: ';', name: 'semicolons', hint: 'Save it with commas between columns and points in numbers.' },
  { character: '\t', name: 'tabs', hint: 'Name the file .tsv, or save it with commas.' },
  { character: ',', name: 'commas', hint: 'Name the file .csv, or save it with tabs.' },
]

function checkHeader(fields: string[], delimiter: string, path: string, where: string): string[] {
  const names = fields.map((name) => name.trim())
  const other = SEPARATORS.find(({ character }) => character !== delimiter && names[0]!.includes(character))
  if (names.length === 1 && other)
    throw new UserError('bad-data', `The columns of "${path}" are separated by ${other.name}.`, {
      where,
      hint: other.hint,
    })
  if (names.every((name) => name !== '' && Number.isFinite(Number(name))))
    throw new UserError('bad-data', `"${path}" begins with numbers where its header should be.`, {
      where,
      hint: 'The first line names the columns, for example: x0,x1,label',
    })
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined)
    throw new UserError('bad-data', `The column "${twice}" appears twice in the header of "${path}".`, {
      where,
      hint: 'The first line names the columns, each once.',
    })
  return names
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/
/** How pandas, R, databases and spreadsheets write a missing value. */
const MISSING = new Set(['', 'nan', 'NaN', '-nan', '-NaN', 'NA', 'N/A', 'n/a', '#N/A', '<NA>', 'null', 'NULL', 'None'])

function csvValue(text: string): TextValue {
  const value = text.trim()
  if (MISSING.has(value)) return null
  if (NUMBER.test(value)) {
    const number = Number(value)
    // A long id must not lose digits, and a leading zero makes it a code.
    if (/^[+-]?0\d/.test(value) || (/^[+-]?\d+$/.test(value) && !Number.isSafeInteger(number))) return text
    return number
  }
  if (/^[+-]?inf(inity)?$/i.test(value)) return value.startsWith('-') ? -Infinity : Infinity
  if (/^true$/i.test(value)) return true
  if (/^false$/i.test(value)) return false
  return text
}
