import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Model, parseModel } from '../ir/index.ts'
import { UserError, withLock } from '../platform/index.ts'
import type { Optimized } from '../search/index.ts'
import { finishedReport, writeOptimized } from './optimize-output.ts'

const root = mkdtempSync(join(tmpdir(), 'whetstone-output-'))

const model = parseModel('<ir_version: 10, opset_import: ["" : 20]> g (float[2] x) => (float[2] y) { y = Neg(x) }')
const recipe = { kind: 'recipe', version: 1, whetstone: '0', steps: [], evidence: {} } as const
const result = (ids: readonly string[], last: Model = model): Optimized => ({
  model: last,
  recipe,
  // The page of a rewrite is enough here.
  report: {
    kind: 'rewrite',
    version: 1,
    passes: [],
    before: { nodes: 1, bytes: 1, digest: ids.join() },
    after: { nodes: 1, bytes: 1, digest: '' },
    equivalence: null,
  } as never,
  tensors: new Map(),
  candidates: ids.map((id) => ({ id, model, recipe })),
})
const names = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()

test('a later result takes the place of the earlier one as a whole', async () => {
  const folder = join(root, 'a')
  await withLock(folder, () => writeOptimized(folder, result(['one', 'two'])))
  await withLock(folder, () => writeOptimized(folder, result(['three'])))
  expect(names(folder)).toEqual([
    'candidates',
    'candidates/three.onnx',
    'candidates/three.recipe.json',
    'model.onnx',
    'recipe.json',
    'report.html',
    'report.json',
  ])
})

test('files in its folders that no run wrote stay', async () => {
  const folder = join(root, 'shared')
  mkdirSync(join(folder, 'candidates', 'cvs'), { recursive: true })
  mkdirSync(join(folder, 'recipe.blobs'))
  writeFileSync(join(folder, 'candidates', 'cvs', 'ada.txt'), 'Ada')
  writeFileSync(join(folder, 'candidates', 'own.onnx'), 'mine')
  writeFileSync(join(folder, 'recipe.blobs', 'note.md'), 'mine too')
  writeFileSync(join(folder, 'recipe.blobs', `${'0'.repeat(64)}.bin`), 'of an earlier run')
  await withLock(folder, () => writeOptimized(folder, result(['one', 'two'])))
  await withLock(folder, () => writeOptimized(folder, result(['three'])))
  expect(names(folder).filter((name) => /candidates|blobs/.test(name))).toEqual([
    'candidates',
    'candidates/cvs',
    'candidates/cvs/ada.txt',
    'candidates/own.onnx',
    'candidates/three.onnx',
    'candidates/three.recipe.json',
    'recipe.blobs',
    'recipe.blobs/note.md',
  ])
  expect(readFileSync(join(folder, 'candidates', 'own.onnx'), 'utf8')).toBe('mine')
})

test('a disk that fills up half-way leaves the earlier result, and nothing else', async () => {
  const folder = join(root, 'b')
  await withLock(folder, () => writeOptimized(folder, result(['one'])))
  const before = names(folder)
  const report = readFileSync(join(folder, 'report.json'), 'utf8')
  const full = () => {
    throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
  }
  const tooLarge = new Proxy(model, { get: (target, key) => (key === 'graph' ? full() : Reflect.get(target, key)) })
  const failed = await withLock(folder, () => writeOptimized(folder, result(['two'], tooLarge))).catch((e) => e)
  expect(failed).toBeInstanceOf(UserError)
  expect(failed.code).toBe('out-of-resources')
  expect(names(folder)).toEqual(before)
  expect(readFileSync(join(folder, 'report.json'), 'utf8')).toBe(report)
})

test('a folder in which nothing came to be goes again; one that was there, or holds something, stays', async () => {
  const failing = (folder: string, before: () => void = () => {}) =>
    withLock(folder, async () => {
      before()
      throw new Error('no')
    })
  const fresh = join(root, 'fresh')
  await expect(failing(fresh)).rejects.toThrow('no')
  expect(existsSync(fresh)).toBe(false)
  await expect(failing(fresh, () => writeFileSync(join(fresh, 'checkpoint.bin'), ''))).rejects.toThrow('no')
  expect(names(fresh)).toEqual(['checkpoint.bin'])
  const empty = join(root, 'empty')
  mkdirSync(empty)
  await expect(failing(empty)).rejects.toThrow('no')
  expect(existsSync(empty)).toBe(true)
})

test('a folder that cannot be made is explained', async () => {
  await withLock(join(root, 'c'), () => writeOptimized(join(root, 'c'), result([])))
  const failed = await withLock(join(root, 'c', 'report.json', 'x'), async () => {}).catch((e) => e)
  expect(failed.code).toBe('bad-argument')
  expect(failed.message).toMatch(/report\.json is a file/)
})

test('the report of a newer version is refused, and never searched over', async () => {
  const folder = join(root, 'newer')
  mkdirSync(folder)
  writeFileSync(join(folder, 'report.json'), JSON.stringify({ kind: 'optimization', version: 2 }))
  await expect(finishedReport(folder, model, null as never)).rejects.toThrow(/has version 2/)
})
