import { UserError } from '../platform/index.ts'
import type { FileRow } from './file-table.ts'
import type { FoundFile } from './folder-files.ts'
import { didYouMean, listNames } from './list-names.ts'

/** Files in folders of one class each, as rows. */
export interface ClassedFiles {
  readonly rows: readonly FileRow[]
  readonly classNames?: readonly string[]
  readonly notes: readonly string[]
}

/** A file, and the folders that a pattern named outright: those are no classes. */
type PlacedFile = FoundFile & { readonly prefix?: string }

const behindPrefix = ({ id, prefix = '' }: PlacedFile): string => (id.startsWith(prefix) ? id.slice(prefix.length) : id)

/**
 * Labels from folders: where every file lies in a sub-folder, the first one is its class. Classes are numbered in the
 * order of `classNames`; without, in the order of their names by code unit, or by value where all are whole numbers
 * (so that 10 does not stand between 1 and 2). Files that lie loose make a set without labels; where both are found,
 * the loose ones are left out with a note.
 *
 * @throws UserError `bad-data` for a folder that is none of `classNames`.
 */
export function classFolders(
  files: readonly PlacedFile[],
  classNames: readonly string[] | undefined,
  where: string,
): ClassedFiles {
  const folderOf = (file: PlacedFile) => {
    const rest = behindPrefix(file)
    return rest.includes('/') ? rest.slice(0, rest.indexOf('/')) : null
  }
  const folders = [...new Set(files.map(folderOf))].filter((folder) => folder !== null)
  if (folders.length === 0) return { rows: files.map(({ id, file }) => ({ id, file, values: {} })), notes: [] }
  const numeric = folders.every((folder) => /^\d+$/.test(folder))
  const sorted = folders.sort(numeric ? (a, b) => Number(a) - Number(b) : (a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const names = classNames ?? sorted
  const unknown = sorted.find((folder) => !names.includes(folder))
  if (unknown !== undefined)
    throw new UserError('bad-data', `The folder "${unknown}" in "${where}" is none of the ${names.length} classes.`, {
      where,
      hint: `Classes are ${listNames(names)}.${didYouMean(unknown, names)} Leave folders out with "exclude" in a dataset.json.`,
    })
  const rows: FileRow[] = []
  let loose = 0
  for (const found of files) {
    const folder = folderOf(found)
    if (folder === null) loose++
    else rows.push({ id: found.id, file: found.file, values: { label: names.indexOf(folder) } })
  }
  const notes = classNames
    ? []
    : [
        ...deeperClasses(files, folders),
        `Labels are numbered by ${numeric ? 'the number of the folder' : 'folder name'}: ${listNames(sorted.map((name, i) => `${i} ${name}`))}.`,
      ]
  if (loose > 0) notes.push(`${loose} files beside the class folders in "${where}" are left out.`)
  return { rows, classNames: names, notes }
}

/** Folders that hold the same folders, as `train` and `val` do, are hardly the classes. */
function deeperClasses(files: readonly PlacedFile[], folders: readonly string[]): readonly string[] {
  if (folders.length < 2) return []
  const inside = new Map(folders.map((folder) => [folder, new Set<string>()]))
  for (const placed of files) {
    const [folder, below, file] = behindPrefix(placed).split('/')
    // A picture that lies in its class, or loose.
    if (file === undefined) return []
    inside.get(folder!)?.add(below!)
  }
  const [first, ...others] = [...inside.values()].map((names) => listNames([...names].sort()))
  if (others.some((names) => names !== first)) return []
  return [
    `The folders ${listNames(folders)} were taken for classes, but each of them holds ${first}. If these are the classes, name one of the outer folders as the data.`,
  ]
}
