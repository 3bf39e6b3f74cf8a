import { pathKind, UserError } from '../platform/index.ts'
import { type InputWish, LABEL_NAMES } from './assign-roles.ts'
import { openCsv } from './csv-table.ts'
import type { Dataset } from './dataset.ts'
import { openJsonl } from './jsonl-table.ts'
import { openNpz } from './npz-table.ts'
import { packColumns } from './pack-columns.ts'
import { openParquet } from './parquet-table.ts'
import type { Table } from './table.ts'
import { tableDataset } from './table-dataset.ts'

export interface OpenDatasetOptions {
  /** What the model takes; with it, fields are matched, checked and cast. */
  readonly inputs?: readonly InputWish[]
  /** The field that holds the truth; `labels` or `label` where not given. */
  readonly label?: string
  /** Fields whose values name groups of rows. */
  readonly slices?: readonly string[]
  /** Class names by label number; text labels become their number, others must lie in range. */
  readonly classNames?: readonly string[]
}

/**
 * Opens a file or folder of rows. Nothing is held: rows stream when they are read.
 *
 * @throws UserError for a path that is missing or of an unknown kind, a damaged file, and fields that do not fit
 *   `options.inputs`.
 */
export async function openDataset(path: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  if ((await pathKind(path)) === 'folder') throw new UserError('unsupported', `"${path}" is a folder.`, { where: path })
  return tableDataset(await openTable(path, options), options)
}

const FORMATS: Readonly<Record<string, (path: string, options: OpenDatasetOptions) => Promise<Table>>> = {
  npz: (path, options) => openNpz(path, rowCountFor(options)),
  jsonl: openJsonl,
  ndjson: openJsonl,
  csv: async (path, options) => packColumns(await openCsv(path), options),
  tsv: async (path, options) => packColumns(await openCsv(path), options),
  parquet: async (path, options) => packColumns(await openParquet(path), options),
}

/** Whether a file's ending is that of a table of rows. */
export function isTableFile(path: string): boolean {
  return (/\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase() ?? '') in FORMATS
}

/** The table in a file, by its ending. */
export async function openTable(path: string, options: OpenDatasetOptions): Promise<Table> {
  const ending = /\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase() ?? ''
  const open = FORMATS[ending]
  if (open) return open(path, options)
  throw new UserError('unsupported', `"${path}" is no kind of data that can be read.`, {
    where: path,
    hint: 'Data is a .npz, .jsonl, .csv or .parquet file, a folder of images, or a folder with a dataset.json.',
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
