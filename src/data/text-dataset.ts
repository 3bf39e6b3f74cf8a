import { readChunks, UserError } from '../platform/index.ts'
import type { InputWish } from './assign-roles.ts'
import type { Dataset } from './dataset.ts'
import type { Row, Table } from './table.ts'
import { tableDataset } from './table-dataset.ts'
import { readText } from './text-table.ts'
import { cacheFlags, filledInputs, TOKEN_NAMES, tokenCells, tokenColumn, tokenInputOf } from './token-inputs.ts'
import { DEFAULT_WINDOW, type Tokenizer } from './tokenizer.ts'

export interface TextOptions {
  /** What the model takes; columns are made for those of these inputs that text can fill. */
  readonly inputs?: readonly InputWish[]
  /** Tokens of a row at the most, the first included; 256 by default. */
  readonly window?: number
}

const FEWEST_TOKENS = 2
const PIECE_ROWS = 64

/**
 * A text file as rows of tokens with the token that follows each as its label, −100 where the row ends (as trainers
 * mark what is not scored). Documents end at `<|endoftext|>`, else at empty lines; each starts anew, with the
 * tokenizer's first token, and is cut into rows of at most `window` tokens. Tokens are held in memory, 4 bytes each;
 * rows are made as they are read. Inputs that carry a cache (`past_key_values.*`) are not data: they start empty.
 *
 * @throws UserError for a text without rows, and a model that takes no token numbers.
 */
export async function textDataset(path: string, tokenizer: Tokenizer, options: TextOptions = {}): Promise<Dataset> {
  const inputs = options.inputs ?? []
  const tokenInput = options.inputs ? requireTokenInput(options.inputs, path) : 'input_ids'
  const rows = await windowsOf(path, tokenizer, options.window ?? DEFAULT_WINDOW)
  if (rows.length === 0)
    throw new UserError('bad-data', `"${path}" has no text to score: a row needs at least two tokens`, {
      where: path,
      hint: 'Give a longer text.',
    })
  const filled = filledInputs(inputs)
  const table: Table = {
    path,
    rows: rows.length,
    columns: [tokenInput, ...filled, 'labels'].map((name) => tokenColumn(name)),
    loose: cacheFlags(inputs),
    randomAccess: true,
    notes: [],
    async *scan(indices) {
      let piece: Row[] = []
      for (const index of indices ?? rows.keys()) {
        piece.push({ index, cells: labelled(rows[index]!, tokenCells(rows[index]!, tokenInput, filled)) })
        if (piece.length < PIECE_ROWS) continue
        yield piece
        piece = []
      }
      if (piece.length > 0) yield piece
    },
    async *fingerprint() {
      yield `tokens ${options.window ?? DEFAULT_WINDOW}\n`
      yield tokenizer.fingerprint
      yield* readChunks(path)
    },
  }
  return tableDataset(table, {
    ...(options.inputs ? { inputs: options.inputs } : {}),
    label: 'labels',
    nextTokens: tokenizer.size,
    notes: [`text in ${rows.length} rows of tokens, by ${tokenizer.path}`],
  })
}

function requireTokenInput(inputs: readonly InputWish[], path: string): string {
  const found = tokenInputOf(inputs)
  if (found) return found.name
  throw new UserError('bad-data', 'the model takes no token numbers, so text cannot feed it', {
    where: path,
    hint: `an input of integers named ${TOKEN_NAMES.slice(0, 3).join(', ')} is looked for; the model takes ${inputs.map(({ name }) => name).join(', ')}`,
  })
}

/** The cells of a row, with the token that follows each as its label. */
function labelled(tokens: Int32Array, cells: Row['cells']): Row['cells'] {
  const labels = new BigInt64Array(tokens.length).fill(-100n)
  labels.set(BigInt64Array.from(tokens.subarray(1), BigInt))
  return { ...cells, labels: { dims: [tokens.length], data: labels } }
}

async function windowsOf(path: string, tokenizer: Tokenizer, window: number): Promise<readonly Int32Array[]> {
  const rows: Int32Array[] = []
  const start = tokenizer.start === null ? [] : [tokenizer.start]
  const room = Math.max(FEWEST_TOKENS, window) - start.length
  for await (const text of documentsOf(path)) {
    const tokens = tokenizer.encode(text)
    for (let from = 0; from < tokens.length; from += room) {
      const row = Int32Array.from([...start, ...tokens.slice(from, from + room)])
      if (row.length >= FEWEST_TOKENS) rows.push(row)
    }
  }
  return rows
}

/** The documents of a text, without the white space around them. */
async function* documentsOf(path: string): AsyncGenerator<string> {
  const marked = await hasMarks(path)
  const end = marked ? /<\|endoftext\|>/ : /\r?\n[ \t]*\r?\n/
  let rest = ''
  for await (const text of readText(path)) {
    const parts = (rest + text).split(end)
    rest = parts.pop()!
    for (const part of parts) if (part.trim() !== '') yield part.trim()
  }
  if (rest.trim() !== '') yield rest.trim()
}

async function hasMarks(path: string): Promise<boolean> {
  let tail = ''
  for await (const text of readText(path)) {
    if ((tail + text).includes('<|endoftext|>')) return true
    tail = text.slice(-16)
  }
  return false
}
