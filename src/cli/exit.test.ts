import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { UserError } from '../platform/index.ts'
import { explain } from './exit.ts'
import { EXIT } from './exit-codes.ts'
import { Arguments, graceOf } from './verb.ts'
import { VERBS } from './verbs.ts'

test('a place is named once: not again where the message names its field and file', () => {
  const told = (message: string, where: string) => explain(new UserError('bad-data', message, { where })).text
  const place = 'field "x" of "rows.csv"'
  expect(told('"x" in "rows.csv" is string.', place)).toBe('whet: "x" in "rows.csv" is string.')
  expect(told('"x" is string.', place)).toBe('whet: field "x" of "rows.csv": "x" is string.')
  expect(told('nothing fits', 'g')).toBe('whet: g: nothing fits')
  expect(told('cannot read G: it is gone', 'g')).toBe('whet: cannot read G: it is gone')
  expect(told('cannot read /a/b.onnx', '/a/b.onnx')).toBe('whet: cannot read /a/b.onnx')
  expect(told('a value is 300', 'rows.csv, rows 1 to 9')).toBe('whet: rows.csv, rows 1 to 9: a value is 300')
})

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
      // A step may take long, and its state can be kept only when it has ended.
      expect(graceOf(await VERBS[verb]!.load())).toBeGreaterThanOrEqual(30_000)
      // Before the first epoch has ended, `--resume` would find nothing.
      expect((await told(verb)).text).toBe(anew)
      mkdirSync(join(folder, 'out'), { recursive: true })
      writeFileSync(file, '')
      const { report, text } = await told(verb)
      expect([report.exitCode, text]).toEqual([
        EXIT.interrupted,
        'whet: interrupted; finished work is kept, the same command with --resume goes on from there',
      ])
      rmSync(file)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
  for (const verb of ['optimize', 'quantize', 'robustness', 'predict'])
    expect((await told(verb)).text).toMatch(/finished work is kept, the same command goes on from there/)
  for (const verb of ['compare', 'bench', 'select']) expect((await told(verb)).text).toBe(anew)
})
