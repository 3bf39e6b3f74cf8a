import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { explainSystemError, UserError, writeAtomic } from '../platform/index.ts'

/** What a pipeline needs beside the model, where it lies beside the model that was read. */
const COMPANIONS = [
  'config.json',
  'generation_config.json',
  'preprocessor_config.json',
  'processor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'vocab.txt',
  'merges.txt',
  'chat_template.jinja',
]

/** Where this file lies beside the model that was read: in its folder, or in the one above, where that is `onnx`. */
function companionOf(source: string, name: string): string | undefined {
  const beside = dirname(resolve(source))
  const places = basename(beside) === 'onnx' ? [beside, dirname(beside)] : [beside]
  return places.map((place) => join(place, name)).find((path) => existsSync(path))
}

/**
 * Copies the configuration and tokenizer that lie beside `source` into a folder.
 *
 * @returns The files written, relative to the folder.
 */
export function copyCompanions(folder: string, source: string): readonly string[] {
  const copied: string[] = []
  for (const name of COMPANIONS) {
    const from = companionOf(source, name)
    const to = join(resolve(folder), name)
    if (from === undefined || from === to) continue
    try {
      copyFileSync(from, to)
    } catch (error) {
      throw explainSystemError(error, to, 'write')
    }
    copied.push(name)
  }
  return copied
}

const KEY = 'transformers.js_config'
interface Config {
  readonly [KEY]?: { readonly use_external_data_format?: unknown }
}

/**
 * Sees, before any work is done, that the `config.json` which the folder will have can be kept in step with its files.
 *
 * @throws UserError `bad-data` for one that is no JSON object: it is not replaced, since no one knows what it was to say.
 */
export function checkConfig(folder: string, source: string): void {
  readConfig(companionOf(source, 'config.json') ?? join(folder, 'config.json'))
}

/** Null where there is none. */
function readConfig(path: string): Config | null {
  if (!existsSync(path)) return null
  const wrong = (what: string, cause?: unknown) =>
    new UserError('bad-data', `${path} is ${what}`, {
      where: path,
      hint: 'the loader reads it as a JSON object: mend it, or take it away',
      cause,
    })
  let config: unknown
  try {
    config = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw error instanceof SyntaxError
      ? wrong(`not JSON: ${error.message}`, error)
      : explainSystemError(error, path, 'read')
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config)) throw wrong('no JSON object')
  return config
}

/**
 * Puts into the `config.json` of a folder which of its files have weights in others: it is from there, and not from the
 * model, that the loader knows what to fetch, and it refuses a folder where a file is missing that is spoken of.
 *
 * @returns Whether it had said something else.
 */
export async function tellExternalData(folder: string): Promise<boolean> {
  const path = join(folder, 'config.json')
  const names = readdirSync(join(folder, 'onnx'))
  const found = names
    .filter((name) => /\.onnx$/.test(name))
    .map((name) => [name, names.filter((other) => other.startsWith(`${name}_data`)).length] as const)
    .filter(([, chunks]) => chunks > 0)
  const config = readConfig(path)
  const { use_external_data_format: said, ...others } = config?.[KEY] ?? {}
  if (!said && found.length === 0) return false
  const truth = found.length > 0 ? { use_external_data_format: Object.fromEntries(found) } : {}
  await writeAtomic(path, `${JSON.stringify({ ...config, [KEY]: { ...others, ...truth } }, null, 2)}\n`)
  return true
}
