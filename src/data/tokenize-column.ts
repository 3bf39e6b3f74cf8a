import { LABEL_NAMES } from './assign-roles.ts'
import { findTokenizer, noTokenizer } from './find-tokenizer.ts'
import { joinTexts, type TokenRow } from './join-texts.ts'
import { listNames } from './list-names.ts'
import type { OpenDatasetOptions } from './open-table.ts'
import { notTaken, numberedColumns } from './pack-columns.ts'
import type { Row, Table } from './table.ts'
import { textColumns } from './text-columns.ts'
import { NEXT_TOKENS, taskNotes, taskRow, textTask } from './text-task.ts'
import {
  cacheFlags,
  filledInputs,
  fixedLength,
  padded,
  startOf,
  takesCache,
  tokenCells,
  tokenColumn,
  tokenInputOf,
} from './token-inputs.ts'
import { DEFAULT_WINDOW, type Tokenizer } from './tokenizer.ts'

const PIECE_ROWS = 64

/**
 * Turns a column of text, or two whose texts go together, into what a model of tokens takes, where the table has no tokens
 * itself: one row each, with the tokens that the tokenizer puts around a text or a pair, cut at the end to the longest row
 * that is allowed. A model of a fixed length gets rows of that length, filled up with the padding token, which
 * `attention_mask` masks. Where the table has no labels, tokens are the label, as in a text file: the one that follows at
 * every place (unless the tokenizer ends texts, as those of encoders do), or what the model is asked instead (`textTask`).
 * Tokens are held in memory, 4 bytes each.
 *
 * @throws UserError where it cannot be told which column is the text, and where there is no tokenizer.
 */
export async function tokenizeColumn(table: Table, folder: string, options: OpenDatasetOptions): Promise<Table> {
  const inputs = options.inputs ?? []
  const input = tokenInputOf(inputs)
  if (!input || [...table.columns, ...table.loose].some(({ name }) => name === input.name)) return table
  const free = notTaken(table, options)
  const texts = free.filter(({ dtype, rowShape }) => dtype === 'string' && rowShape.length === 0)
  if (texts.length === 0 || numberedColumns(table, input).length > 0) return table
  const { tokenizer: named, folders = [], window = DEFAULT_WINDOW } = options.text ?? {}
  const places = [folder, ...folders]
  const tokenizer = await findTokenizer(named, places)
  if (!tokenizer) {
    // Columns of numbers may be the tokens of a model that takes nothing else.
    if (inputs.length === 1 && free.length > texts.length) return table
    throw noTokenizer(places)
  }
  const columns = textColumns(texts, table)
  const length = fixedLength(input)
  const most = Math.min(window, length ?? window)
  const cached = takesCache(inputs)
  const task = textTask(options.outputs, tokenizer, { cached, fixed: length !== null })
  // Tokenizers that end a text belong to models that read whole ones, which foretell nothing.
  const asked = cached || tokenizer.after.length === 0 || task !== 'next'
  const foretold = asked && !hasLabels(table, options)
  const before = foretold && cached ? startOf(tokenizer) : tokenizer.before
  const { rows, longest, cut } = await tokenRows(table, columns, { tokenizer, before, most })
  const filled = filledInputs(inputs).filter((name) => !table.columns.some((own) => own.name === name))
  const made = new Set([input.name, ...filled, ...(foretold ? [NEXT_TOKENS] : [])])
  /** Cells of a row; null where it has too few tokens for what is asked of it. */
  const cellsOf = ({ tokens, segments }: TokenRow, seed: number): Row['cells'] | null => {
    if (tokens.length === 0) return null
    const posed = foretold ? taskRow(tokens, task, { tokenizer, seed }) : { tokens }
    if (!posed) return null
    const own = {
      ...tokenCells(posed.tokens, input.name, filled, segments?.slice(0, posed.tokens.length)),
      ...('labels' in posed ? { [NEXT_TOKENS]: posed.labels } : {}),
    }
    return length === null ? own : padded(own, length, input.name, tokenizer)
  }
  const others = texts.filter(({ name }) => !columns.includes(name)).map(({ name }) => name)
  const shown = columns.map((name) => `"${name}"`).join(' with ')
  return {
    ...table,
    columns: [
      ...[...made].map((name) => tokenColumn(name, length)),
      ...table.columns.filter(({ name }) => !columns.includes(name)),
    ],
    ...(foretold ? { nextTokens: tokenizer.size } : {}),
    loose: [...table.loose, ...cacheFlags(inputs)],
    notes: [
      ...table.notes,
      `${shown} is tokenized into "${input.name}" by ${tokenizer.path}: the longest of ${rows.size} rows has ${longest} tokens, ${cut === 0 ? 'none was' : cut === 1 ? '1 was' : `${cut} were`} cut to ${most}.`,
      ...(length === null
        ? []
        : [`Rows of tokens are filled up to the model's ${length} with token ${tokenizer.pad}.`]),
      ...(foretold ? taskNotes(task) : []),
      ...(others.length > 0 ? [`Text in ${listNames(others)} is not fed to the model.`] : []),
    ],
    async *scan(indices, names, skip) {
      const stored = names.filter((name) => !made.has(name))
      for await (const piece of stored.length > 0
        ? table.scan(indices, stored, skip)
        : bare(indices ?? [...rows.keys()])) {
        const whole: Row[] = []
        for (const { index, cells: own } of piece) {
          const tokens = rows.get(index)
          const cells = tokens ? cellsOf(tokens, index) : null
          if (cells) whole.push({ index, cells: only({ ...own, ...cells }, names) })
          else
            skip({ row: `row ${index}`, reason: `its ${shown} has ${tokens?.tokens.length ? 'too few' : 'no'} tokens` })
        }
        yield whole
      }
    },
    async *fingerprint() {
      yield `${JSON.stringify({ tokenize: columns.length === 1 ? columns[0] : columns, most, length, ...(foretold ? { foretold: before } : {}), ...(foretold && task !== 'next' ? { task } : {}) })}\n`
      yield tokenizer.fingerprint
      yield* table.fingerprint()
    },
  }
}

/** Rows that no column of the table has to be read for, a piece at a time. */
function* bare(indices: readonly number[]): Generator<readonly Row[]> {
  for (let from = 0; from < indices.length; from += PIECE_ROWS)
    yield indices.slice(from, from + PIECE_ROWS).map((index) => ({ index, cells: {} }))
}

/** Whether a column of the table is the truth about its rows. */
const hasLabels = ({ columns }: Table, { label }: OpenDatasetOptions) =>
  label !== undefined || columns.some(({ name }) => LABEL_NAMES.includes(name))

interface TokenRows {
  readonly rows: ReadonlyMap<number, TokenRow>
  /** Tokens of the longest row before any was cut. */
  readonly longest: number
  readonly cut: number
}

interface Wrapping {
  readonly tokenizer: Tokenizer
  readonly before: readonly number[]
  readonly most: number
}

async function tokenRows(
  table: Table,
  columns: readonly string[],
  { tokenizer, before, most }: Wrapping,
): Promise<TokenRows> {
  const rows = new Map<number, TokenRow>()
  const frame =
    columns.length > 1
      ? tokenizer.pair
      : [...before, 'first' as const, ...tokenizer.after].map((part) => ({ part, segment: 0 }))
  const join = joinTexts(frame, most, tokenizer)
  let [longest, cut] = [0, 0]
  for await (const piece of table.scan(null, columns, () => {}))
    for (const { index, cells } of piece) {
      const [first, second = []] = columns.map((name) => tokenizer.encode(cells[name]!.data[0] as string))
      const row = join(first!, second)
      longest = Math.max(longest, row.whole)
      if (row.tokens.length < row.whole) cut++
      rows.set(index, row)
    }
  return { rows, longest, cut }
}

const only = (cells: Row['cells'], names: readonly string[]): Row['cells'] =>
  Object.fromEntries(names.map((name) => [name, cells[name]!]))
