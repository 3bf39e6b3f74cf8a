import { expect, test } from 'vitest'
import type { ProfileReport } from '../../report/index.ts'
import { renderTerminal } from '../terminal/render.ts'
import { STYLE } from './style.ts'
import { timeBars } from './time-bars.ts'

/** Kernels of short runs: noting them down takes longer than they do. */
const profile = (conv: number, totalMs: number): ProfileReport => ({
  kind: 'profile',
  version: 1,
  threads: 1,
  runs: 20,
  totalMs,
  operators: { Conv: { calls: 4, ms: conv }, Gemm: { calls: 1, ms: 0.01 } },
  nodes: [],
})

test('the time in all is that of the kernels, not of the run in which they were noted', () => {
  const page = timeBars(profile(0.08, 0.127), profile(0.03, 0.121)).html
  expect(page).toContain('grey, is the original (0.090 ms in all), the lower, green, what is handed out (0.040 ms)')
  expect(renderTerminal(profile(0.08, 0.127), { color: false, width: 80 })).toMatch(/^0\.090 ms in kernels, 1 thread\n/)
})

test('each operator is a picture of its own, so that a long list goes on over the end of a printed page', () => {
  const { html } = timeBars(profile(0.08, 0.127), profile(0.03, 0.121))
  expect(html.match(/<svg /g)).toHaveLength(2)
  expect(html).toContain('<figure class="rows">')
  expect(STYLE).toMatch(/figure\.rows,figure\.forest\{break-inside:auto\}/)
})

test('what has no bars of its own is counted', () => {
  const many = (count: number): ProfileReport => ({
    ...profile(0.08, 0.127),
    operators: Object.fromEntries(Array.from({ length: count }, (_, i) => [`Op${i}`, { calls: 1, ms: 1 }])),
  })
  expect(timeBars(many(11), many(11)).html).toContain('>1 other<')
  expect(timeBars(many(12), many(12)).html).toContain('>2 others<')
})
