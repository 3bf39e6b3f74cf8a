import { UserError } from '../platform/index.ts'
import { LABEL_NAMES } from './assign-roles.ts'
import { findTokenizer, noTokenizer } from './find-tokenizer.ts'
import { listNames } from './list-names.ts'
import type { TableOptions } from './open-table.ts'
import { notTaken, numberedColumns } from './pack-columns.ts'
import type { Row, Table, TableColumn } from './table.ts'
import {
  cacheFlags,
  filledInputs,
  fixedLength,
  NEXT_TOKENS,
  nextTokenCell,
  padded,
  startOf,
  takesCache,
  tokenCells,
  tokenColumn,
  tokenInputOf,
} from './token-inputs.ts'
import { DEFAULT_WINDOW, type Tokenizer } from './tokenizer.ts'

/** Names of the column that holds the text, where there are several columns of text; the most telling first. */
const TEXT_NAMES = ['text', 'sentence', 'content']
const PIECE_ROWS = 64

/**
 * Turns a column of text into what a model of tokens takes, where the table has no tokens itself: one row each, with the
 * tokens that the tokenizer puts around a text, cut at the end to the longest row that is allowed. A model of a fixed
 * length gets rows of that length, filled up with the padding token, which `attention_mask` masks. Where the table has
 * no labels, the token that follows at every place is the label, as in a text file, unless the tokenizer ends texts, as
 * those of encoders do. Tokens are held in memory, 4 bytes each.
 *
 * @throws UserError where it cannot be told which column is the text, and where there is no tokenizer.
 */
export async function tokenizeColumn(table: Table, folder: string, options: TableOptions): Promise<Table> {
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
  const column = textOf(texts, table)
  const length = fixedLength(input)
  const most = Math.min(window, length ?? window)
  // Tokenizers that end a text belong to models that read whole ones, which foretell nothing.
  const goesOn = takesCache(inputs) || tokenizer.after.length === 0
  const foretold = goesOn && !hasLabels(table, options)
  const around = {
    before: foretold && takesCache(inputs) ? startOf(tokenizer) : tokenizer.before,
    after: tokenizer.after,
  }
  const { rows, longest, cut } = await tokenRows(table, column, { tokenizer, ...around, most })
  const filled = filledInputs(inputs).filter((name) => !table.columns.some((own) => own.name === name))
  const made = new Set([input.name, ...filled, ...(foretold ? [NEXT_TOKENS] : [])])
  const cells = (tokens: Int32Array) => {
    const own = {
      ...tokenCells(tokens, input.name, filled),
      ...(foretold ? { [NEXT_TOKENS]: nextTokenCell(tokens) } : {}),
    }
    return length === null ? own : padded(own, length, input.name, tokenizer)
  }
  const others = texts.filter(({ name }) => name !== column).map(({ name }) => name)
  return {
    ...table,
    columns: [
      ...[...made].map((name) => tokenColumn(name, length)),
      ...table.columns.filter(({ name }) => name !== column),
    ],
    ...(foretold ? { nextTokens: tokenizer.size } : {}),
    loose: [...table.loose, ...cacheFlags(inputs)],
    notes: [
      ...table.notes,
      `"${column}" is tokenized into "${input.name}" by ${tokenizer.path}: the longest of ${rows.size} rows has ${longest} tokens, ${cut === 0 ? 'none was' : cut === 1 ? '1 was' : `${cut} were`} cut to ${most}.`,
      ...(length === null
        ? []
        : [`Rows of tokens are filled up to the model's ${length} with token ${tokenizer.pad}.`]),
      ...(others.length > 0 ? [`Text in ${listNames(others)} is not fed to the model.`] : []),
    ],
    async *scan(indices, asked, skip) {
      const stored = asked.filter((name) => !made.has(name))
      const withTokens = function* (piece: readonly Row[]): Generator<Row> {
        for (const row of piece) {
          const tokens = rows.get(row.index)
          if (tokens && tokens.length > 0)
            yield { index: row.index, cells: only({ ...row.cells, ...cells(tokens) }, asked) }
          else skip({ row: `row ${row.index}`, reason: `its "${column}" has no tokens` })
        }
      }
      if (stored.length > 0) for await (const piece of table.scan(indices, stored, skip)) yield [...withTokens(piece)]
      else {
        const wanted = indices ?? [...rows.keys()]
        for (let from = 0; from < wanted.length; from += PIECE_ROWS)
          yield [...withTokens(wanted.slice(from, from + PIECE_ROWS).map((index) => ({ index, cells: {} })))]
      }
    },
    async *fingerprint() {
      yield `${JSON.stringify({ tokenize: column, most, length, ...(foretold ? { foretold: around.before } : {}) })}\n`
      yield tokenizer.fingerprint
      yield* table.fingerprint()
    },
  }
}

/** Whether a column of the table is the truth about its rows. */
const hasLabels = ({ columns }: Table, { label }: TableOptions) =>
  label !== undefined || columns.some(({ name }) => LABEL_NAMES.includes(name))

function textOf(texts: readonly TableColumn[], table: Table): string {
  const names = texts.map(({ name }) => name)
  const found = names.length === 1 ? names[0] : TEXT_NAMES.find((name) => names.includes(name))
  if (found !== undefined) return found
  throw new UserError('bad-data', `"${table.path}" has several columns of text: ${listNames(names)}.`, {
    where: table.path,
    hint: `Name the one that the model reads "text", in the file or by a dataset.json with "rename": {"${names[0]}": "text"}; name the label (--label) and slice fields (--slice).`,
  })
}

interface TokenRows {
  readonly rows: ReadonlyMap<number, Int32Array>
  /** Tokens of the longest row before any was cut. */
  readonly longest: number
  readonly cut: number
}

interface Wrapping {
  readonly tokenizer: Tokenizer
  readonly before: readonly number[]
  readonly after: readonly number[]
  readonly most: number
}

async function tokenRows(
  table: Table,
  column: string,
  { tokenizer, before, after, most }: Wrapping,
): Promise<TokenRows> {
  const rows = new Map<number, Int32Array>()
  const room = Math.max(0, most - before.length - after.length)
  let [longest, cut] = [0, 0]
  for await (const piece of table.scan(null, [column], () => {}))
    for (const { index, cells } of piece) {
      const tokens = tokenizer.encode(cells[column]!.data[0] as string)
      longest = Math.max(longest, before.length + tokens.length + after.length)
      if (tokens.length > room) cut++
      rows.set(index, Int32Array.from([...before, ...tokens.slice(0, room), ...after]))
    }
  return { rows, longest, cut }
}

const only = (cells: Row['cells'], names: readonly string[]): Row['cells'] =>
  Object.fromEntries(names.map((name) => [name, cells[name]!]))
