import { expect, test } from 'vitest'
import type { RewriteReport } from '../../report/index.ts'
import { renderTerminal } from './render.ts'
import { wrap } from './table.ts'

test('a number keeps its per cent sign where a line ends', () => {
  expect(wrap('the new one 94.2 %. So', 16)).toEqual(['the new one', '94.2 %. So'])
})

test('a rewrite that found nothing to do says so, without the head of an empty table', () => {
  const report = {
    kind: 'rewrite',
    version: 1,
    passes: [{ id: 'foldConstants', applied: 0, refused: [] }],
    before: { nodes: 3, bytes: 10, digest: 'a' },
    after: { nodes: 3, bytes: 10, digest: 'a' },
    equivalence: null,
  } as unknown as RewriteReport
  const text = renderTerminal(report, { color: false, width: 80 })
  expect(text).toContain('no pass found anything to do')
  expect(text).not.toContain('applied')
})
