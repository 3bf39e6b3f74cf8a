import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { casesOf } from './cases.ts'
import { prepare, race } from './measure.ts'
import { ROOT } from './repository.ts'
import { machineLines, type Result, resultLine, resultsPage, withPart } from './results.ts'

// The yardstick: float32, ours lossless, ours as handed out, and the usual tools on the same files, timed by turns in
// one run. `npm run bench` measures every case; `npm run bench -- resnet-fashion yunet` only those.
/** What `optimize` may spend on new candidates of one case: what it takes unless asked otherwise. */
const SEARCH_MS = 300_000

const wanted = process.argv.slice(2)
const known = casesOf(process.env.WHETSTONE_ZOO)
const unknown = wanted.filter((id) => !known.some((one) => one.id === id))
if (unknown.length > 0) {
  const ids = known.map(({ id }) => id).join(', ')
  process.stderr.write(
    `no case ${unknown.join(', ')}; there are ${ids}; WHETSTONE_ZOO names the folder of the others\n`,
  )
  process.exit(2)
}
const cases = known.filter((one) => wanted.length === 0 || wanted.includes(one.id))
const results: Result[] = []
for (const one of cases) {
  process.stderr.write(`${one.id}\n`)
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-bench-'))
  try {
    results.push(await race(one, folder, await prepare(one, folder, SEARCH_MS)))
    process.stdout.write(`${resultLine(results.at(-1)!)}\n`)
  } catch (error) {
    // The others' minutes shall not be lost over one.
    process.stdout.write(`${one.id}: failed: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
const part = resultsPage(results, machineLines())
process.stdout.write(`${part}\n`)
const page = join(ROOT, 'bench/RESULTS.md')
if (wanted.length === 0) writeFileSync(page, withPart(readFileSync(page, 'utf8'), part))
process.exit(process.exitCode)
