import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ComparisonReport } from '../../report/index.ts'
import { diskCache } from '../evidence/evidence-cache.ts'
import { earlierProofs, keepProof } from './earlier-proofs.ts'

test('proofs are found again by another process, in their order, each candidate once, and not by another question', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-proofs-'))
  try {
    const question = { base: 'sha256:base', data: 'sha256:rows', indices: [1, 4], metric: null, label: 'y' }
    const proof = (digest: string) => ({ kind: 'comparison', candidate: { digest } }) as unknown as ComparisonReport
    for (const digest of ['a', 'b', 'a']) await keepProof(diskCache(folder), question, proof(digest))
    expect(await earlierProofs(diskCache(folder), question)).toEqual([proof('a'), proof('b')])
    expect(await earlierProofs(diskCache(folder), { ...question, indices: [1, 5] })).toEqual([])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
