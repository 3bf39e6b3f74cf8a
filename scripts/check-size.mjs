// A file holds one concept: about 150 lines, 400 at most.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const LIMIT = 400
const roots = ['src', 'bench', 'demo', 'scripts', 'studio', 'examples']
const files = roots.flatMap((root) => list(root)).filter((file) => /\.(ts|tsx|mjs|cjs|py)$/.test(file))
const sizes = files.map((file) => ({ file, lines: readFileSync(file, 'utf8').split('\n').length - 1 }))
const over = sizes.filter(({ file, lines }) => lines > LIMIT && !/\.test\.tsx?$/.test(file))
for (const { file, lines } of over)
  console.error(`size: ${file} has ${lines} lines (limit ${LIMIT}): which concept is missing?`)
console.log(
  `size: ${files.length} files, ${sizes.reduce((sum, { lines }) => sum + lines, 0)} lines, ${over.length} over ${LIMIT}`,
)
process.exit(over.length > 0 ? 1 : 0)

function list(folder) {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => !file.includes('node_modules') && !file.includes('dist/'))
  } catch {
    return []
  }
}
