import { expect, test } from 'vitest'
import { explain } from './exit.ts'
import { EXIT } from './exit-codes.ts'
import { VERBS } from './verbs.ts'

test('who was interrupted is told how to go on: with --resume where the verb asks for it, anew where nothing is kept', async () => {
  const interrupted = new DOMException('stopped', 'AbortError')
  const told = async (verb: keyof typeof VERBS) => explain(interrupted, await VERBS[verb]!.load())
  for (const verb of ['distil', 'prune', 'tune'])
    expect(await told(verb)).toEqual({
      code: EXIT.interrupted,
      text: 'whet: interrupted; finished work is kept, the same command with --resume goes on from there',
    })
  for (const verb of ['optimize', 'quantize', 'robustness', 'predict'])
    expect((await told(verb)).text).toMatch(/finished work is kept, the same command goes on from there/)
  for (const verb of ['compare', 'bench', 'select'])
    expect((await told(verb)).text).toBe('whet: interrupted; nothing is half-written, the same command begins anew')
})
