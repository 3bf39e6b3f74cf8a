import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { preloads } from '../platform/index.ts'
import { openEmbedded, State } from './index.ts'

const ROUNDS = 3
const MOST_WRITES = 40

/** Starts rollouts and takes them back, one after the other, and says so. */
const WRITER = `
const [index, folder, from] = process.argv.slice(2)
const { openEmbedded, State } = await import(index)
const state = new State(openEmbedded(folder))
for (let n = Number(from); ; n++) {
  const rollout = { id: 'r' + n, name: 'm' + n, started: '', body: { n } }
  await state.keep({ rollout: { ...rollout, state: 'running' } })
  await state.keep({
    rollout: { ...rollout, state: 'rolled-back' },
    incident: { id: 'i' + n, name: 'm' + n, at: '' },
    live: { name: 'm' + n, version: '1', known: [] },
    audit: { at: '', act: 'rollout-rolled-back', who: '', name: 'm' + n, detail: null },
  })
  console.log(n)
}
`

test('kill -9 between any two writes: each rollout is running or taken back, whole', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kill-'))
  const script = join(folder, 'writer.mjs')
  writeFileSync(script, WRITER)
  const index = new URL('./index.ts', import.meta.url)
  let known = 0
  for (let round = 0; round < ROUNDS; round++) {
    const words = preloads(index).flatMap((url) => ['--import', url])
    const child = spawn(process.execPath, [...words, script, index.href, join(folder, 'state'), String(1000 * round)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let confirmed = 0
    let said = ''
    const stopAt = 3 + ((round * 7) % MOST_WRITES)
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      confirmed = said.split('\n').length - 1
      if (confirmed >= stopAt) child.kill('SIGKILL')
    })
    const [code, signal] = await once(child, 'close')
    expect([code, signal]).toEqual([null, 'SIGKILL'])
    known += confirmed

    const state = new State(openEmbedded(join(folder, 'state')))
    const rollouts = await state.rollouts(null)
    const back = rollouts.filter((one) => one.state === 'rolled-back').map(({ name }) => name)
    const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name).sort()
    expect(names(await state.incidents())).toEqual([...back].sort())
    expect(names(await state.liveVersions())).toEqual([...back].sort())
    const { entries, brokenAt } = await state.audit()
    expect([names(entries), brokenAt]).toEqual([[...back].sort(), null])
    // What was confirmed is there, and at most one more a round.
    expect(back.length).toBeGreaterThanOrEqual(known)
    expect(rollouts.length).toBeLessThanOrEqual(known + round + 1)
    await state.close()
  }
}, 300_000)
