import { expect, test } from 'vitest'
import type { RewriteReport } from '../../report/index.ts'
import { renderTerminal } from './render.ts'
import { wrap } from './table.ts'

test('a number keeps its per cent sign where a line ends', () => {
  expect(wrap('the new one 94.2 %. So', 16)).toEqual(['the new one', '94.2 %. So'])
})

test.each([
  ['nothing', []],
  ['nothing but that more runtimes take the file', [{ id: 'lowerOpset', applied: 1, refused: [] }]],
])('a rewrite that found %s to do says so, without a table', (_, more) => {
  const report: RewriteReport = {
    kind: 'rewrite',
    version: 1,
    passes: [{ id: 'foldConstants', applied: 0, refused: [] }, ...more],
    before: { nodes: 3, bytes: 10, digest: 'a' },
    after: { nodes: 3, bytes: 10, digest: 'a' },
    equivalence: null,
  }
  const text = renderTerminal(report, { color: false, width: 80 })
  expect(text).toContain('no pass found anything to simplify')
  expect(text).not.toContain('applied')
})
