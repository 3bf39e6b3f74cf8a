import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Recipe } from '../report/index.ts'
import { writeRecipe } from './blobs.ts'

test('equal recipes are written as equal bytes, however their evidence was come by', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-blobs-'))
  const written = async (name: string, evidence: Recipe['evidence']) => {
    const path = join(folder, name)
    const recipe: Recipe = { kind: 'recipe', version: 1, whetstone: '0', steps: [], evidence }
    await writeRecipe(recipe, new Map(), path)
    return readFileSync(path, 'utf8')
  }
  const measured = await written('a.json', { a: { kind: 'x', version: 1, ranges: { u: 1, b: [1, 2] } }, b: 1 })
  const kept = await written('b.json', { b: 1, a: { kind: 'x', ranges: { b: [1, 2], u: 1 }, version: 1 } })
  expect(kept).toBe(measured)
  expect(JSON.parse(kept).evidence.a.ranges).toEqual({ u: 1, b: [1, 2] })
})
