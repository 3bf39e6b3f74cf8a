// Checks the imports against .dependency-cruiser.cjs, and that the checker really saw the modules: with some
// TypeScript versions dependency-cruiser reads nothing and exits 0.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const folders = ['src', 'studio'].filter((folder) => existsSync(folder))
const run = spawnSync(
  process.execPath,
  [
    'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
    '--config',
    '.dependency-cruiser.cjs',
    '--output-type',
    'json',
    ...folders,
  ],
  { encoding: 'utf8', maxBuffer: 1 << 28 },
)
if (run.error || !run.stdout) {
  console.error(run.error?.message ?? run.stderr)
  process.exit(1)
}
const { summary, modules } = JSON.parse(run.stdout)
const own = modules.filter((module) => folders.some((folder) => module.source.startsWith(`${folder}/`)))
const arrows = own.reduce((sum, module) => sum + module.dependencies.length, 0)
if (own.length < 20 || arrows < own.length) {
  console.error(
    `architecture: only ${own.length} modules with ${arrows} imports were seen; the checker is not reading TypeScript`,
  )
  process.exit(1)
}
for (const { rule, from, to } of summary.violations) console.error(`architecture: ${rule.name}: ${from} → ${to}`)
console.log(`architecture: ${own.length} modules, ${arrows} imports, ${summary.violations.length} violations`)
process.exit(summary.violations.length > 0 ? 1 : 0)
