import { afterAll, describe, expect, test } from 'vitest'
import { Bench, CLASSIFIER, weights } from './command.ts'
import { reportIn } from './schema.ts'

const bench = new Bench()
afterAll(() => bench.remove())
const model = bench.model('model.onnx', CLASSIFIER)
const data = bench.rows('rows.npz', 64, 16)

describe('--keep-float', () => {
  test.each([
    ['quantize', ['--scheme', 'static-int8']],
    ['quantize', ['--scheme', 'weight-int8']],
    ['tune', ['--epochs', '1']],
  ])(
    '%s %j: a name that nothing has is an error with the nearest one, before any work',
    async (verb, more) => {
      const words = [verb, model, '--data', data, '-o', 'out.onnx', ...more, '--keep-float', 'MatMull']
      const { code, stdout, stderr } = await bench.whet(...words)
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toMatch(/no node and no operator is named "MatMull".*\n.*did you mean "MatMul"\?/)
      expect(bench.files()).not.toContain('out.onnx')
    },
    30_000,
  )

  test('an operator that integer kernels take in is said; its node by name keeps the whole in float', async () => {
    const cnn = bench.model(
      'relu.onnx',
      `g (float[N,16] x) => (float[N,8] y) <float[16,64] w = ${weights(1024)}, float[64,8] v = ${weights(512)}>
       { a = MatMul(x, w)  r = Relu(a)  y = MatMul(r, v) }`,
    )
    const words = ['quantize', cnn, '--data', data, '-o', 'relu8.onnx', '--scheme', 'static-int8', '--keep-float']
    const asked = await bench.whet(...words, 'Relu')
    expect(asked.stdout).toMatch(/Relu was asked to stay in float, but is no step of its own in integers at r:/)
    const { float } = reportIn((await bench.whet(...words, 'r', '--json')).stdout, 'quantization')
    expect(float.map(({ reason }) => reason)).toContain('kept in float as asked')
  }, 30_000)

  test('a name that the lossless passes took away is a warning, one that is there is obeyed', async () => {
    const words = ['quantize', model, '--data', data, '-o', 'out.onnx', '--scheme', 'static-int8', '--json'] as const
    const ended = await bench.whet(...words, '--keep-float', 'Identity', '--keep-float', 'y')
    const report = reportIn(ended.stdout, 'quantization')
    expect(report.warnings).toContainEqual(expect.stringMatching(/^Identity was asked to stay in float/))
    expect(report.float).toContainEqual({ node: expect.any(String), reason: 'kept in float as asked' })
  }, 30_000)
})
