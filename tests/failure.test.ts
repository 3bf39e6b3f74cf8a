import { afterAll, expect, test } from 'vitest'
import { Bench, CLASSIFIER } from './command.ts'
import { reportIn } from './schema.ts'

const bench = new Bench()
bench.model('model.onnx', CLASSIFIER)
afterAll(() => bench.remove())

test('with --json what failed is one document too, and says the same as stderr; without it stdout stays empty', async () => {
  bench.rows('eval.npz', 20, 16)
  const wrong = [
    [['inspect', 'none.onnx'], 'missing-file', 'none.onnx'],
    [['inspekt', 'model.onnx'], 'bad-argument', 'command line'],
    [['inspect', 'model.onnx', '--shap', 'x=1,16'], 'bad-argument', 'command line'],
    [['inspect'], 'bad-argument', 'command line'],
    [['compare', 'model.onnx', 'model.onnx', '--data', 'eval.npz', '--slice', 'city'], 'bad-data', 'eval.npz'],
  ] as const
  for (const [words, code, where] of wrong) {
    const [plain, json] = [await bench.whet(...words), await bench.whet(...words, '--json')]
    expect([plain.code, plain.stdout, json.code]).toEqual([2, '', 2])
    const { exitCode, error } = reportIn(json.stdout, 'failure')
    expect([exitCode, error.code, error.where]).toEqual([2, code, expect.stringContaining(where)])
    expect(json.stderr).toContain(error.message)
    expect(json.stderr).toContain(error.hint)
  }
}, 120_000)

test('--json behind -- is a word of the other command', async () => {
  const { code, stdout } = await bench.whet('job', 'submit', '--', 'inspect', 'model.onnx', '--json')
  expect([code, stdout]).toEqual([2, ''])
}, 60_000)
