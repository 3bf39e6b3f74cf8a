import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { Bench, CLASSIFIER } from './command.ts'
import { reportIn } from './schema.ts'

const bench = new Bench()
afterAll(() => bench.remove())

test('whet attack: a report that fits its schema, readable words, and errors that help', {
  timeout: 300_000,
}, async () => {
  bench.model('model.onnx', CLASSIFIER)
  bench.rows('eval.npz', 30, 16)
  const words = ['attack', 'model.onnx', '--data', 'eval.npz', '--eps', '0.2']
  const [json, text, unknown, open, bad, page] = await Promise.all([
    bench.whet(...words, '--range=-1,1', '--attack', 'fgsm', '--json'),
    bench.whet(...words, '--range=-1,1', '--attack', 'pgd', '--norm', 'l2', '--against', 'model.onnx', '--rows', '10'),
    bench.whet(...words, '--range=-1,1', '--attack', 'apgd'),
    bench.whet(...words),
    bench.whet(...words, '--range=1'),
    bench.whet(...words, '--range=-1,1', '--attack', 'fgsm', '-o', 'page.html', '--json'),
  ])
  const report = reportIn(json.stdout, 'attack')
  expect([json.code, report.clean.n, report.gradient, report.rangeFrom]).toEqual([0, 30, 'exact', 'option'])
  expect(report.robust.correct).toBe(report.byAttack.fgsm!.correct)
  expect(report.robust.correct).toBeLessThanOrEqual(report.clean.correct)
  expect(text.code).toBe(0)
  expect(text.stdout).toMatch(/Of 10 rows \d+ are right as they are, and \d+ stay right/)
  expect(text.stdout).toMatch(/transfer/)
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringMatching(/did you mean "a?pgd/)])
  expect([open.code, open.stderr]).toEqual([2, expect.stringMatching(/what values are valid\?[\s\S]*--range LOW,HIGH/)])
  expect([bad.code, bad.stderr]).toEqual([2, expect.stringMatching(/not two numbers/)])
  expect(page.code).toBe(0)
  const { fooled } = reportIn(page.stdout, 'attack')
  const html = readFileSync(bench.path('page.html'), 'utf8')
  expect(fooled!.length).toBeGreaterThan(0)
  for (const { row } of fooled!) expect(html).toContain(`row ${row} ·`)
})
