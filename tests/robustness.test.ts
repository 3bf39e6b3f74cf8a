import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Bench, floats, integers, weights } from './command.ts'
import { reportIn } from './schema.ts'

/** A convolution, a pool and a product: logits of two classes from 12 × 12 pictures, through a Softmax. */
const PICTURES = `g (float[N,1,12,12] x) => (float[N,2] y)
<float[4,1,3,3] k = ${weights(36, 3)}, float[4,2] w = {2,-2,-1.5,1.5,1,-1,-0.5,0.5}>
{
  c = Conv <pads=[1,1,1,1]> (x, k)
  a = Relu (c)
  p = GlobalAveragePool (a)
  f = Flatten (p)
  z = MatMul (f, w)
  y = Softmax (z)
}`

const bench = new Bench()
const ROWS = 30
beforeAll(() => {
  bench.model('base.onnx', PICTURES)
  bench.model('other.onnx', PICTURES.replace('2,-2,-1.5,1.5', '2,-2,-1.2,1.2'))
  const x = Float32Array.from(
    { length: ROWS * 144 },
    (_, i) => Math.round(255 * (0.5 + 0.4 * Math.sin(i * 0.37 + Math.floor(i / 144)))) / 255,
  )
  bench.npz('pictures.npz', { x: floats(x, [ROWS, 1, 12, 12]), labels: integers(ROWS, (i) => i % 2) })
  bench.npz('strange.npz', {
    x: floats(
      x.map((value, i) => (i % 3 === 0 ? 1 - value : 0)),
      [ROWS, 1, 12, 12],
    ),
  })
  bench.npz('one.npz', { x: floats(x.slice(0, 144), [1, 1, 12, 12]), labels: integers(1, () => 0) })
})
afterAll(() => bench.remove())

describe('whet robustness', () => {
  test('one report for both models, a page, and rows from elsewhere', async () => {
    const { code, stdout, stderr } = await bench.whet(
      ...['robustness', 'base.onnx', 'other.onnx', '--data', 'pictures.npz', '--ood', 'strange.npz'],
      ...['--corruptions', 'fog,snow,jpeg-compression', '--severities', '1,4', '-o', 'page.html', '--json'],
    )
    const report = reportIn(stdout, 'robustness')
    expect([code, stderr, report.models[1]!.change?.verdict]).toEqual([3, 'wrote page.html\n', 'inconclusive'])
    expect(report).toMatchObject({ n: ROWS, modality: 'images', severities: [1, 4], metric: 'top1', labelled: true })
    expect(report.corruptions.map(({ name }) => name)).toEqual(['fog', 'snow', 'jpeg-compression'])
    expect(report.models.map(({ path }) => path)).toEqual(['base.onnx', 'other.onnx'])
    // The graph shows the logits before the Softmax and the features before the product.
    expect(report.outOfDistribution!.readFrom[0]).toEqual({ logits: 'z', features: 'f' })
    expect(report.outOfDistribution!.detectors.every(({ models }) => models.every((score) => score !== null))).toBe(
      true,
    )
    const page = readFileSync(bench.path('page.html'), 'utf8')
    // The title names who stands it and who does not; the figures follow, and the cells are counted as they are.
    expect(page).toMatch(/<h1>[^<]{10,140}other\.onnx[^<]*<\/h1>/)
    expect(page).toContain('of 6 such cells')
    for (const words of ['jpeg-compression', 'FPR95, out positive', 'smallest changes']) expect(page).toContain(words)
    expect(page).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/)
  })
  test('a second run gives the same bytes from what was kept, and the terminal reads well', async () => {
    const words = [
      'robustness',
      'base.onnx',
      'other.onnx',
      '--data',
      'pictures.npz',
      '--corruptions',
      'fog',
      '--severities',
      '2',
    ]
    const first = await bench.whet(...words, '--json')
    const second = await bench.whet(...words, '--json')
    expect(second.stdout).toBe(first.stdout)
    const { stdout } = await bench.whet(...words)
    expect(stdout).toContain('top1 of base.onnx, and the change with other.onnx')
    expect(stdout).toMatch(/^fog +0\.\d{3} +[+−]?0\.\d{3}/m)
    expect(stdout).toContain('not measured:\n  out of distribution: no rows from elsewhere were given (--ood)')
    // Sentences may be longer than a line; tables may not.
    const tables = stdout.split('\n').filter((line, i) => i > 0 && !line.startsWith('  '))
    for (const line of tables) expect(line.length).toBeLessThanOrEqual(120)
  })
  test('the exit code is that of the worst verdict against the first; one model has none', async () => {
    bench.model('same.onnx', 'g (float[N,2] x) => (float[N,2] y) { y = Identity(x) }')
    bench.model('contrary.onnx', 'g (float[N,2] x) => (float[N,2] y) { y = Neg(x) }')
    for (const rows of [30, 400]) {
      const x = Float32Array.from({ length: 2 * rows }, (_, i) => ((i + (i >> 1)) % 2 === 0 ? 9 : -9))
      bench.npz(`${rows}.npz`, { x: floats(x, [rows, 2]), labels: integers(rows, (i) => i % 2) })
    }
    const exit = async (data: string, ...models: readonly string[]) => {
      const few = ['--as', 'table', '--corruptions', 'noise', '--severities', '1', '--json']
      const { code, stdout } = await bench.whet('robustness', ...models, '--data', data, ...few)
      const [, ...others] = reportIn(stdout, 'robustness').models
      return [code, ...others.map(({ change }) => change?.verdict)]
    }
    const exits = await Promise.all([
      exit('400.npz', 'same.onnx', 'same.onnx'),
      exit('30.npz', 'same.onnx', 'same.onnx'),
      exit('400.npz', 'same.onnx', 'same.onnx', 'contrary.onnx'),
      exit('30.npz', 'same.onnx'),
    ])
    expect(exits).toEqual([[0, 'pass'], [3, 'inconclusive'], [1, 'pass', 'regressed'], [0]])
  }, 120_000)
  test('one row and one model', async () => {
    const { code, stdout } = await bench.whet(
      'robustness',
      'base.onnx',
      '--data',
      'one.npz',
      '--corruptions',
      'contrast',
      '--json',
    )
    expect(code).toBe(0)
    expect(reportIn(stdout, 'robustness')).toMatchObject({ n: 1, models: [{ mce: expect.anything() }] })
  })
  test.each([
    [['--corruptions', 'fogg'], /no corruption "fogg" for images.*did you mean "fog"/s],
    [['--range', '1,0'], /--range 1,0: not two numbers/],
    [['-o', 'page.pdf'], /-o page.pdf: the report is written as a page/],
  ] as const)('%s is refused', async (words, message) => {
    const { code, stderr, stdout } = await bench.whet('robustness', 'base.onnx', '--data', 'pictures.npz', ...words)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(message)
  })
})
