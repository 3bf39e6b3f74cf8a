import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { openDataset } from '../src/data/index.ts'
import { ortNode } from '../src/engine/index.ts'
import { decodeModel } from '../src/onnx/index.ts'
import type { ComparisonReport, SelectionReport } from '../src/report/index.ts'
import { Bench, CLASSIFIER, floats, integers } from './command.ts'
import { sarifProblems } from './sarif-schema.ts'

const bench = new Bench()
const ROWS = 300

/** Rows whose labels are the model's own answers, so that it is right on every one. */
async function labelled(): Promise<void> {
  const path = bench.rows('plain.npz', ROWS, 16)
  const session = await ortNode.open(decodeModel(readFileSync(bench.path('model.onnx'))))
  const answers: number[] = []
  for await (const { columns } of (await openDataset(path, { inputs: session.inputs })).read({ batch: ROWS })) {
    const { y } = await session.run({ x: { ...columns.x!, dtype: 'float32' } as never })
    for (let row = 0; row < ROWS; row++) answers.push(y!.data[2 * row]! >= y!.data[2 * row + 1]! ? 0 : 1)
  }
  await session.close()
  const half = integers(ROWS, (row) => row % 2)
  bench.rows('plain.npz', ROWS, 16, { labels: integers(ROWS, (row) => answers[row]!), half })
}

beforeAll(async () => {
  bench.model('model.onnx', CLASSIFIER)
  bench.model('swapped.onnx', CLASSIFIER.replace('y = Add(e, b2)', 'f = Add(e, b2)\n y = Neg(f)'))
  await labelled()
  writeFileSync(bench.path('open.yaml'), 'margin: 0.02\nsize: { maxRatio: 1.5 }\n')
  writeFileSync(bench.path('strict.yaml'), 'margin: 0.02\nsize: { maxBytes: 10 }\n')
  writeFileSync(bench.path('fair.yaml'), 'margin: 0.02\nfairness: { half: 0.2 }\n')
  writeFileSync(bench.path('few.yaml'), 'margin: 0.001\n')
  writeFileSync(bench.path('typo.yaml'), 'margin: 0.02\nlatncy: { maxRatio: 1 }\n')
}, 120_000)
afterAll(() => bench.remove())

const compare = (gate: string, candidate: string, ...more: readonly string[]) =>
  bench.whet('compare', 'model.onnx', candidate, '--data', 'plain.npz', '--gate', gate, ...more)

describe('compare --gate', () => {
  test('a margin under `metrics` holds for the metric that the labels chose', async () => {
    writeFileSync(bench.path('own.yaml'), 'margin: 0.02\nmetrics: { top1: 0.001 }\n')
    const { code, stdout } = await compare('own.yaml', 'model.onnx', '--json')
    const { margin, metric, gate, nonInferiority } = JSON.parse(stdout) as ComparisonReport
    expect([code, metric, margin, nonInferiority!.margin]).toEqual([3, 'top1', 0.001, 0.001])
    expect(gate!.checks.map(({ id, limit, verdict }) => [id, limit, verdict])).toEqual([
      ['margin', 'loses less than 0.001', 'inconclusive'],
    ])
  })
  test('0 where every limit is kept, with files that pipelines read', async () => {
    const files = ['--junit', 'g.xml', '--sarif', 'g.sarif', '--markdown', 'g.md', '-o', 'g.html']
    const { code, stdout, stderr } = await compare('open.yaml', 'model.onnx', '--json', ...files)
    expect([code, stderr]).toEqual([0, 'wrote g.html\nwrote g.xml\nwrote g.sarif\nwrote g.md\n'])
    const report = JSON.parse(stdout) as ComparisonReport
    expect(report.gate).toMatchObject({ file: 'open.yaml', verdict: 'pass' })
    expect(report.gate!.checks.map(({ id, verdict, line }) => [id, verdict, line])).toEqual([
      ['margin', 'pass', 1],
      ['size.maxRatio', 'pass', 2],
    ])
    expect(readFileSync(bench.path('g.xml'), 'utf8')).toMatch(/tests="2" failures="0"/)
    expect(JSON.parse(readFileSync(bench.path('g.sarif'), 'utf8')).runs[0].results).toEqual([])
    expect(readFileSync(bench.path('g.md'), 'utf8')).toMatch(/^### ✅ pass: model\.onnx against model\.onnx/)
    const html = readFileSync(bench.path('g.html'), 'utf8')
    expect(html).toMatch(/<h2>The gate<\/h2>/)
    expect(html).not.toMatch(/src="(?!data:)|href="http|@import|url\(|<script/)
  }, 120_000)
  test('1 where a limit is broken: failure, error and line are told', async () => {
    const { code } = await compare(
      'strict.yaml',
      'model.onnx',
      '--junit',
      'b.xml',
      '--sarif',
      'b.sarif',
      '--markdown',
      'b.md',
    )
    expect(code).toBe(1)
    expect(readFileSync(bench.path('b.xml'), 'utf8')).toMatch(
      /<testcase classname="whetstone.gate" name="size.maxBytes" time="0">\s*<failure type="regressed" message="[^"]+">/,
    )
    const sarif = JSON.parse(readFileSync(bench.path('b.sarif'), 'utf8'))
    expect(sarifProblems(readFileSync(bench.path('b.sarif'), 'utf8'))).toBeNull()
    expect(sarifProblems(readFileSync(bench.path('b.sarif'), 'utf8').replace('"error"', '"fatal"'))).not.toBeNull()
    const [result] = sarif.runs[0].results
    expect(result).toMatchObject({ ruleId: 'size', level: 'error' })
    expect(sarif.runs[0].tool.driver.rules[result.ruleIndex].id).toBe('size')
    expect(result.locations[0].physicalLocation).toEqual({
      artifactLocation: { uri: 'strict.yaml' },
      region: { startLine: 2 },
    })
    expect(readFileSync(bench.path('b.md'), 'utf8')).toMatch(
      /The gate is shut: 1 of 2 limits broken \(size\.maxBytes\)/,
    )
    expect((await compare('open.yaml', 'swapped.onnx')).code).toBe(1)
  }, 120_000)
  test('3 where the rows cannot decide', async () => {
    const { code, stdout } = await compare('few.yaml', 'model.onnx')
    expect(code).toBe(3)
    expect(stdout).toMatch(/The gate cannot decide: 1 of 1 limits/)
  }, 120_000)
  test('2 for a key that does not exist, two sources of one figure, a page that is none, and nothing is written', async () => {
    const typo = await compare('typo.yaml', 'model.onnx', '--junit', 'none.xml')
    expect([typo.code, typo.stderr]).toEqual([
      2,
      expect.stringMatching(/typo\.yaml:2: a gate file has no key "latncy"\n {2}did you mean "latency"\?/),
    ])
    const doubled = await compare('open.yaml', 'model.onnx', '--margin', '0.1')
    expect([doubled.code, doubled.stderr]).toEqual([2, expect.stringMatching(/--margin and the margin of open\.yaml/)])
    const page = await compare('open.yaml', 'model.onnx', '-o', 'report.pdf')
    expect([page.code, page.stderr]).toEqual([2, expect.stringMatching(/report\.html|FILE\.html/)])
    expect(bench.files()).not.toContain('none.xml')
  }, 120_000)
})

test('select: one harness, a leaderboard, the front', async () => {
  const { code, stdout, stderr } = await bench.whet(
    ...['select', 'model.onnx', 'swapped.onnx', '--data', 'plain.npz', '--gate', 'open.yaml'],
    ...['--gate', 'few.yaml', '--duration', '0.2', '--json', '-o', 'selection.html'],
  )
  // The first gate lets the first model through, the second needs more rows for any.
  expect([code, stderr]).toEqual([3, 'wrote selection.html\n'])
  const report = JSON.parse(stdout) as SelectionReport
  expect(
    report.models.map(({ path, gates, admitted }) => [path, gates.map(({ verdict }) => verdict), admitted]),
  ).toEqual([
    ['model.onnx', ['pass', 'inconclusive'], false],
    ['swapped.onnx', ['regressed', 'regressed'], false],
  ])
  expect(report.chosen).toBeNull()
  expect(report.front).toContain('model.onnx')
  expect(report.models[0]!.verdict).toBeNull()
  expect(report.models[1]!.ratio!.median).toBeGreaterThan(0)
  expect(readFileSync(bench.path('selection.html'), 'utf8')).toMatch(/<h2>Leaderboard<\/h2>/)
  const none = await bench.whet('select', 'model.onnx', 'swapped.onnx', '--data', 'plain.npz')
  expect([none.code, none.stderr]).toEqual([2, expect.stringMatching(/--gate is missing/)])
}, 120_000)

test('select: the gap between groups is measured where a gate limits it', async () => {
  const { code, stdout, stderr } = await bench.whet(
    ...['select', 'model.onnx', 'swapped.onnx', '--data', 'plain.npz', '--gate', 'fair.yaml', '--duration', '0.2'],
    '--json',
  )
  expect([code, stderr]).toEqual([0, ''])
  const checks = (JSON.parse(stdout) as SelectionReport).models.map(({ gates }) => gates[0]!.checks)
  const fair = checks.map((of) => of.find(({ id }) => id === 'fairness.half')!)
  expect(fair.map(({ verdict }) => verdict)).toEqual(['pass', 'pass'])
  // Wrong everywhere: the groups of the field have lost as all rows have, and each is told by its name.
  expect(checks[1]!.filter(({ verdict }) => verdict === 'regressed').map(({ id }) => id)).toEqual([
    'margin',
    'slices.half=0',
    'slices.half=1',
  ])
  expect(fair[1]!.measured).toMatch(/^0 → 0 \(change 0 to 0\)$/)
}, 120_000)

test('select: a model of another architecture reads the same rows in its own form, named by flag or gate file', async () => {
  // Twice the width, every number a hundred times as large, under another name.
  const wide = CLASSIFIER.replace('float[N,16] x', 'float[N,32] wide')
    .replace('  <', '  <int64[1] ax = {1}, int64[1] from = {0}, int64[1] to = {16}, float hundredth = {0.01}, ')
    .replace('{ a =', '{ h = Slice(wide, from, to, ax)\n x = Mul(h, hundredth)\n a =')
  bench.model('wide.onnx', wide)
  const plain = Float32Array.from({ length: ROWS * 16 }, (_, i) => Math.sin(i * 1.7))
  const twice = Float32Array.from({ length: ROWS * 32 }, (_, i) =>
    i % 32 < 16 ? 100 * plain[16 * (i >> 5) + (i % 32)]! : 7,
  )
  mkdirSync(bench.path('gates'), { recursive: true })
  bench.npz('gates/wide.npz', { wide: floats(twice, [ROWS, 32]) })
  const lines = 'latency: { maxRatio: 100 }\nrobustness: { margin: 0.2, corruptions: noise, severities: 1 }\n'
  writeFileSync(bench.path('gates/own.yaml'), `margin: 0.02\n${lines}data:\n  wide.onnx: wide.npz\n`)
  const named = await bench.whet(
    ...['select', 'model.onnx', 'wide.onnx', '--data', 'plain.npz', '--gate', 'gates/own.yaml'],
    ...['--duration', '0.2', '--json'],
  )
  expect([named.code, named.stderr]).toEqual([0, ''])
  const report = JSON.parse(named.stdout) as SelectionReport
  const other = report.models.find(({ path }) => path === 'wide.onnx')!
  expect(other).toMatchObject({ admitted: true, verdict: 'pass', metric: 1, data: join('gates', 'wide.npz') })
  expect(other.gates[0]!.checks.map(({ id, verdict }) => [id, verdict])).toEqual([
    ['margin', 'pass'],
    ['latency.maxRatio', 'pass'],
    ['robustness.margin', 'pass'],
  ])
  const flag = ['--data-for', 'wide.onnx=gates/wide.npz']
  // An input of another rank is no other form of the rows either, and of two models the one is named.
  const cube = CLASSIFIER.replace('float[N,16] x', 'float[N,4,2,2] x').replace(
    '{ a = MatMul(x',
    '{ f = Flatten(x)\n a = MatMul(f',
  )
  bench.model('cube.onnx', cube)
  const gated = ['--data', 'plain.npz', '--gate', 'open.yaml']
  const [compared, without, cubes, stranger] = await Promise.all([
    bench.whet('compare', 'model.onnx', 'wide.onnx', '--data', 'plain.npz', '--margin', '0.02', ...flag, '--json'),
    bench.whet('select', 'model.onnx', 'wide.onnx', ...gated),
    bench.whet('compare', 'model.onnx', 'cube.onnx', '--data', 'plain.npz'),
    bench.whet('select', 'model.onnx', 'wide.onnx', ...gated, '--data-for', 'w=x'),
  ])
  expect([compared.code, compared.stderr]).toEqual([0, ''])
  expect((JSON.parse(compared.stdout) as ComparisonReport).agreement!.changed).toBe(0)
  expect([without.code, without.stderr]).toEqual([2, expect.stringMatching(/--data-for wide\.onnx=D2/)])
  expect([cubes.code, cubes.stderr]).toEqual([2, expect.stringMatching(/\[N,4,2,2\][\s\S]*--data-for cube\.onnx=D2/)])
  expect([stranger.code, stranger.stderr]).toEqual([2, expect.stringMatching(/not MODEL=D2 of a model in this call/)])
}, 120_000)

const ROOT = resolve(import.meta.dirname, '..')
const bash = spawnSync('bash', ['-c', 'exit 0']).status === 0
describe.skipIf(!bash)('action.yml', () => {
  const action = parse(readFileSync(join(ROOT, 'action.yml'), 'utf8'))
  const [step] = action.runs.steps
  const run = (code: number, more: Readonly<Record<string, string>> = {}) => {
    const folder = bench.path(`action-${code}-${Object.keys(more).length}`)
    mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true })
    mkdirSync(join(folder, 'out'), { recursive: true })
    for (const name of ['report.html', 'gate.xml', 'own.txt']) writeFileSync(join(folder, 'out', name), 'of before')
    const stub = join(folder, 'node_modules/.bin/whet')
    writeFileSync(stub, `#!/bin/bash\nprintf '%s\\n' "$@" > seen\necho '# told' > out/comment.md\nexit ${code}\n`)
    chmodSync(stub, 0o755)
    const env = {
      PATH: process.env.PATH!,
      ...{ BASE: 'a b.onnx', CANDIDATE: '$(touch owned)', DATA: 'd', GATE: 'g.yaml', OUTPUT: 'out', VERSION: '' },
      ...{ ARGUMENTS: '--cluster=person\n', ALLOW_INCONCLUSIVE: 'false' },
      ...{ GITHUB_OUTPUT: join(folder, 'outputs'), GITHUB_STEP_SUMMARY: join(folder, 'summary') },
      ...more,
    }
    const ended = spawnSync('bash', ['-c', step.run], { cwd: folder, env, encoding: 'utf8' })
    const read = (name: string) => readFileSync(join(folder, name), 'utf8')
    return { code: ended.status, stdout: ended.stdout, read }
  }
  test('every input is used, and reaches the script through the environment', () => {
    const env = Object.values(step.env as Record<string, string>).join(' ')
    for (const name of Object.keys(action.inputs)) expect(env).toContain(`\${{ inputs.${name} }}`)
    expect(step.run).not.toContain('${{')
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    expect(action.inputs.version.default).toBe(version)
  })
  test('ends as the gate says, with verdict and summary; arguments are not commands', () => {
    const passed = run(0)
    expect(passed.code).toBe(0)
    expect(passed.read('outputs')).toBe('verdict=pass\n')
    expect(passed.read('summary')).toBe('# told\n')
    expect(passed.read('seen').split('\n')).toEqual(
      expect.arrayContaining(['compare', 'a b.onnx', '$(touch owned)', '--gate', 'g.yaml', '--cluster=person']),
    )
    expect(() => passed.read('owned')).toThrow()
    expect(run(1)).toMatchObject({ code: 1 })
    expect(run(3)).toMatchObject({ code: 3 })
    const allowed = run(3, { ALLOW_INCONCLUSIVE: 'true' })
    expect(allowed.code).toBe(0)
    expect(allowed.read('outputs')).toBe('verdict=inconclusive\n')
    expect(run(2).stdout).toMatch(/::error title=Whetstone::/)
  })
  test('leaves no file of a run before to be taken for its own, and those of others alone', () => {
    const { read } = run(2)
    for (const name of ['report.html', 'gate.xml']) expect(() => read(`out/${name}`)).toThrow(/ENOENT/)
    expect(read('out/own.txt')).toBe('of before')
  })
})
