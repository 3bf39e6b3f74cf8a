import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { explain } from './exit.ts'
import { EXIT } from './exit-codes.ts'
import { Arguments } from './verb.ts'
import { VERBS } from './verbs.ts'

test('who was interrupted is told how to go on: with --resume where the verb asks for it, anew where nothing is kept', async () => {
  const interrupted = new DOMException('stopped', 'AbortError')
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-exit-'))
  const options = new Arguments({ output: join(folder, 'out') })
  const told = async (verb: keyof typeof VERBS) => explain(interrupted, await VERBS[verb]!.load(), options)
  const anew = 'whet: interrupted; nothing is half-written, the same command begins anew'
  try {
    for (const [verb, checkpoint] of [
      ['distil', 'checkpoint.bin'],
      ['prune', '../out.checkpoint'],
      ['tune', '../out.checkpoint'],
    ] as const) {
      const file = join(folder, 'out', checkpoint)
      // Before the first epoch has ended, `--resume` would find nothing.
      expect((await told(verb)).text).toBe(anew)
      mkdirSync(join(folder, 'out'), { recursive: true })
      writeFileSync(file, '')
      expect(await told(verb)).toEqual({
        code: EXIT.interrupted,
        text: 'whet: interrupted; finished work is kept, the same command with --resume goes on from there',
      })
      rmSync(file)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
  for (const verb of ['optimize', 'quantize', 'robustness', 'predict'])
    expect((await told(verb)).text).toMatch(/finished work is kept, the same command goes on from there/)
  for (const verb of ['compare', 'bench', 'select']) expect((await told(verb)).text).toBe(anew)
})
