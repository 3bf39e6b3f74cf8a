import { writeFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { Bench } from './command.ts'
import { reportIn } from './schema.ts'

const bench = new Bench()
afterAll(() => bench.remove())

/** Steps that answer with these classes; class 0 is the blank. */
const steps = (classes: readonly number[]) => classes.map((top) => [0, 1, 2].map((c) => (c === top ? 1 : 0)))

test('a recogniser is judged by the texts that its dictionary spells, blank left out', async () => {
  bench.model('base.onnx', 'g (float[N,4,3] x) => (float[N,4,3] y) { y = Identity(x) }')
  // The third step of every row loses its character.
  bench.model('worse.onnx', 'g (float[N,4,3] x) => (float[N,4,3] y) <float[4,1] keep = {1,1,0,1}> { y = Mul(x, keep) }')
  const rows = Array.from({ length: 40 }, (_, i) =>
    JSON.stringify(i % 2 ? { x: steps([1, 0, 2, 2]), labels: 'ab' } : { x: steps([2, 2, 1, 0]), labels: 'ba' }),
  )
  writeFileSync(bench.path('rows.jsonl'), `${rows.join('\n')}\n`)
  writeFileSync(bench.path('keys.txt'), 'a\nb\n')
  const compare = (metric: string) =>
    bench.whet('compare', 'base.onnx', 'worse.onnx', '--data', 'rows.jsonl', '--metric', metric, '--json')
  const exact = reportIn((await compare('exact-match:keys.txt')).stdout, 'comparison')
  // Half of the rows lose a letter, the others still have it in the fourth step.
  expect(exact).toMatchObject({
    metric: 'exact-match',
    base: { value: 1 },
    candidate: { value: 0.5 },
  })
  expect(reportIn((await compare('cer:keys.txt')).stdout, 'comparison')).toMatchObject({
    base: { value: 0 },
    candidate: { value: 0.25 },
  })
  const unknown = await compare('cer')
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringMatching(/--metric cer:keys\.txt/)])
  const missing = await compare('cer:none.txt')
  expect([missing.code, missing.stderr]).toEqual([2, expect.stringMatching(/none\.txt/)])
})
