// What the verbs that train write is what they say that they wrote, and their recipes make the same files again.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { modelDigest, readModel } from '../src/onnx/index.ts'
import { Bench, CLASSIFIER } from './command.ts'
import { reportIn } from './schema.ts'

const bench = new Bench()
beforeAll(() => {
  bench.model('model.onnx', CLASSIFIER)
  bench.rows('eval.npz', 60, 16)
})
afterAll(() => bench.remove())

test.each([
  ['prune', ['-o', 'half.onnx', '--macs', '0.5'], 'half.onnx', 'half.recipe.json', 'pruning'],
  ['distil', ['-o', 'out', '--width', '0.5'], 'out/model.onnx', 'out/recipe.json', 'distillation'],
  ['tune', ['-o', 'int8.onnx', '--everywhere', '--recipe', 'int8.json'], 'int8.onnx', 'int8.json', 'tuning'],
] as const)('whet %s', { timeout: 300_000 }, async (verb, options, model, recipe, kind) => {
  const before = new Set(bench.files())
  const words = ['model.onnx', '--data', 'eval.npz', ...options, '--epochs', '1', '--json']
  const { code, stdout, stderr } = await bench.whet(verb, ...words)
  // Eighteen rows prove nothing.
  const report = reportIn(stdout, kind)
  expect([code, report.verdict]).toEqual([3, 'inconclusive'])
  const said = [...stderr.matchAll(/^wrote (.*)$/gm)].map(([, path]) => path!.replace(`${bench.folder}/`, ''))
  const made = bench.files().filter((file) => !before.has(file))
  // The folder of a student is described in the help of -o.
  const described = verb === 'distil' ? ['out/recipe.json', 'out/report.json', 'out/checkpoint.bin'] : []
  expect(made.filter((file) => !file.includes('.blobs')).sort()).toEqual([...said, ...described].sort())
  // By this the report belongs to that file.
  const learned = 'student' in report ? report.student : report.after
  expect(learned.path).toBe(model)
  expect(learned.digest).toBe(modelDigest(await readModel(bench.path(model))))
  const again = await bench.whet('apply', recipe, 'model.onnx', '-o', 'again.onnx')
  expect([again.code, again.stderr]).toEqual([0, 'wrote again.onnx\n'])
  expect(readFileSync(bench.path('again.onnx')).equals(readFileSync(bench.path(model)))).toBe(true)
})
