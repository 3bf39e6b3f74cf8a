import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ReportOf } from '../src/report/index.ts'
import { Bench, CLASSIFIER } from './command.ts'
import { reportIn } from './schema.ts'
import { keyFiles } from './store-kit.ts'

const bench = new Bench()
afterAll(() => bench.remove())
const keys = keyFiles(bench.folder, 'key')

/** Each command starts a process, which takes seconds on a busy machine. */
const PATIENCE = { timeout: 240_000 }
let first: ReportOf<'version'>
let second: ReportOf<'version'>

beforeAll(async () => {
  bench.model('model.onnx', CLASSIFIER)
  bench.rows('eval.npz', 300, 16)
  first = reportIn((await bench.whet('push', 'model.onnx', 'digits:v1', '--json')).stdout, 'version')
  await bench.whet('simplify', 'model.onnx', '-o', 'small.onnx', '--recipe', 'recipe.json', '--no-verify')
  const compared = await bench.whet('compare', 'model.onnx', 'small.onnx', '--data', 'eval.npz', '--json')
  writeFileSync(bench.path('comparison.json'), compared.stdout)
  const evidence = ['--recipe', 'recipe.json', '--report', 'comparison.json', '--sign', keys.secret]
  const pushed = await bench.whet('push', 'small.onnx', 'digits:v2', ...evidence, '--json')
  second = reportIn(pushed.stdout, 'version')
}, PATIENCE.timeout)

test('a model, and one made from it with its verdict', () => {
  expect(first).toMatchObject({ action: 'push', name: 'digits', tags: ['v1'], verdict: null, store: bench.store })
  expect(second).toMatchObject({
    verdict: 'pass',
    grade: 'proven',
    lineage: { explained: 'replayed', parent: { version: first.digest }, edits: [] },
    signatures: [{ what: 'model' }, { what: 'evaluation' }],
  })
})

test('a verdict does not move to another model; the history says what was made from what', PATIENCE, async () => {
  const moved = await bench.whet('push', 'model.onnx', 'digits:v3', '--report', 'comparison.json')
  expect([moved.code, moved.stdout]).toEqual([2, ''])
  expect(moved.stderr).toMatch(/this comparison report is about the model sha256:/)

  const history = reportIn((await bench.whet('log', 'digits', '--json')).stdout, 'history')
  expect(history.versions.map(({ tags, verdict, explained }) => [tags, verdict, explained])).toEqual([
    [['v2'], 'pass', 'replayed'],
    [['v1'], null, 'original'],
  ])
})

test('a name that is a slip away from one of the store is told by the server', PATIENCE, async () => {
  const { code, stderr } = await bench.whet('serve', 'digitz')
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/there is no digitz.*\n {2}did you mean "digits"\? name an/),
  ])
})

test('evidence that is no whole report is refused, with what is wrong with it', PATIENCE, async () => {
  const { candidate: _, ...rest } = JSON.parse(readFileSync(bench.path('comparison.json'), 'utf8'))
  for (const [text, message] of [
    ['verdict: pass', /this is not JSON\n {2}give the file as whet … --json printed it/],
    [JSON.stringify(rest), /the comparison report is damaged: candidate is missing/],
    ['{"kind":"latency","version":1}', /the latency report is damaged: \w+ is missing/],
  ] as const) {
    writeFileSync(bench.path('spoilt.json'), text)
    const { code, stdout, stderr } = await bench.whet('push', 'model.onnx', 'digits:v3', '--report', 'spoilt.json')
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(message)])
  }
})

test('a changed byte is found by name, and nothing of it is pulled', PATIENCE, async () => {
  cpSync(bench.store, bench.path('spoilt'), { recursive: true })
  const there = ['--store', 'spoilt']
  const verify = () => bench.whet('verify', 'digits:v2', '--key', keys.open, ...there, '--json')
  const sound = await verify()
  expect([sound.code, reportIn(sound.stdout, 'verification').sound]).toEqual([0, true])
  const pulled = await bench.whet('pull', 'digits:v2', '-o', 'pulled', '--key', keys.open, ...there, '--quiet')
  expect(pulled.code).toBe(0)
  expect(readFileSync(bench.path('pulled/model.onnx'))).toEqual(readFileSync(bench.path('small.onnx')))

  const blob = bench.path('spoilt/digits/blobs/sha256', second.model.digest.slice(7))
  const bytes = readFileSync(blob)
  bytes[bytes.length - 1]! ^= 1
  writeFileSync(blob, bytes)
  const tampered = await verify()
  const { problems } = reportIn(tampered.stdout, 'verification').versions[0]!
  expect([tampered.code, problems]).toEqual([1, [`model.onnx: the blob ${second.model.digest} is changed`]])
  const refused = await bench.whet('pull', 'digits:v2', '-o', 'again', ...there)
  expect(refused.code).toBe(2)
  expect(refused.stderr).toContain(`the blob ${second.model.digest} was changed`)
  expect(bench.files().some((name) => name.startsWith('again'))).toBe(false)
})

test('of a store that holds nothing, nothing is sound', PATIENCE, async () => {
  const empty = await bench.whet('verify', '--store', 'typo', '--json')
  expect(empty.code).toBe(2)
  expect(empty.stderr).toMatch(/there is no version to verify/)
  const shown = await bench.whet('show', 'digits', '--store', 'typo')
  expect([shown.code, shown.stderr]).toEqual([
    2,
    expect.stringMatching(/no version digits:latest\n.*whet push MODEL digits/),
  ])
})

test('a path that is not there and can be no name is missed as a file, not as a wrong name', PATIENCE, async () => {
  const { code, stderr } = await bench.whet('serve', 'models/')
  expect([code, stderr]).toEqual([2, expect.stringContaining('there is no models/, as a file or a folder')])
})

test('wrong words are refused with what to do', PATIENCE, async () => {
  const ended = await Promise.all([
    bench.whet('push', 'model.onnx', '../digits:v1'),
    bench.whet('push', 'model.onnx', 'digits:v1', '--allow', 'anything'),
    bench.whet('push', 'none.onnx', 'digits:v1'),
    bench.whet('pull', 'digits:v1'),
    bench.whet('tag', 'digits:v1'),
    bench.whet('tag', 'digits:v1', 'live', '--expect', 'abc'),
    bench.whet('gc', '--grace', 'soon'),
  ])
  expect(ended.map(({ code, stdout }) => [code, stdout])).toEqual(ended.map(() => [2, '']))
  expect(ended.map(({ stderr }) => stderr.split('\n')[0])).toEqual([
    expect.stringContaining('cannot be the name of a model'),
    expect.stringContaining('--allow anything: no such thing'),
    expect.stringContaining('none.onnx'),
    expect.stringContaining('say where to write it'),
    expect.stringContaining('say which tag to set'),
    expect.stringContaining('"abc" is not a digest'),
    expect.stringContaining('--grace soon: not a duration'),
  ])
})

test('no grace at all may be written with a unit', PATIENCE, async () => {
  const { code, stdout } = await bench.whet('gc', '--grace', '0s', '--dry-run', '--json')
  expect([code, reportIn(stdout, 'collection').graceMs]).toEqual([0, 0])
})

test('a model out of the folder of whet optimize: what stays behind is said', PATIENCE, async () => {
  mkdirSync(bench.path('out'))
  copyFileSync(bench.path('model.onnx'), bench.path('out/model.onnx'))
  for (const name of ['report.json', 'recipe.json']) writeFileSync(bench.path('out', name), '{}')
  const alone = await bench.whet('push', 'out/model.onnx', 'alone:v1')
  expect([alone.code, alone.stderr]).toEqual([0, expect.stringContaining('whet push out alone:v1 takes all three')])
})

test('a folder is not given the name of a model', PATIENCE, async () => {
  for (const words of [
    ['pull', 'digits:v1'],
    ['optimize', 'model.onnx', '--data', 'eval.npz'],
    ['distil', 'model.onnx', '--data', 'eval.npz'],
  ]) {
    const { code, stderr } = await bench.whet(...words, '-o', 'small.onnx')
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/writes a folder of files\n {2}name the folder: -o small\n/),
    ])
    const { stderr: taken } = await bench.whet(...words, '-o', 'recipe.json')
    expect(taken).toMatch(/a file has this name/)
  }
})
