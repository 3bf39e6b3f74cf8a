import { readWholeFile, UserError } from '../platform/index.ts'
import type { TextValue } from './column-profile.ts'
import { didYouMean, listNames } from './list-names.ts'
import { utf8Text } from './utf8.ts'

/** One row of a list of files: the file, and whatever else is known about it. */
export type ListedFile = Readonly<Record<string, TextValue>> & { readonly file: string }

/** What a `dataset.json` says; docs/datasets.md explains each field. */
export interface DatasetFile {
  readonly kind?: 'images' | 'bytes' | 'table'
  readonly files?: readonly (string | ListedFile)[]
  readonly exclude: readonly string[]
  readonly input?: string
  readonly image?: string
  readonly preprocessing?: string | Readonly<Record<string, unknown>>
  readonly bytes: Readonly<Record<string, unknown>>
  readonly label?: string
  readonly slices?: readonly string[]
  readonly rename?: Readonly<Record<string, string>>
  readonly constants: Readonly<Record<string, unknown>>
  readonly state: Readonly<Record<string, unknown>>
  readonly domains: Readonly<Record<string, readonly [number, number]>>
  readonly classNames?: readonly string[]
}

type Check = readonly [test: (value: unknown) => boolean, want: string]

const isText = (value: unknown): value is string => typeof value === 'string'
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText)
const isRange = (value: unknown) =>
  Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) && Number(value[0]) <= Number(value[1])
const isListed = (value: unknown) => isText(value) || (isObject(value) && isText(value.file))

const CHECKS: Readonly<Record<keyof DatasetFile, Check>> = {
  kind: [(value) => ['images', 'bytes', 'table'].includes(value as string), '"images", "bytes" or "table"'],
  files: [
    (value) => isText(value) || (Array.isArray(value) && value.length > 0 && value.every(isListed)),
    'a file or pattern, or a list of files, patterns or objects with a "file"',
  ],
  exclude: [isTexts, 'a list of patterns'],
  input: [isText, "the name of the model's input"],
  image: [isText, 'the column that names image files'],
  preprocessing: [(value) => isText(value) || isObject(value), 'an object, or the name of a preprocessor_config.json'],
  bytes: [isObject, 'an object like {"begin": 1024, "end": 1024, "padding": 256}'],
  label: [isText, 'the name of a field'],
  slices: [isTexts, 'a list of names of fields'],
  rename: [(value) => isObject(value) && Object.values(value).every(isText), 'an object from old names to new'],
  constants: [isObject, 'an object from input names to values'],
  state: [(value) => isTexts(value) || isObject(value), 'a list of input names, or an object of starting values'],
  domains: [(value) => isObject(value) && Object.values(value).every(isRange), 'an object like {"x": [0, 1]}'],
  classNames: [isTexts, 'a list of names'],
}

/** Reads JSON that must be an object; syntax errors are UserErrors. */
export async function readJsonObject(file: string): Promise<Readonly<Record<string, unknown>>> {
  const text = utf8Text(await readWholeFile(file), file)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new UserError('bad-data', `"${file}" is not JSON: ${(cause as Error).message}`, {
      where: file,
      hint: 'Close what is open there: braces, brackets, quotes and commas; JSON has no comments.',
      cause,
    })
  }
  if (!isObject(value))
    throw new UserError('bad-data', `"${file}" is not a JSON object.`, {
      where: file,
      hint: `Write an object, like {"files": "*.png", "input": "x"}.${Array.isArray(value) ? ' Rows go into a .jsonl file, one object a line.' : ''}`,
    })
  return value
}

/** Reads a dataset.json; an unknown or malformed field is a UserError that names it. */
export async function readDatasetFile(file: string): Promise<DatasetFile> {
  const value = await readJsonObject(file)
  const keys = Object.keys(CHECKS)
  for (const [key, field] of Object.entries(value)) {
    if (key === '$schema' || key === 'description') continue
    const check = Object.hasOwn(CHECKS, key) ? CHECKS[key as keyof DatasetFile] : undefined
    if (!check)
      throw new UserError('bad-data', `"${key}" in "${file}" is not known.`, {
        where: file,
        hint: `It may have ${keys.map((name) => `"${name}"`).join(', ')}.${didYouMean(key, keys)}`,
      })
    if (!check[0](field))
      throw new UserError('bad-data', `"${key}" in "${file}" must be ${check[1]}.`, {
        where: file,
        hint: 'docs/datasets.md shows examples of a dataset.json.',
      })
  }
  const { files, state, ...rest } = value as Partial<DatasetFile> & { files?: unknown; state?: unknown }
  return {
    exclude: [],
    constants: {},
    domains: {},
    bytes: {},
    ...rest,
    ...(files === undefined ? {} : { files: isText(files) ? [files] : (files as readonly (string | ListedFile)[]) }),
    state: Array.isArray(state) ? Object.fromEntries(state.map((name) => [name, 0])) : ((state as object) ?? {}),
  } as DatasetFile
}

/** Refuses constants, states and domains for names that the model does not know. */
export function requireKnown(names: Iterable<string>, known: readonly string[], what: string, where: string): void {
  for (const name of names)
    if (!known.includes(name))
      throw new UserError('bad-data', `"${what}" in "${where}" names "${name}", which the model does not take.`, {
        where,
        hint: `It takes ${listNames(known)}.${didYouMean(name, known)}`,
      })
}
