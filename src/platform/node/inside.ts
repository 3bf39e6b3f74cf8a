import { lstatSync, realpathSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'

/** A path, or why it may not be read; `missing` where there is nothing of that name. */
type Inside = { readonly path: string } | { readonly refused: string; readonly missing?: true }

/**
 * A file named by an untrusted relative path, if it is an ordinary file inside `folder`: not absolute, no `..`, no
 * symbolic link that leads out, no second name of a file elsewhere (hard link), no device or pipe.
 *
 * @param home A second folder that links may lead to.
 */
export function resolveInside(folder: string, name: string, home = folder): Inside {
  if (isAbsolute(name) || /^[a-zA-Z]:/.test(name) || name.startsWith('\\')) return { refused: 'is an absolute path' }
  if (name.includes('\0')) return { refused: 'has a zero byte in its name' }
  if (name.split(/[\\/]/).includes('..')) return { refused: 'leads out of the folder' }
  const path = join(folder, name)
  let real: string
  try {
    real = realpathSync(path)
  } catch {
    return { refused: 'is missing', missing: true }
  }
  if (!liesIn(folder, real) && !liesIn(home, real)) return { refused: 'is a link that leads out of the folder' }
  const stat = lstatSync(real)
  if (!stat.isFile()) return { refused: 'is not an ordinary file' }
  if (stat.nlink > 1) return { refused: 'has a second name elsewhere (a hard link)' }
  return { path: real }
}

function liesIn(folder: string, real: string): boolean {
  const inside = relative(realpathSync(folder), real)
  return inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside)
}

/** The folder that a file really lies in, where its name may be a link. */
export function realFolderOf(file: string): string {
  return dirname(realpathSync(file))
}
