import { UserError } from '../user-error.ts'

/** What stands in for the disk that a page does not have: each of these is an error that says so. */
const noDisk = (what: string, path: string): UserError =>
  new UserError('unsupported', `A page cannot ${what} ${path}.`, {
    where: path,
    hint: 'Read bytes with readBytes(blob or URL) and decodeModel; write them with encodeModel.',
  })

export type Content = Uint8Array | string | Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>

export class FileSource {
  constructor(path: string) {
    throw noDisk('open', path)
  }
}

/** External data of a model in a page: there is no folder that it could be in. */
export const resolveInside = (
  _folder: string,
  _name: string,
  _home?: string,
): { path: string } | { refused: string; missing?: true } => ({
  refused: 'cannot be reached from a page',
})
export const realFolderOf = (file: string): string => folderOf(file)

export const folderOf = (file: string): string => file.slice(0, Math.max(0, file.lastIndexOf('/')))
export const nameOf = (file: string): string => file.slice(file.lastIndexOf('/') + 1)

/** The bytes behind a URL, which is what a path is in a page. */
export function readFileBytes(path: string): Promise<Uint8Array> {
  return readBytes(path)
}

/** @throws UserError `unsupported`: there is nothing to write to. */
export function writeFilesAtomic(files: readonly (readonly [path: string, content: Content])[]): Promise<void> {
  return Promise.reject(noDisk('write', files.map(([path]) => path).join(', ')))
}

/** @throws UserError `unsupported`: a page sees no folder. */
export function listFolder(path: string): Promise<readonly { readonly name: string }[]> {
  return Promise.reject(noDisk('list', path))
}

/**
 * The bytes of a Blob (such as a file that the user chose) or of what lies at a URL.
 *
 * @throws UserError `missing-file` where the URL does not answer with them.
 */
export async function readBytes(source: Blob | string | URL): Promise<Uint8Array> {
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer())
  const url = String(source)
  const missing = (why: string, cause?: unknown) =>
    new UserError('missing-file', `${url} could not be read: ${why}`, {
      where: url,
      hint: 'Check the address, and that its server lets this page read it (CORS).',
      cause,
    })
  const response = await fetch(url).catch((error: Error) => {
    throw missing(error.message, error)
  })
  if (!response.ok) throw missing(`the server answers ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}
