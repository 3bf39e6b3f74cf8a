import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WHETSTONE_VERSION } from '../src/report/index.ts'
import { Bench, CLASSIFIER, integers, PROGRAM } from './command.ts'
import { reportIn } from './schema.ts'

const bench = new Bench()
afterAll(() => bench.remove())

let model = ''
let data = ''
beforeAll(() => {
  model = bench.model('model.onnx', CLASSIFIER)
  data = bench.rows('eval.npz', 300, 16, { half: integers(300, (row) => row % 2) })
})

describe('without a verb', () => {
  test('--version, --help and the help of a verb', async () => {
    const [version, word, letter, help, verb, nothing] = await Promise.all([
      bench.whet('--version'),
      bench.whet('version'),
      bench.whet('-V'),
      bench.whet('--help'),
      bench.whet('optimize', '--help'),
      bench.whet(),
    ])
    expect(version).toEqual({ code: 0, stdout: `${WHETSTONE_VERSION}\n`, stderr: '' })
    expect([word, letter]).toEqual([version, version])
    expect(help.code).toBe(0)
    for (const name of ['inspect', 'simplify', 'quantize', 'compare', 'bench', 'optimize', 'apply', 'doctor', 'cache'])
      expect(help.stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
    expect(verb.code).toBe(0)
    expect(verb.stdout).toContain('--proven-only')
    expect(nothing.code).toBe(2)
  })

  test('with --json, the version and each page of help are one document', async () => {
    const said = await Promise.all(
      [['--version'], ['version'], ['--help'], ['help'], ['help', 'doctor'], ['doctor', '--help'], ['-h']].map(
        (words) => bench.whet(...words, '--json'),
      ),
    )
    for (const [i, { code, stdout, stderr }] of said.entries()) {
      const { whetstone, help } = reportIn(stdout, 'program')
      expect([code, stderr, whetstone]).toEqual([0, '', WHETSTONE_VERSION])
      expect(help === undefined).toBe(i < 2)
    }
    expect(reportIn(said[4]!.stdout, 'program').help).toMatch(/^whet doctor/)
  })

  test.each([
    [['optimise', 'm.onnx'], /no verb "optimise"\n {2}did you mean "optimize"\?/],
    [['zzzzz', 'm.onnx'], /no verb "zzzzz"\n {2}whet --help/],
    [['--versoin'], /no verb "--versoin"\n {2}did you mean "--version"\?/],
    [['inspect', 'm.onnx', '--jsn'], /no option --jsn; did you mean --json/],
    [['optimize', 'm.onnx', '-d', 'd.npz'], /no option -d\n/],
    [['quantize', 'm.onnx', '-o', 'q.onnx', '--scheme', 'static-int'], /did you mean "static-int8"/],
    [['compare', 'm.onnx'], /takes two models, got 1/],
    [['compare', 'm.onnx', 'm.onnx', '--data', 'd', '--margin', '0'], /--margin 0: not a number above 0\n/],
    [
      ['quantize', 'm.onnx', '-o', 'q.onnx', '--scheme', 'weight-int4', '--group', '33'],
      /--group 33: no such choice\n.*choices: 16, 32, 64, 128, 256\n/,
    ],
    [['simplify', 'm.onnx', '-o', 'q.onnx', '--seed', '1.5'], /--seed 1\.5: not a whole number from 0 up/],
    [
      ['optimize', 'm.onnx', '-o', 'out', '--data', 'd', '--max-bytes', '10 mega'],
      /--max-bytes 10 mega: not a size from 0 up\n.*--max-bytes 5MB, 200MiB or 64k/,
    ],
    [['optimize', 'm.onnx', '-o', 'out', '--data', 'd', '--max-rss', '=5MB'], /--max-rss =5MB: not a size/],
    [['optimize', 'm.onnx', '-o', 'out', '--data', 'd', '--max-p99', '0'], /--max-p99 0: not a number from 0\.001 up/],
    [['inspect', 'm.onnx', '--shape'], /--shape needs a value/],
    [['compare', 'a', 'b', '--margin', '0.05', '--margin=0.01'], /--margin is given twice: 0.05 and 0.01\n {2}give it/],
    [['quantize', 'm.onnx', '-o', 'a.onnx', '--output', 'b.onnx'], /--output is given twice: a.onnx and b.onnx\n/],
    [['audit', 'rows.npz'], /no verb "audit"\n.*whetstone\/audit.*docs\/audit\.md/],
    [['studio'], /no verb "studio"\n.*report\.html.*docs\/web\.md/],
    [['optimize', 'm.onnx', '-o', 'out'], /--data is missing/],
    [['simplify', 'm.onnx'], /--output is missing/],
    [['cache', 'burn'], /cache burn: no such action/],
  ] as const)('%j is refused with what to do', async (words, message) => {
    const { code, stdout, stderr } = await bench.whet(...words)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(message)
    expect(stderr.trim().split('\n')).toHaveLength(2)
  })
})

test.each([
  ['x', /--shape x: not INPUT=N,N/],
  ['X=1,16', /--shape X=1,16: the model has no input "X"\n {2}did you mean "x"\? its inputs are x\n/],
  ['x=1,3,5', /--shape x=1,3,5: the model declares x\[\w+,16\]\n {2}give as many numbers/],
  ['x=1,17', /--shape x=1,17: the model declares x\[\w+,16\]\n/],
] as const)('--shape %s is refused', async (shape, message) => {
  for (const words of [['inspect'], ['simplify', '-o', 'none.onnx'], ['bench']])
    expect(await bench.whet(...words, model, '--shape', shape)).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(message),
    })
})

test('bench refuses shapes that ask for no rows, of which it would tell a time', async () => {
  expect(await bench.whet('bench', model, '--shape', 'x=0,16', '--duration', '0.1')).toEqual({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(/x: the shapes ask for no rows: nothing would be timed\n {2}the first number is/),
  })
})

test('serve --preferred-batch takes numbers', async () => {
  const { code, stderr } = await bench.whet('serve', model, '--preferred-batch', 'many')
  expect([code, stderr]).toEqual([2, expect.stringMatching(/--preferred-batch many: not a whole number from 1 to/)])
})

describe('each verb prints one report that keeps to its schema, and nothing else, on stdout', () => {
  test('inspect', async () => {
    const ended = await bench.whet('inspect', model, '--shape', 'x=1,16', '--json')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const report = reportIn(ended.stdout, 'inspection')
    expect(report.operators).toEqual({ Add: 2, MatMul: 2, Relu: 1, Identity: 1 })
    expect(report.parameters).toBe(16 * 32 + 32 + 32 * 2 + 2)
    expect(report.macs).toBe(16 * 32 + 32 * 2)
    expect(report.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: [1, 16] }])
    expect(report.model.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
  })

  test('simplify, compare with itself, and the same bytes from a second run', async () => {
    const ended = await bench.whet('simplify', model, '-o', 'lossless.onnx', '--json')
    expect(ended).toMatchObject({ code: 0, stderr: 'wrote lossless.onnx\n' })
    const report = reportIn(ended.stdout, 'rewrite')
    expect(report.after.nodes).toBeLessThan(report.before.nodes)
    expect(report.equivalence!.samples).toBeGreaterThan(0)
    const again = await bench.whet('simplify', model, '-o', 'again.onnx', '--quiet')
    expect(again).toMatchObject({ code: 0, stderr: '' })
    expect(again.stdout).toMatch(/nodes/)
    expect(readFileSync(bench.path('again.onnx'))).toEqual(readFileSync(bench.path('lossless.onnx')))

    const compared = await bench.whet('compare', model, 'lossless.onnx', '--data', data, '--slice', 'half', '--json')
    const comparison = reportIn(compared.stdout, 'comparison')
    expect(comparison).toMatchObject({ verdict: 'pass', grade: 'proven', n: 300, metric: 'top1' })
    expect(comparison.discordant).toEqual({ baseOnly: 0, candidateOnly: 0 })
    expect(comparison.slices.map(({ n }) => n)).toEqual([150, 150])
    expect(compared.code).toBe(0)
  })

  test('quantize: planned kernels are the ones that run, and the same command gives the same bytes', async () => {
    const words = (out: string) =>
      ['quantize', model, '-o', out, '--scheme', 'static-int8', '--data', data, '--samples', '64', '--json'] as const
    const first = await bench.whet(...words('int8.onnx'))
    expect(first.code).toBe(0)
    const report = reportIn(first.stdout, 'quantization')
    expect(report.scheme).toBe('static-int8')
    const { planned, kernels, float } = report
    for (const [name, count] of Object.entries(planned)) expect([name, kernels![name]]).toEqual([name, count])
    // Both products are accounted for: integer, or in the list with a reason.
    const products = Object.entries(planned).reduce((sum, [, count]) => sum + count, 0) + float.length
    expect(products).toBeGreaterThanOrEqual(2)
    for (const { node, reason } of float) expect([node.length > 0, reason.length > 0]).toEqual([true, true])
    expect((await bench.start(words('int8-again.onnx'), bench.path('other-cache')).ended).code).toBe(0)
    expect(readFileSync(bench.path('int8-again.onnx'))).toEqual(readFileSync(bench.path('int8.onnx')))
  })

  test('bench', async () => {
    const ended = await bench.whet('bench', model, model, '--duration', '0.2', '--shape', 'x=1,16', '--json')
    expect(ended.code).toBe(0)
    const report = reportIn(ended.stdout, 'latency')
    expect(report.threads).toBe(1)
    expect(report.models).toHaveLength(2)
    expect(report.ratios[0]!.ci[0]).toBeLessThanOrEqual(report.ratios[0]!.median)
  })

  test('doctor and cache', async () => {
    const [doctor, list] = await Promise.all([bench.whet('doctor', '--json'), bench.whet('cache', 'list', '--json')])
    expect(reportIn(doctor.stdout, 'doctor').machine.runtime).toMatch(/onnxruntime/)
    expect(reportIn(list.stdout, 'cache').folder).toBe(bench.cache)
    expect((await bench.whet('doctor')).stdout).toContain('runtime')
  })
})

describe('compare tells how sure it is by its exit code', () => {
  test('regressed is 1', async () => {
    // The same network with the two answers exchanged.
    const swapped = bench.model('swapped.onnx', CLASSIFIER.replace('y = Add(e, b2)', 'f = Add(e, b2)\n y = Neg(f)'))
    const other = await bench.whet('compare', model, swapped, '--data', await labelled(), '--json')
    expect(other.code).toBe(1)
    expect(reportIn(other.stdout, 'comparison').verdict).toBe('regressed')
  })

  test('inconclusive is 3, with the rows that would settle it', async () => {
    const few = bench.rows('few.npz', 40, 16)
    const ended = await bench.whet('compare', model, model, '--data', few, '--json')
    expect(ended.code).toBe(3)
    const report = reportIn(ended.stdout, 'comparison')
    expect(report.verdict).toBe('inconclusive')
    // With no flips at all, one point at 5 % takes 268 rows: n / (n + z²) > 0.99.
    expect(report.requiredN).toBe(268)
  })

  /** Rows whose labels are the base model's own answers. */
  async function labelled(): Promise<string> {
    const { openDataset } = await import('../src/data/index.ts')
    const { ortNode } = await import('../src/engine/index.ts')
    const { decodeModel } = await import('../src/onnx/index.ts')
    const session = await ortNode.open(decodeModel(readFileSync(model)))
    const answers: number[] = []
    for await (const { columns } of (await openDataset(data, { inputs: session.inputs })).read({ batch: 300 })) {
      const { y } = await session.run({ x: { ...columns.x!, dtype: 'float32' } as never })
      for (let row = 0; row < 300; row++)
        answers.push((y!.data as Float32Array)[2 * row]! >= (y!.data as Float32Array)[2 * row + 1]! ? 0 : 1)
    }
    await session.close()
    return bench.rows('labelled.npz', 300, 16, { labels: integers(300, (row) => answers[row]!) })
  }
})

describe('-o', () => {
  test('a folder that does not exist, one below a file, and a folder instead of a file are refused before any work', async () => {
    mkdirSync(bench.path('a-folder'))
    const links = process.platform === 'win32' ? [] : ['loop']
    for (const link of links) symlinkSync(link, bench.path(link))
    const wrong = ['missing/x.onnx', 'model.onnx/x.onnx', 'model.onnx/', 'a-folder', '/proc/x.onnx', 'x'.repeat(300)]
    for (const out of [...wrong, ...links]) {
      const { code, stdout, stderr } = await bench.whet('simplify', model, '-o', out)
      expect([out, code, stdout]).toEqual([out, 2, ''])
      expect(stderr).toMatch(/cannot write/)
      expect(stderr).not.toMatch(/ at .*:\d+/)
    }
    expect(existsSync(bench.path('missing'))).toBe(false)
    for (const link of links) rmSync(bench.path(link))
  })

  test('a name as long as the file system takes is one', async () => {
    const longest = `${'x'.repeat(250)}.onnx`
    const { code, stderr } = await bench.whet('simplify', model, '-o', longest, '--no-verify')
    expect([code, stderr]).toEqual([0, `wrote ${longest}\n`])
    rmSync(bench.path(longest))
  })

  test.skipIf(process.platform === 'win32')(
    'no file takes the place of a pipe or a device; a link stays one',
    async () => {
      spawnSync('mkfifo', [bench.path('pipe')])
      const { code, stderr } = await bench.whet('simplify', model, '-o', 'pipe')
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/^whet: cannot write pipe: .*pipe.*\n {2}name a file\n$/),
      ])
      expect(lstatSync(bench.path('pipe')).isFIFO()).toBe(true)
      writeFileSync(bench.path('v1.onnx'), 'what was there')
      symlinkSync('v1.onnx', bench.path('current.onnx'))
      expect((await bench.whet('simplify', model, '-o', 'current.onnx', '--no-verify')).code).toBe(0)
      expect(lstatSync(bench.path('current.onnx')).isSymbolicLink()).toBe(true)
      expect((await bench.whet('inspect', 'v1.onnx')).code).toBe(0)
    },
  )

  test('a file that is there is replaced as a whole, or kept on error', async () => {
    writeFileSync(bench.path('old.onnx'), 'what was there')
    writeFileSync(bench.path('broken.onnx'), 'no model')
    expect((await bench.whet('simplify', 'broken.onnx', '-o', 'old.onnx')).code).toBe(2)
    expect(readFileSync(bench.path('old.onnx'), 'utf8')).toBe('what was there')
    expect((await bench.whet('simplify', model, '-o', 'old.onnx', '--no-verify')).code).toBe(0)
    expect((await bench.whet('inspect', 'old.onnx')).code).toBe(0)
    expect(bench.files().filter((name) => name.includes('.tmp'))).toEqual([])
  })
})

test('what a metric of the user prints goes to stderr: stdout is one JSON document', async () => {
  const metric = `console.log('loaded')
export default { name: 'm', higherIsBetter: true, score: () => (console.log('a row'), 1) }`
  writeFileSync(bench.path('prints.mjs'), metric)
  const { stdout, stderr } = await bench.whet(
    ...['compare', model, model, '--data', data, '--metric', './prints.mjs', '--json'],
  )
  expect(reportIn(stdout, 'comparison').metric).toBe('m')
  expect(stderr).toMatch(/^loaded\na row\n/)
})

describe('who reads along', () => {
  test('a reader that has read enough is no error, and the exit code is still that of the verdict', async () => {
    const few = bench.rows('few-read.npz', 40, 16)
    for (const [words, expected] of [
      [['inspect', model, '--json'], 0],
      [['compare', model, model, '--data', few], 3],
    ] as const) {
      const { child, ended } = bench.start(words)
      child.stdout!.destroy()
      const { code, stderr } = await ended
      expect([words[0], code, stderr]).toEqual([words[0], expected, ''])
    }
  })

  test('that nobody reads stderr ends no work', async () => {
    writeFileSync(
      bench.path('tells.mjs'),
      `export default { name: 'm', higherIsBetter: true, score: () => (console.log('a row'), 1) }`,
    )
    const { child, ended } = bench.start(['compare', model, model, '--data', data, '--metric', './tells.mjs', '--json'])
    child.stderr!.destroy()
    const { code, stdout } = await ended
    expect([code, reportIn(stdout, 'comparison').n]).toEqual([0, 300])
  })

  test.skipIf(!existsSync('/dev/full'))('a full disk behind stdout is told, and is no verdict', () => {
    const full = openSync('/dev/full', 'w')
    const { status, stderr } = spawnSync(process.execPath, [...PROGRAM, 'inspect', model], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    })
    closeSync(full)
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^whet: cannot write stdout: .*disk\n {2}.+\n$/)])
  })
})
