import { joinPath, UserError } from '../platform/index.ts'
import type { TextValue } from './column-profile.ts'
import type { DatasetFile, ListedFile } from './dataset-file.ts'
import type { FileRow } from './file-table.ts'
import { type FoundFile, filesUnder, fixedPrefix, globPattern, isGlob } from './folder-files.ts'
import { listNames } from './list-names.ts'
import { CONFIG } from './preprocessor-config.ts'
import type { Table } from './table.ts'

/** A row of a list of files in a dataset.json. */
export function listedRow(folder: string, { file, ...values }: ListedFile): FileRow {
  return { id: file, file: joinPath(folder, file), values: values as Readonly<Record<string, TextValue>> }
}

/** A file and the folders that its pattern named outright, which are no classes. */
type PrefixedFile = FoundFile & { readonly prefix: string }

/** The files that `files` and `exclude` of a dataset.json choose; names are kept in their order, patterns sort by name. */
export async function findFiles(path: string, folder: string, file: DatasetFile): Promise<readonly PrefixedFile[]> {
  const patterns = (file.files ?? ['**/*']) as readonly string[]
  const excluded = file.exclude.map(globPattern)
  /** The files below the folder, and below those above it that a pattern begins with. */
  const listed: Record<string, readonly FoundFile[]> = {}
  const found = new Map<string, PrefixedFile>()
  for (const pattern of patterns.map((given) => (isGlob(given) ? given.replace(/^(\.\/)+/, '') : given))) {
    if (!isGlob(pattern)) {
      found.set(pattern, { id: pattern, file: joinPath(folder, pattern), prefix: '' })
      continue
    }
    const above = /^(\.\.\/)*/.exec(pattern)![0]
    listed[above] ??= await filesUnder(joinPath(folder, above), above)
    const matches = globPattern(pattern)
    const prefix = fixedPrefix(pattern)
    for (const one of listed[above])
      if (matches.test(one.id) && one.id !== 'dataset.json' && one.id !== CONFIG) found.set(one.id, { ...one, prefix })
  }
  const kept = [...found.values()].filter(({ id }) => !excluded.some((pattern) => pattern.test(id)))
  if (kept.length === 0)
    throw new UserError('bad-data', `"${path}" finds no files.`, {
      where: path,
      hint: `"files" and "exclude" are relative to "${folder}"; * stays within a folder, ** goes into all.`,
    })
  return kept
}

/** Rows whose files are named in a column of a table. */
export async function rowsOfTable(table: Table, column: string, folder: string): Promise<FileRow[]> {
  const names = table.columns.map(({ name }) => name)
  if (table.columns.find(({ name }) => name === column)?.dtype !== 'string')
    throw new UserError('bad-data', `"${table.path}" has no text column "${column}" with names of images.`, {
      where: table.path,
      hint: `It has ${listNames(names)}.`,
    })
  const rows: FileRow[] = []
  for await (const piece of table.scan(null, names, () => {}))
    for (const { cells } of piece) {
      const { [column]: file, ...rest } = Object.fromEntries(
        Object.entries(cells).map(([name, { dims, data }]) => [name, dims.length === 0 ? data[0] : data]),
      ) as Record<string, TextValue>
      rows.push({ id: String(file), file: joinPath(folder, String(file)), values: rest })
    }
  return rows
}
