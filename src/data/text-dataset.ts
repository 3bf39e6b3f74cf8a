import { readChunks, UserError } from '../platform/index.ts'
import type { InputWish } from './assign-roles.ts'
import type { Dataset } from './dataset.ts'
import type { Row, Table } from './table.ts'
import { tableDataset } from './table-dataset.ts'
import { readText } from './text-table.ts'
import { NEXT_TOKENS, type TextTask, taskNotes, taskRow, textTask } from './text-task.ts'
import {
  cacheFlags,
  filledInputs,
  fixedLength,
  padded,
  startOf,
  TOKEN_NAMES,
  takesCache,
  tokenCells,
  tokenColumn,
  tokenInputOf,
} from './token-inputs.ts'
import { DEFAULT_WINDOW, type Tokenizer } from './tokenizer.ts'

export interface TextOptions {
  /** What the model takes; columns are made for those of these inputs that text can fill. */
  readonly inputs?: readonly InputWish[] | undefined
  /** What it gives: whether tokens are scored at every place, behind the last one, or where they are hidden. */
  readonly outputs?: readonly InputWish[] | undefined
  /** Tokens of a row at most, the first included; 256 by default. */
  readonly window?: number | undefined
}

const FEWEST_TOKENS = 2
const PIECE_ROWS = 64

/**
 * A text file as rows of tokens with the token that follows each as its label, −100 where the row ends (as trainers
 * mark what is not scored), or with others where the model is asked something else of them (`textTask`). Documents end
 * at `<|endoftext|>`, else at empty lines; each starts anew, with the tokenizer's first token, and is cut into rows of
 * at most `window` tokens. A model without a cache, which reads texts as wholes, gets rows with all that the tokenizer
 * puts around them; one of a fixed length gets rows of that length, filled up. Tokens are held in memory, 4 bytes each;
 * rows are made as they are read. Inputs that carry a cache (`past_key_values.*`) are not data: they start empty.
 *
 * @throws UserError for a text without rows, and a model that takes no token numbers.
 */
export async function textDataset(path: string, tokenizer: Tokenizer, options: TextOptions = {}): Promise<Dataset> {
  const inputs = options.inputs ?? []
  const wish = options.inputs ? requireTokenInput(options.inputs, path) : undefined
  const tokenInput = wish?.name ?? 'input_ids'
  const length = wish ? fixedLength(wish) : null
  const window = Math.min(options.window ?? DEFAULT_WINDOW, length ?? Number.POSITIVE_INFINITY)
  const after = options.inputs && !takesCache(inputs) ? tokenizer.after : []
  const { task, rows } = await askedRows(path, tokenizer, options.outputs, {
    window,
    after,
    length,
    cached: takesCache(inputs),
  })
  if (rows.length === 0)
    throw new UserError('bad-data', `"${path}" has no text to score: a row needs at least two tokens`, {
      where: path,
      hint: 'Give a longer text.',
    })
  const filled = filledInputs(inputs)
  const cellsOf = ({ tokens: own, ...options }: TextRow): Row['cells'] => {
    const { tokens, labels } = taskRow(own, task, { tokenizer, ...options })!
    const cells = { ...tokenCells(tokens, tokenInput, filled), [NEXT_TOKENS]: labels }
    return length === null ? cells : padded(cells, length, tokenInput, tokenizer)
  }
  const table: Table = {
    path,
    rows: rows.length,
    columns: [tokenInput, ...filled, NEXT_TOKENS].map((name) => tokenColumn(name, length)),
    nextTokens: tokenizer.size,
    loose: cacheFlags(inputs),
    randomAccess: true,
    notes: [],
    async *scan(indices, names) {
      let piece: Row[] = []
      for (const index of indices ?? rows.keys()) {
        const cells = cellsOf(rows[index]!)
        piece.push({ index, cells: Object.fromEntries(names.map((name) => [name, cells[name]!])) })
        if (piece.length < PIECE_ROWS) continue
        yield piece
        piece = []
      }
      if (piece.length > 0) yield piece
    },
    async *fingerprint() {
      yield `tokens ${window}${length === null ? '' : ` of ${length}`}${after.length > 0 ? ` before ${after}` : ''}${task === 'next' ? '' : ` ${task}`}\n`
      yield tokenizer.fingerprint
      yield* readChunks(path)
    },
  }
  return tableDataset(table, {
    inputs: options.inputs,
    label: NEXT_TOKENS,
    notes: [`text in ${rows.length} rows of tokens, by ${tokenizer.path}`, ...taskNotes(task, length)],
  })
}

function requireTokenInput(inputs: readonly InputWish[], path: string): InputWish {
  const found = tokenInputOf(inputs)
  if (found) return found
  throw new UserError('bad-data', 'the model takes no token numbers, so text cannot feed it', {
    where: path,
    hint: `an input of integers named ${TOKEN_NAMES.slice(0, 3).join(', ')} is looked for; the model takes ${inputs.map(({ name }) => name).join(', ')}`,
  })
}

interface TextRow {
  readonly tokens: Int32Array
  /** Places whose next token is the text's own. */
  readonly scored: number
  readonly seed: number
}

interface Reading {
  /** Tokens that a row reads at most. */
  readonly window: number
  /** What the tokenizer puts behind a text. */
  readonly after: readonly number[]
  /** Tokens of every row where the model fixes them. */
  readonly length: number | null
}

/**
 * What the model is asked, and the rows for it. A model that reads so many tokens and scores what follows them is asked
 * that where the text holds as many in one piece, so that no row ends in padding; else for what it can be compared by.
 */
async function askedRows(
  path: string,
  tokenizer: Tokenizer,
  outputs: TextOptions['outputs'],
  { cached, ...reading }: Reading & { readonly cached: boolean },
): Promise<{ readonly task: TextTask; readonly rows: readonly TextRow[] }> {
  const asked = textTask(outputs, tokenizer, { cached, fixed: false })
  const rows = await windowsOf(path, tokenizer, asked, reading)
  if (rows.length > 0 || asked !== 'last' || reading.length === null) return { task: asked, rows }
  return { task: 'next', rows: await windowsOf(path, tokenizer, 'next', reading) }
}

async function windowsOf(
  path: string,
  tokenizer: Tokenizer,
  task: TextTask,
  { window, after, length }: Reading,
): Promise<readonly TextRow[]> {
  const rows: TextRow[] = []
  // The token behind the last one is held back from rows of a fixed length, which are to be full.
  const full = task === 'last' && length !== null
  const most = full ? window + 1 : length === null ? Math.max(FEWEST_TOKENS, window) : window
  const fewest = full ? most : Math.min(FEWEST_TOKENS, most)
  const start = startOf(tokenizer).length + after.length < window ? startOf(tokenizer) : []
  const room = most - start.length - after.length
  if (room < 1)
    throw new UserError('unsupported', `the model reads ${window} of a text's tokens at once, which is no text`, {
      where: path,
      hint: `its tokenizer puts ${after.length} around each; give rows of numbers (.npz) instead`,
    })
  for await (const text of documentsOf(path)) {
    const own = tokenizer.encode(text)
    for (let from = 0; from < own.length; from += room) {
      const tokens = Int32Array.from([...start, ...own.slice(from, from + room), ...after])
      // A text that goes on in the next row does not end here.
      const ends = from + room >= own.length
      const scored = tokens.length - 1 - (ends ? 0 : after.length)
      const options = { scored, seed: rows.length }
      if (tokens.length >= fewest && taskRow(tokens, task, { tokenizer, ...options })) rows.push({ tokens, ...options })
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
