import { folderOf, joinPath, listFolder, UserError } from '../platform/index.ts'
import type { InputWish } from './assign-roles.ts'
import { type ByteWindow, byteWindow, MAGIKA_WINDOW } from './byte-window.ts'
import { type ClassedFiles, classFolders } from './class-folders.ts'
import { concatTables } from './concat-tables.ts'
import { constantsOf } from './constants.ts'
import type { Dataset } from './dataset.ts'
import { type DatasetFile, type ListedFile, readDatasetFile, readJsonObject, requireKnown } from './dataset-file.ts'
import { fileTable } from './file-table.ts'
import { fitColumns } from './fit-columns.ts'
import { type FoundFile, filesUnder } from './folder-files.ts'
import { imageInput, imageTable, isImageFile, requirePixels } from './image-table.ts'
import { listNames } from './list-names.ts'
import { conversionOf, isTableFile, type OpenDatasetOptions, openTable } from './open-table.ts'
import { renameColumns } from './pack-columns.ts'
import { parsePreprocessing } from './parse-preprocessing.ts'
import { inferPreprocessing, KEEP_AS_IS, type Preprocessing, pixelDomain, pixelRanges } from './preprocessing.ts'
import { CONFIG, fromPreprocessorConfig } from './preprocessor-config.ts'
import { findFiles, listedRow, rowsOfTable } from './row-files.ts'
import type { Table } from './table.ts'
import { tableDataset } from './table-dataset.ts'

/** Opens a folder: what its dataset.json says, or its images. */
export async function openFolder(folder: string, options: OpenDatasetOptions): Promise<Dataset> {
  const names = (await listFolder(folder)).map(({ name }) => name)
  if (names.includes('dataset.json')) return openDatasetFile(joinPath(folder, 'dataset.json'), options)
  const found = await filesUnder(folder)
  const files = found.filter(({ id }) => isImageFile(id))
  if (files.length === 0) {
    const tables = names.filter(isTableFile)
    throw new UserError('bad-data', `The folder "${folder}" holds no images and no dataset.json.`, {
      where: folder,
      hint:
        tables.length > 0
          ? `Name the file itself, for example ${joinPath(folder, tables[0]!)}.`
          : `It holds ${listNames(names)}. ${conversionOf(found[0]?.id ?? '') ?? 'Put images into it (one sub-folder a class), or write a dataset.json.'}`,
    })
  }
  const classed = classFolders(files, options.classNames, folder)
  const notes = [...classed.notes, ...otherFiles(found)]
  const file: DatasetFile = { exclude: [], constants: {}, state: {}, domains: {}, bytes: {} }
  const preprocessing = names.includes(CONFIG) ? { preprocessing: CONFIG } : {}
  return openImages(folder, folder, { ...classed, notes }, { ...file, ...preprocessing }, options)
}

/** Names the files in a folder of images that are none and might be meant as rows or labels. */
function otherFiles(found: readonly FoundFile[]): readonly string[] {
  const others = found.filter(
    ({ id }) => !isImageFile(id) && id !== CONFIG && !/(^|\/)(readme|licen[cs]e)[^/]*$/i.test(id),
  )
  if (others.length === 0) return []
  const shown = listNames(others.slice(0, 3).map(({ id }) => id))
  const many = others.length === 1 ? '1 other file is' : `${others.length} other files are`
  return [`${many} left out, since only images are rows here: ${shown}${others.length > 3 ? ', …' : ''}.`]
}

/** Opens what a dataset.json describes; paths in it are relative to its folder. */
export async function openDatasetFile(path: string, given: OpenDatasetOptions): Promise<Dataset> {
  const file = await readDatasetFile(path)
  const folder = folderOf(path)
  const label = given.label ?? file.label
  const slices = given.slices ?? file.slices
  const classNames = given.classNames ?? file.classNames
  const options: OpenDatasetOptions = { ...given, label, slices, classNames }
  if (given.inputs) {
    const names = given.inputs.map(({ name }) => name)
    requireKnown(Object.keys(file.constants), names, 'constants', path)
    requireKnown(Object.keys(file.state), names, 'state', path)
    requireKnown(Object.keys(file.domains), names, 'domains', path)
  }
  const listed = file.files?.filter((entry): entry is ListedFile => typeof entry !== 'string')
  if (listed && listed.length > 0 && listed.length < file.files!.length)
    throw new UserError('bad-data', `"files" in "${path}" mixes names and objects.`, {
      where: path,
      hint: 'Write all entries as names, or all as objects with a "file".',
    })
  if (listed && listed.length > 0)
    return openFiles(path, folder, { rows: listed.map((entry) => listedRow(folder, entry)), notes: [] }, file, options)
  const found = await findFiles(path, folder, file)
  const tables = found.filter(({ id }) => isTableFile(id))
  const wantsTable =
    file.kind === 'table' || (file.kind === undefined && tables.length > 0 && !found.some(({ id }) => isImageFile(id)))
  if (wantsTable || file.image !== undefined) return openTables(path, folder, tables, file, options)
  const wanted = file.kind === 'bytes' ? found : found.filter(({ id }) => isImageFile(id))
  if (wanted.length === 0)
    throw new UserError('bad-data', `"${path}" finds no ${file.kind === 'bytes' ? 'files' : 'images'}.`, {
      where: path,
      hint: `"files" and "exclude" are relative to "${folder}"; * stays within a folder, ** goes into all.`,
    })
  return openFiles(path, folder, classFolders(wanted, classNames, folder), file, options)
}

async function openTables(
  path: string,
  folder: string,
  found: readonly FoundFile[],
  file: DatasetFile,
  options: OpenDatasetOptions,
): Promise<Dataset> {
  if (found.length === 0)
    throw new UserError('bad-data', `"${path}" finds no table (.npz, .jsonl, .csv, .parquet).`, {
      where: path,
      hint: 'Name the tables in "files"; patterns start at the folder of the dataset.json.',
    })
  // Names are looked up before renaming where the file decides what is a row.
  const back = new Map(Object.entries(file.rename ?? {}).map(([from, to]) => [to, from]))
  const original = (name: string) => back.get(name) ?? name
  const early: OpenDatasetOptions = {
    inputs: options.inputs?.map((input) => ({ ...input, name: original(input.name) })),
    label: options.label && original(options.label),
  }
  const tables: Table[] = []
  for (const one of found) tables.push(await openTable(one.file, early))
  const table = concatTables(tables.length === 1 ? path : folder, tables)
  if (file.image !== undefined)
    return openFiles(path, folder, { rows: await rowsOfTable(table, file.image, folder), notes: [] }, file, options)
  const renamed = file.rename ? renameColumns(table, file.rename) : table
  const constants = constantsOf(file, options.inputs, path)
  const free = options.inputs?.filter(({ name }) => !(name in constants))
  return tableDataset(await fitColumns(renamed, folder, { ...options, inputs: free }), {
    ...options,
    constants,
    domains: file.domains,
    notes: unusedByTables(file).map(
      (key) => `"${key}" in "${path}" is for images and files: rows of a table go into the model as they are.`,
    ),
  })
}

/** What a dataset.json says about files of one row each, which tables have no use for. */
const unusedByTables = (file: DatasetFile): string[] => [
  ...(['preprocessing', 'input'] as const).filter((key) => file[key] !== undefined),
  ...(Object.keys(file.bytes).length > 0 ? ['bytes'] : []),
]

async function openFiles(
  path: string,
  folder: string,
  classed: ClassedFiles,
  file: DatasetFile,
  options: OpenDatasetOptions,
): Promise<Dataset> {
  if (file.kind !== 'bytes') return openImages(path, folder, classed, file, options)
  const window = byteWindowOf(file, path)
  const input = file.input ?? freeInputs(options.inputs, file)?.[0]?.name ?? 'bytes'
  const { rows, classNames, notes } = classed
  const table = fileTable({
    path,
    rows,
    input: { name: input, dtype: 'int32', rowShape: [window.begin + window.end] },
    decode: (bytes) => byteWindow(bytes, window),
    options: window,
    classNames,
    notes,
  })
  return tableDataset(table, {
    ...options,
    constants: constantsOf(file, options.inputs, path),
    domains: file.domains,
  })
}

/** The inputs that rows are for: the data set gives neither a constant nor a starting state. */
const freeInputs = (inputs: readonly InputWish[] | undefined, file: DatasetFile) =>
  inputs?.filter(({ name }) => !(name in file.constants) && !(name in file.state))

function byteWindowOf(file: DatasetFile, path: string): ByteWindow {
  const window = { ...MAGIKA_WINDOW, ...file.bytes }
  for (const [key, value] of Object.entries(window))
    if (
      !(key in MAGIKA_WINDOW) ||
      (key === 'strip' ? typeof value !== 'boolean' : !Number.isInteger(value) || (value as number) < 0)
    )
      throw new UserError('bad-data', `"bytes.${key}" in "${path}" cannot be understood.`, {
        where: path,
        hint: `It may have whole numbers ${listNames(['begin', 'end', 'padding', 'block'])} and true or false for "strip".`,
      })
  return window
}

async function openImages(
  path: string,
  folder: string,
  classed: ClassedFiles,
  file: DatasetFile,
  options: OpenDatasetOptions,
): Promise<Dataset> {
  const input = imageInput(freeInputs(options.inputs, file), file.input, path)
  if (input) requirePixels(input, folder)
  const { spec, notes } = await preprocessingOf(file, folder, path, input)
  const name = input?.name ?? file.input ?? 'image'
  const { rows, classNames } = classed
  const table = imageTable(path, rows, name, spec, {
    ...(classNames ? { classNames } : {}),
    notes: [...classed.notes, ...notes],
  })
  return tableDataset(table, {
    ...options,
    constants: constantsOf(file, options.inputs, path),
    domains: { [name]: pixelDomain(spec), ...file.domains },
    pixels: { [name]: pixelRanges(spec) },
  })
}

async function preprocessingOf(
  file: DatasetFile,
  folder: string,
  path: string,
  input: InputWish | undefined,
): Promise<{ spec: Preprocessing; notes: readonly string[] }> {
  const inferred = inferPreprocessing(input)
  const given = file.preprocessing
  if (given === undefined) return { spec: inferred.spec, notes: [inferred.note] }
  const base = input ? inferred.spec : KEEP_AS_IS
  if (typeof given !== 'string') return { spec: parsePreprocessing(given, base, path), notes: [] }
  const config = joinPath(folder, given)
  return fromPreprocessorConfig(await readJsonObject(config), base, config)
}
