import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { explainSystemError, shellWord, UserError } from '../../platform/index.ts'
import { isModelName, type ModelSource } from './source.ts'

type Found = ReadonlyMap<string, ReadonlyMap<string, string>>

/** One `.onnx` file, served under its own name as version 1. */
export function fileSource(path: string): ModelSource {
  const name = modelName(basename(path).replace(ONNX, ''))
  return sourceOver(path, async () => new Map([[name, new Map([['1', path]])]]))
}

/**
 * A folder of models: `NAME.onnx`, `NAME/model.onnx`, or `NAME/VERSION/model.onnx` with whole numbers as versions. A
 * folder that itself holds a `model.onnx` (as `whet optimize` writes), or nothing but versions, is one model under the
 * folder's name. The folder is looked at anew at every load.
 */
export function folderSource(path: string): ModelSource {
  return { ...sourceOver(path, () => scan(path)), passedOver: () => passedOver(path) }
}

function sourceOver(path: string, lookAnew: () => Promise<Found>): ModelSource {
  let last: Found = new Map()
  const look = async () => {
    last = await lookAnew()
    return last
  }
  return {
    description: path,
    async list() {
      const found = await look()
      return [...found].map(([name, versions]) => ({ name, versions: [...versions.keys()] }))
    },
    async find(name, version) {
      const versions = (await look()).get(name)
      const wanted = version ?? [...(versions?.keys() ?? [])].at(-1)
      const file = wanted === undefined ? undefined : versions?.get(wanted)
      return file === undefined ? null : { model: name, version: wanted!, path: file }
    },
    comparison(name, ...versions) {
      const files = versions.map((version) => resolve(last.get(name)?.get(version) ?? version))
      return `whet compare ${files.map(shellWord).join(' ')} --data YOUR_ROWS`
    },
  }
}

async function scan(path: string): Promise<Found> {
  let entries: string[]
  try {
    entries = (await readdir(path)).filter((name) => !name.startsWith('.')).sort()
  } catch (error) {
    throw explainSystemError(error, path, 'read')
  }
  const found = new Map<string, ReadonlyMap<string, string>>()
  for (const entry of entries) {
    const inside = join(path, entry)
    if (ONNX.test(entry)) {
      const name = entry === MODEL ? modelName(basename(resolve(path))) : entry.replace(ONNX, '')
      if (isModelName(name)) found.set(name, new Map([['1', inside]]))
    } else if (isModelName(entry)) {
      const versions = await versionsIn(inside)
      if (versions.size > 0) found.set(entry, versions)
    }
  }
  const isVersion = (entry: string) => VERSION.test(entry) && found.get(entry)?.get('1') === join(path, entry, MODEL)
  if (found.size === 0 || ![...found.keys()].every(isVersion)) return found
  return new Map([[modelName(basename(resolve(path))), await versionsIn(path)]])
}

/**
 * What lies there and is not used: the `.onnx` files that no name leads to, of the folder and of those folders right in
 * it that offer nothing; and settings of another server (Triton's `config.pbtxt`), of the folder and of each in it.
 */
async function passedOver(path: string): Promise<readonly { readonly file: string; readonly hint: string }[]> {
  const offered = [...(await scan(path)).values()].flatMap((versions) => [...versions.values()])
  const offers = (folder: string) => offered.some((file) => file.startsWith(join(path, folder, sep)))
  const entries = (await readdir(path)).filter((name) => !name.startsWith('.')).sort()
  // Beside a model of its own, as where `whet optimize` wrote, folders hold what belongs to it.
  const folders = entries.includes(MODEL) ? [] : entries.filter((name) => !ONNX.test(name) && !offers(name))
  const inside = await Promise.all(
    folders.map(async (name) => (await readdir(join(path, name)).catch(() => [])).map((file) => join(name, file))),
  )
  const settings = ['.', ...entries.filter((name) => !ONNX.test(name))].map((name) => join(path, name, SETTINGS))
  const unread = (await Promise.all(settings.map(async (file) => ((await isFile(file)) ? [file] : [])))).flat()
  const lost = [...entries, ...inside.flat()].flatMap((file) => {
    const whole = join(path, file)
    if (!ONNX.test(file) || offered.includes(whole)) return []
    const folder = dirname(file)
    const name = folder === '.' ? file.replace(ONNX, '') : folder
    if (!isModelName(name)) return [{ file: whole, hint: LETTERS }]
    const taken = basename(file) === MODEL || folder === '.'
    return [
      { file: whole, hint: taken ? `there is another model called ${name}: rename one` : `call the file ${MODEL}` },
    ]
  })
  return [...lost, ...unread.map((file) => ({ file, hint: NOT_READ }))]
}

/** Name of the file of a model in a folder of its own. */
const MODEL = 'model.onnx'

/** What Triton keeps a model's settings in. */
const SETTINGS = 'config.pbtxt'
const NOT_READ =
  'settings are not read from it, such as version_policy: the newest version answers until another is loaded, the rest is measured or said by options (whet serve --help)'

const ONNX = /\.onnx$/i
const LETTERS = 'use letters, digits, "_", "-" and "." in the name of the file or folder'

/** Names of the folders of a model's versions. */
const VERSION = /^[1-9]\d{0,8}$/

async function versionsIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const versions = new Map<string, string>()
  const entries = await readdir(folder).catch(() => [] as string[])
  const numbers = entries.filter((name) => VERSION.test(name)).sort((a, b) => Number(a) - Number(b))
  for (const number of numbers) {
    const file = join(folder, number, MODEL)
    if (await isFile(file)) versions.set(number, file)
  }
  if (versions.size === 0 && (await isFile(join(folder, MODEL)))) versions.set('1', join(folder, MODEL))
  return versions
}

const isFile = (path: string) =>
  stat(path).then(
    (info) => info.isFile(),
    () => false,
  )

function modelName(name: string): string {
  if (isModelName(name)) return name
  throw new UserError('bad-argument', `"${name}" cannot be the name of a model in an address`, {
    where: name,
    hint: LETTERS,
  })
}
