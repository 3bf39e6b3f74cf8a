import { joinPath, listFolder, realPath, UserError } from '../platform/index.ts'

/** A file under a folder, by its path from there with `/` between the parts. */
export interface FoundFile {
  readonly id: string
  readonly file: string
}

const IGNORED = /^\.|^(Thumbs\.db|desktop\.ini|__MACOSX)$/i

/** Every file under a folder, in the order of their names by code unit; hidden ones, and links back up, left out. */
export async function filesUnder(
  folder: string,
  prefix = '',
  above: readonly string[] = [],
): Promise<readonly FoundFile[]> {
  const real = await realPath(folder)
  if (above.includes(real)) return []
  const found: FoundFile[] = []
  for (const { name, kind } of await listFolder(folder)) {
    if (IGNORED.test(name)) continue
    const file = joinPath(folder, name)
    if (kind === 'folder') found.push(...(await filesUnder(file, `${prefix}${name}/`, [...above, real])))
    else found.push({ id: `${prefix}${name}`, file })
  }
  return found
}

/** Whether a text has characters that make it a pattern. */
export const isGlob = (text: string) => /[*?{[]/.test(text)

/** A pattern as a regular expression: `*` and `?` within a folder, `**` over folders, `{a,b}`, `[abc]`. */
export function globPattern(glob: string): RegExp {
  let source = ''
  let braces = 0
  for (let at = 0; at < glob.length; at++) {
    const char = glob[at]!
    if (glob.startsWith('**/', at)) {
      source += '(?:.*/)?'
      at += 2
    } else if (glob.startsWith('**', at)) {
      source += '.*'
      at++
    } else if (char === '*') source += '[^/]*'
    else if (char === '?') source += '[^/]'
    else if (char === '{') {
      source += '(?:'
      braces++
    } else if (char === '}' && braces > 0) {
      source += ')'
      braces--
    } else if (char === ',' && braces > 0) source += '|'
    else if (char === '[') {
      const end = glob.indexOf(']', at + 1)
      if (end < 0) source += '\\['
      else {
        source += `[${glob
          .slice(at + 1, end)
          .replace(/^!/, '^')
          .replace(/\\/g, '\\\\')}]`
        at = end
      }
    } else source += char.replace(/[\\^$.|+()[\]{}]/g, '\\$&')
  }
  try {
    return new RegExp(`^${source}${')'.repeat(braces)}$`, 'u')
  } catch (cause) {
    throw new UserError('bad-data', `The file pattern "${glob}" cannot be understood.`, {
      where: glob,
      hint: 'Use * and ? within a folder, ** over folders, {a,b} and [abc].',
      cause,
    })
  }
}

/** The folders that a pattern names before its first wildcard, with a `/` at the end, or nothing. */
export function fixedPrefix(glob: string): string {
  const fixed = glob.slice(0, glob.search(/[*?{[]/) < 0 ? glob.length : glob.search(/[*?{[]/))
  return fixed.slice(0, fixed.lastIndexOf('/') + 1)
}
