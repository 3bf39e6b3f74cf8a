// Every test file has a temporary folder of its own, its child processes too: a test that looks for leftovers sees its
// own and not those of a neighbour that happens to be at work.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const shared = tmpdir()
const own = mkdtempSync(join(shared, 'whetstone-test-'))
process.env.TMPDIR = own

afterAll(() => {
  process.env.TMPDIR = shared
  rmSync(own, { recursive: true, force: true })
})
