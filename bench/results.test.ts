import { expect, test } from 'vitest'
import { lackingIn, type Result, resultsPage, withPart } from './results.ts'

const contestant = (name: string, ms: number) => ({
  name,
  ms,
  speedup: 10 / ms,
  ci: [ms / 11, ms / 9] as const,
  loadMs: 3.4,
  bytes: 1234567,
})

const result = (id: string, headline: boolean): Result => ({
  id,
  headline,
  floatMs: 10,
  floatLoadMs: 5,
  floatBytes: 9876543,
  contestants: [
    contestant('lossless', 8),
    contestant('ours', 5),
    contestant('python static', 4),
    contestant('python dynamic', 20),
    { name: 'onnxsim', ms: null, speedup: null, ci: null, loadMs: null, bytes: null, failed: 'no end after 60 s' },
  ],
  chosen: 'int8-mse',
  sentence: '2× faster.',
  proof: { rows: 1200, verdict: 'pass', grade: 'proven', sentence: 'No measurable loss.' },
  time: { before: 'Conv 9.00', after: null },
  searchSeconds: 12.34,
  processes: [{ name: 'whet quantize', seconds: 1.25, cpuSeconds: null, peakBytes: 84e6 }],
  notes: ['a warning'],
})

test('the page holds winners and losers, what failed, and what was not measured', () => {
  const page = resultsPage([result('first', true), result('second', false)], ['EPYC', 'Node 20'])
  const cells = page.split('\n').filter((line) => line.startsWith('| first |'))
  expect(cells).toEqual([
    '| first | 10.000 | 8.000 (1.25×) | 5.000 (2.00×) | 4.000 (2.50×) | – | 20.000 (0.50×) | failed |',
    '| first | int8-mse | 1,200 | pass, proven | No measurable loss. | 12.3 |',
    '| first | 9,876,543 (5) | 1,234,567 (3) | 1,234,567 (3) | 1,234,567 (3) | – | 1,234,567 (3) | failed |',
    '| first | Conv 9.00 | not read |',
    '| first | 1.13× to 1.38× | 1.80× to 2.20× | 2.25× to 2.75× | – | 0.45× to 0.55× | failed |',
    '| first | 1.3, ?, 84 MB | failed | failed | failed | failed |',
  ])
  expect(page).toContain('| second ¹ | 10.000 |')
  expect(page).toContain('Geometric mean over 1 models: lossless 1.25×, ours 2.00×, python static 2.50×,')
  expect(page).toContain('0.80× in geometric mean (first 0.80)')
  expect(page).toContain('Slower than float32 (median of the ratio above 1.02): python dynamic on first (0.50×).')
  expect(page).toContain('- first: onnxsim failed: no end after 60 s\n- first: a warning\n- second: onnxsim')
})

test('what a result of an older version lacks is named', () => {
  const { processes: _, proof: __, ...older } = result('first', true)
  expect(lackingIn(older)).toEqual(['proof', 'processes'])
  expect(lackingIn({ ...result('first', true), proof: null })).toEqual([])
})

test('what is written by hand stays, before and behind the part of the program', () => {
  const marks = ['<!-- npm run bench: from here -->', '<!-- npm run bench: to here -->']
  const page = (part: string) => `# Results\n\n${marks[0]}\n\n${part}\n\n${marks[1]}\n\n## By hand\n`
  expect(withPart(page('old'), '\nnew\n')).toBe(page('new'))
  expect(() => withPart('# Results\n', 'new')).toThrow(/the page needs a line <!-- npm run bench: from here -->/)
})
