import { LABEL_NAMES } from './assign-roles.ts'
import { findTokenizer, noTokenizer } from './find-tokenizer.ts'
import { joinTexts, type TokenRow } from './join-texts.ts'
import { listNames } from './list-names.ts'
import type { OpenDatasetOptions } from './open-table.ts'
import { notTaken, numberedColumns } from './pack-columns.ts'
import type { Row, Table } from './table.ts'
import { textColumns } from './text-columns.ts'
import { NEXT_TOKENS, type TextTask, taskNotes, taskRow, textTask } from './text-task.ts'
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
 * Turns a column of text, or two whose texts go together, into the inputs of a model that reads tokens. A table that has
 * the tokens already is left as it is. Each text or pair becomes one row with the tokens that the tokenizer puts around it,
 * cut at the end to the longest row allowed. A model of a fixed length gets rows of that length, filled up with the padding
 * token, which `attention_mask` masks. Where the table has no labels, tokens become the labels (see `Tokenizing.task`).
 * Tokens are held in memory, 4 bytes each.
 *
 * @throws UserError where it is unclear which column is the text, and where there is no tokenizer.
 */
export async function tokenizeColumn(table: Table, folder: string, options: OpenDatasetOptions): Promise<Table> {
  const how = await tokenizing(table, folder, options)
  if (!how) return table
  const { texts, input, filled, length, task, tokenizer } = how
  const read = await tokenRows(table, how)
  const made = new Set([input, ...filled, ...(task ? [NEXT_TOKENS] : [])])
  return {
    ...table,
    columns: [
      ...[...made].map((name) => tokenColumn(name, length)),
      ...table.columns.filter(({ name }) => !texts.includes(name)),
    ],
    ...(task ? { nextTokens: tokenizer.size } : {}),
    loose: [...table.loose, ...cacheFlags(options.inputs ?? [])],
    notes: [...table.notes, ...notesOn(how, read)],
    async *scan(indices, names, skip) {
      const stored = names.filter((name) => !made.has(name))
      for await (const piece of stored.length > 0
        ? table.scan(indices, stored, skip)
        : bare(indices ?? [...read.rows.keys()])) {
        const whole: Row[] = []
        for (const { index, cells: own } of piece) {
          const row = read.rows.get(index)
          const cells = row ? cellsOf(row, index, how) : null
          if (cells) whole.push({ index, cells: only({ ...own, ...cells }, names) })
          else
            skip({
              row: `row ${index}`,
              reason: `its ${shown(how)} has ${row?.tokens.length ? 'too few' : 'no'} tokens`,
            })
        }
        yield whole
      }
    },
    async *fingerprint() {
      yield `${fingerprintOf(how)}\n`
      yield tokenizer.fingerprint
      yield* table.fingerprint()
    },
  }
}

/** How the texts of a table become the inputs of a model. */
interface Tokenizing {
  /** The columns that hold the text, or the two texts of a pair. */
  readonly texts: readonly string[]
  /** Other columns of text, which feed nothing. */
  readonly others: readonly string[]
  /** The input that takes the tokens. */
  readonly input: string
  /** Inputs that follow from the number of tokens. */
  readonly filled: readonly string[]
  readonly tokenizer: Tokenizer
  /** What stands before the tokens of a single text. */
  readonly before: readonly number[]
  /** Tokens of every row where the model fixes how many it reads; null where it does not. */
  readonly length: number | null
  /** Tokens of the longest row allowed. */
  readonly most: number
  /** Which tokens become labels; null where none do, because the table has labels or the model foretells nothing. */
  readonly task: TextTask | null
}

/** Null where the table stays as it is. */
async function tokenizing(table: Table, folder: string, options: OpenDatasetOptions): Promise<Tokenizing | null> {
  const inputs = options.inputs ?? []
  const input = tokenInputOf(inputs)
  if (!input || [...table.columns, ...table.loose].some(({ name }) => name === input.name)) return null
  const free = notTaken(table, options)
  const strings = free.filter(({ dtype, rowShape }) => dtype === 'string' && rowShape.length === 0)
  if (strings.length === 0 || numberedColumns(table, input).length > 0) return null
  const { tokenizer: named, folders = [], window = DEFAULT_WINDOW } = options.text ?? {}
  const places = [folder, ...folders]
  const tokenizer = await findTokenizer(named, places)
  if (!tokenizer) {
    // The tokens of a model that takes nothing else may stand in columns of numbers.
    if (inputs.length === 1 && free.length > strings.length) return null
    throw noTokenizer(places)
  }
  const texts = textColumns(strings, table)
  const length = fixedLength(input)
  const cached = takesCache(inputs)
  const asked = textTask(options.outputs, tokenizer, { cached, fixed: length !== null })
  // Tokenizers that end a text belong to models that read whole texts, which do not foretell the next token.
  const foretells = cached || tokenizer.after.length === 0 || asked !== 'next'
  const task = foretells && !hasLabels(table, options) ? asked : null
  return {
    texts,
    others: strings.map(({ name }) => name).filter((name) => !texts.includes(name)),
    input: input.name,
    filled: filledInputs(inputs).filter((name) => !table.columns.some((own) => own.name === name)),
    tokenizer,
    before: task && cached ? startOf(tokenizer) : tokenizer.before,
    length,
    most: Math.min(window, length ?? window),
    task,
  }
}

/** Cells of a row; null where it has too few tokens for what is asked of it. */
function cellsOf({ tokens, segments }: TokenRow, seed: number, how: Tokenizing): Row['cells'] | null {
  const { input, filled, tokenizer, length, task } = how
  if (tokens.length === 0) return null
  const posed = task ? taskRow(tokens, task, { tokenizer, seed }) : { tokens }
  if (!posed) return null
  const own = {
    ...tokenCells(posed.tokens, input, filled, segments?.slice(0, posed.tokens.length)),
    ...('labels' in posed ? { [NEXT_TOKENS]: posed.labels } : {}),
  }
  return length === null ? own : padded(own, length, input, tokenizer)
}

const shown = ({ texts }: Tokenizing) => texts.map((name) => `"${name}"`).join(' with ')

function notesOn(how: Tokenizing, { rows, longest, cut }: TokenRows): readonly string[] {
  const { input, tokenizer, most, length, task, others } = how
  const wasCut = cut === 0 ? 'none was' : cut === 1 ? '1 was' : `${cut} were`
  return [
    `${shown(how)} is tokenized into "${input}" by ${tokenizer.path}: the longest of ${rows.size} rows has ${longest} tokens, ${wasCut} cut to ${most}.`,
    ...(length === null ? [] : [`Rows of tokens are filled up to the model's ${length} with token ${tokenizer.pad}.`]),
    ...(task ? taskNotes(task) : []),
    ...(others.length > 0 ? [`Text in ${listNames(others)} is not fed to the model.`] : []),
  ]
}

/** Everything but the tokenizer's own file that decides the tokens. */
const fingerprintOf = ({ texts, most, length, before, task }: Tokenizing) =>
  JSON.stringify({
    tokenize: texts.length === 1 ? texts[0] : texts,
    most,
    length,
    ...(task ? { foretold: before } : {}),
    ...(task && task !== 'next' ? { task } : {}),
  })

/** Rows for which no column of the table has to be read, a piece at a time. */
function* bare(indices: readonly number[]): Generator<readonly Row[]> {
  for (let from = 0; from < indices.length; from += PIECE_ROWS)
    yield indices.slice(from, from + PIECE_ROWS).map((index) => ({ index, cells: {} }))
}

const hasLabels = ({ columns }: Table, { label }: OpenDatasetOptions) =>
  label !== undefined || columns.some(({ name }) => LABEL_NAMES.includes(name))

interface TokenRows {
  readonly rows: ReadonlyMap<number, TokenRow>
  /** Tokens of the longest row before any was cut. */
  readonly longest: number
  readonly cut: number
}

async function tokenRows(table: Table, { texts, tokenizer, before, most }: Tokenizing): Promise<TokenRows> {
  const rows = new Map<number, TokenRow>()
  const frame =
    texts.length > 1
      ? tokenizer.pair
      : [...before, 'first' as const, ...tokenizer.after].map((part) => ({ part, segment: 0 }))
  const join = joinTexts(frame, most, tokenizer)
  let [longest, cut] = [0, 0]
  for await (const piece of table.scan(null, texts, () => {}))
    for (const { index, cells } of piece) {
      const [first, second = []] = texts.map((name) => tokenizer.encode(cells[name]!.data[0] as string))
      const row = join(first!, second)
      longest = Math.max(longest, row.whole)
      if (row.tokens.length < row.whole) cut++
      rows.set(index, row)
    }
  return { rows, longest, cut }
}

const only = (cells: Row['cells'], names: readonly string[]): Row['cells'] =>
  Object.fromEntries(names.map((name) => [name, cells[name]!]))
