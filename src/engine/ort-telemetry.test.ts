import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'whet-private-'))

const SCRIPT = `
  import { parseModel } from ${JSON.stringify(new URL('../ir/index.ts', import.meta.url).href)}
  import { openIsolated, ortNode } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
  const model = parseModel('<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { y = Neg(x) }')
  const x = { dtype: 'float32', dims: [2], data: Float32Array.of(1, 2) }
  for (const open of [ortNode.open, openIsolated]) {
    const session = await open(model)
    const { y } = await session.run({ x })
    await session.close()
    console.log([...y.data].join())
  }`

// In CI the runtime is silent by itself: the child must not know that it is in one.
test('the runtime keeps no identifier, no log and no queue of events: a run leaves nothing behind', () => {
  const hooks = new URL('../../scripts/typescript-hooks.mjs', import.meta.url).href
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', hooks, '--input-type=module', '-e', SCRIPT], {
    env: { PATH: process.env.PATH, HOME: folder, XDG_CACHE_HOME: folder, TMPDIR: folder },
    encoding: 'utf8',
  })
  expect(stdout, stderr).toBe('-1,-2\n-1,-2\n')
  expect(readdirSync(folder)).toEqual([])
})
