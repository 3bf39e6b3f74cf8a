import { lstatSync, realpathSync } from 'node:fs'
import { isAbsolute, join, relative, sep } from 'node:path'

/**
 * A file named by an untrusted relative path, if it is an ordinary file inside `folder`: not absolute, no `..`, no
 * symbolic link that leads out, no second name of a file elsewhere (hard link), no device or pipe.
 */
export function resolveInside(folder: string, name: string): { path: string } | { refused: string } {
  if (isAbsolute(name) || /^[a-zA-Z]:/.test(name) || name.startsWith('\\')) return { refused: 'is an absolute path' }
  if (name.includes('\0')) return { refused: 'has a zero byte in its name' }
  if (name.split(/[\\/]/).includes('..')) return { refused: 'leads out of the folder' }
  const path = join(folder, name)
  let real: string
  try {
    real = realpathSync(path)
  } catch {
    return { refused: 'is missing' }
  }
  const inside = relative(realpathSync(folder), real)
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside))
    return { refused: 'is a link that leads out of the folder' }
  const stat = lstatSync(real)
  if (!stat.isFile()) return { refused: 'is not an ordinary file' }
  if (stat.nlink > 1) return { refused: 'has a second name elsewhere (a hard link)' }
  return { path: real }
}
