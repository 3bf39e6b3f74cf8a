import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { explainSystemError } from '../platform/index.ts'

/** What not every version has, by the folder that it is in. */
const OPTIONAL: readonly (readonly [folder: string, files: RegExp])[] = [
  ['.', /^recipe\.json$|^(?:model|evaluation|other)(?:-\d+)?\.sig$/],
  ['recipe.blobs', /^[0-9a-f]{64}\.bin$/],
  ['evidence', /^[a-z-]+-[0-9a-f]{12}\.json$/],
]

/**
 * The files that a version may have and that lie in a folder to which one was checked out before, relative to it: of
 * another version they would speak of a model that is no longer there. A folder that holds something else has none.
 */
export function earlierFiles(folder: string): readonly string[] {
  // Every version has one.
  if (!existsSync(join(folder, 'lineage.json'))) return []
  return OPTIONAL.flatMap(([inside, files]) => {
    const place = join(folder, inside)
    const names = existsSync(place) ? readdirSync(place) : []
    return names.filter((name) => files.test(name)).map((name) => (inside === '.' ? name : `${inside}/${name}`))
  })
}

/** Takes files of a folder away, relative to it. */
export function removeFiles(folder: string, paths: readonly string[]): void {
  for (const path of paths)
    try {
      rmSync(join(folder, path), { force: true })
    } catch (error) {
      throw explainSystemError(error, join(folder, path), 'write')
    }
}
