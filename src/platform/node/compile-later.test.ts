import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { preloads, siblingModule } from '../index.ts'

const module = siblingModule(import.meta.url, 'compile-later')

/** Whether so many calls of a function, each some 2 KB of bytecode long, mark it for compiling, by what V8 traces. */
function marked(calls: number, prepare = ''): boolean {
  const program = `${prepare}
    function hot() { let sum = 0; for (let i = 0; i < 100; i++) sum = (sum + i) & 1023; return sum }
    for (let call = 0; call < ${calls}; call++) hot()`
  const hooks = preloads(module).flatMap((url) => ['--import', url])
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--trace-opt', ...hooks, '--input-type=module', '-e', program],
    { encoding: 'utf8' },
  )
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  return /marking .*\bhot\b/.test(stdout)
}

describe('compiling later', () => {
  const later = `import { compileLater } from '${module}'; compileLater()`

  test.runIf(process.versions.v8.startsWith('11.'))('what runs often waits for it four times longer', () => {
    expect(marked(60)).toBe(true)
    expect(marked(60, later)).toBe(false)
    expect(marked(240, later)).toBe(true)
  })

  test('a version with other flags is left as it is, without a word', () => {
    const other = `Object.defineProperty(process.versions, 'v8', { value: '13.6.233.17-node.50' })`
    expect(marked(60, `${other}\n${later}`)).toBe(true)
  })
})
