import { UserError } from '../platform/index.ts'
import { type InputWish, LABEL_NAMES } from './assign-roles.ts'
import { openNpz } from './npz-table.ts'
import type { Table } from './table.ts'
import type { TextChoice } from './tokenizer.ts'

export interface OpenDatasetOptions {
  /** What the model takes; with it, fields are matched, checked and cast. */
  readonly inputs?: readonly InputWish[] | undefined
  /** What the model gives, by which a text is asked what the model does: next tokens, the last one, or hidden ones. */
  readonly outputs?: readonly InputWish[] | undefined
  /** The field that holds the truth; `labels` or `label` where not given. */
  readonly label?: string | undefined
  /** Fields whose values name groups of rows. */
  readonly slices?: readonly string[] | undefined
  /** Class names by label number; text labels become their number, others must lie in range. */
  readonly classNames?: readonly string[] | undefined
  /**
   * For text (`.txt`, or a column of a table): the file of the tokenizer (else one beside the data or in `folders` is
   * taken), and the most tokens of a row (256).
   */
  readonly text?: TextChoice | undefined
}

type Opening = (path: string, options: OpenDatasetOptions) => Promise<Table>

// Loaded when asked for, as what reads Parquet, which is fifty files.
const jsonl: Opening = async (path) => (await import('./jsonl-table.ts')).openJsonl(path)
const csv: Opening = async (path, options) => (await import('./csv-table.ts')).openCsv(path, options)

const FORMATS: Readonly<Record<string, Opening>> = {
  npz: (path, options) => openNpz(path, rowCountFor(options)),
  jsonl,
  ndjson: jsonl,
  csv,
  tsv: csv,
  parquet: async (path) => (await import('./parquet-table.ts')).openParquet(path),
}

const UNPACK = 'Unpack it first.'
const SHEET = 'Save the sheet as CSV (UTF-8).'
const SOUND =
  'Sound is not decoded: write the samples, cut to one length, as an array named like the model\'s input: numpy.savez("rows.npz", x=samples, labels=classes).'
/** What to do with files that often hold data, by their ending. */
const CONVERSIONS: Readonly<Record<string, string>> = {
  gz: UNPACK,
  zip: UNPACK,
  tar: UNPACK,
  xlsx: SHEET,
  xls: SHEET,
  ods: SHEET,
  npy: 'Name its array: numpy.savez("rows.npz", x=numpy.load("rows.npy")), where x is the input of the model.',
  safetensors:
    'Write its tensors as arrays: numpy.savez("rows.npz", **safetensors.numpy.load_file("rows.safetensors")), named like the inputs of the model.',
  feather: 'Write it as Parquet: pandas.read_feather("rows.feather").to_parquet("rows.parquet").',
  wav: SOUND,
  flac: SOUND,
  mp3: SOUND,
  ogg: SOUND,
}

const endingOf = (path: string) => /\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase() ?? ''

/** What to do with a file that cannot be read as it is; undefined where nothing is known of its ending. */
export const conversionOf = (path: string): string | undefined => CONVERSIONS[endingOf(path)]

/** Whether a file's ending is that of a table of rows. */
export function isTableFile(path: string): boolean {
  return endingOf(path) in FORMATS
}

/** The table in a file, by its ending unless its `format` is known; `options` only decide what counts as a row of an `.npz`. */
export async function openTable(path: string, options: OpenDatasetOptions, format = endingOf(path)): Promise<Table> {
  const open = FORMATS[format]
  if (!open)
    throw new UserError('unsupported', `"${path}" is no kind of data that can be read.`, {
      where: path,
      hint: `${conversionOf(path) ?? ''} Data is a .npz, .jsonl, .csv, .parquet or .txt file, a folder of images, or a folder with a dataset.json.`.trim(),
    })
  const table = await open(path, options)
  if (table.rows > 0) return table
  throw new UserError('bad-data', `"${path}" has no rows.`, {
    where: path,
    hint: 'It needs at least one; axis 0 of every array is the row.',
  })
}

/**
 * Which axis-0 length is the number of rows: that of the label; else the most common among the model's inputs, among
 * arrays of two or more dimensions, or among all; the longer one where two are as common.
 */
function rowCountFor(options: OpenDatasetOptions) {
  return (arrays: readonly { name: string; dims: readonly number[] }[]): number => {
    const withRows = arrays.filter(({ dims }) => dims.length > 0)
    const isInput = (name: string) => options.inputs?.some((input) => input.name === name) ?? false
    const groups = [
      withRows.filter(({ name }) => isInput(name)),
      withRows.filter(({ dims }) => dims.length > 1),
      withRows,
    ]
    const group = groups.find((candidates) => candidates.length > 0) ?? []
    const lengths = group.map(({ dims }) => dims[0]!)
    const label = withRows.find(({ name }) =>
      options.label === undefined ? LABEL_NAMES.slice(0, 2).includes(name) && !isInput(name) : name === options.label,
    )
    if (label && lengths.includes(label.dims[0]!)) return label.dims[0]!
    const count = (length: number) => lengths.filter((other) => other === length).length
    return [...lengths].sort((a, b) => count(b) - count(a) || b - a)[0] ?? 0
  }
}
