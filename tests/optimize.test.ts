import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Bench, CLASSIFIER } from './command.ts'
import { reportIn } from './schema.ts'

const bench = new Bench()
afterAll(() => bench.remove())

let model = ''
let data = ''
beforeAll(() => {
  model = bench.model('model.onnx', CLASSIFIER)
  data = bench.rows('eval.npz', 700, 16)
})

const words = (out: string, ...more: readonly string[]) => within('6s', out, ...more)
const within = (time: string, out: string, ...more: readonly string[]) =>
  ['optimize', model, '--data', data, '-o', out, '--time', time, '--json', ...more] as const
/** For everything, on a busy machine too: a search that had to leave something out goes on when it is asked again. */
const PLENTY = '5m'

test('optimize writes what it promises; a second run reuses the work and gives the same; the recipe gives the bytes', async () => {
  const first = await bench.whet(...within(PLENTY, 'out'))
  expect(first).toMatchObject({ code: 0 })
  const report = reportIn(first.stdout, 'optimization')
  expect(report.rows).toEqual({ calibrate: 140, select: 210, prove: 350 })
  expect(readdirSync(bench.path('out')).sort()).toEqual([
    'candidates',
    'model.onnx',
    'recipe.json',
    'report.html',
    'report.json',
  ])
  expect(JSON.parse(readFileSync(bench.path('out', 'report.json'), 'utf8'))).toEqual(report)
  reportIn(readFileSync(bench.path('out', 'recipe.json'), 'utf8'), 'recipe')
  expect(readFileSync(bench.path('out', 'report.html'), 'utf8')).toContain('<html')

  // What is handed out keeps the promises.
  const chosen = report.candidates.find(({ id }) => id === report.chosen.id)!
  expect(chosen.id === 'original' || chosen.ratio!.ci[1] < 1.02).toBe(true)
  expect(chosen.id === 'original' || chosen.verdict === 'pass' || chosen.grade === 'close').toBe(true)
  expect(report.chosen.reason).not.toBe('')
  // Every candidate says what became of it.
  for (const { id, verdict, note } of report.candidates)
    expect([id, id === 'original' || verdict !== null || note !== undefined]).toEqual([id, true])

  const kept = readdirSync(bench.cache).length
  expect(kept).toBeGreaterThan(0)
  const second = await bench.whet(...within(PLENTY, 'out2'))
  expect(second.code).toBe(0)
  const again = reportIn(second.stdout, 'optimization')
  expect(again.chosen).toEqual(report.chosen)
  expect(readFileSync(bench.path('out2', 'model.onnx'))).toEqual(readFileSync(bench.path('out', 'model.onnx')))
  expect(readFileSync(bench.path('out2', 'recipe.json'))).toEqual(readFileSync(bench.path('out', 'recipe.json')))
  expect(readdirSync(bench.cache).length).toBe(kept)

  const replayed = await bench.whet('apply', 'out/recipe.json', model, '-o', 'replayed.onnx', '--json')
  expect(replayed.code).toBe(0)
  reportIn(replayed.stdout, 'rewrite')
  expect(readFileSync(bench.path('replayed.onnx'))).toEqual(readFileSync(bench.path('out', 'model.onnx')))
  for (const name of readdirSync(bench.path('out', 'candidates'))
    .filter((file) => file.endsWith('.onnx'))
    .slice(0, 4)) {
    const recipe = join('out', 'candidates', name.replace('.onnx', '.recipe.json'))
    expect((await bench.whet('apply', recipe, model, '-o', 'candidate.onnx')).code).toBe(0)
    expect(readFileSync(bench.path('candidate.onnx'))).toEqual(readFileSync(bench.path('out', 'candidates', name)))
  }
}, 180_000)

test('--explain tells of the finished search without another one; an unknown candidate is an error with the nearest', async () => {
  const report = reportIn(readFileSync(bench.path('out2', 'report.json'), 'utf8'), 'optimization')
  const before = statSync(bench.path('out2', 'report.json')).mtimeMs
  const explained = await bench.whet(...within(PLENTY, 'out2', '--explain', 'lossless'))
  const text = String(reportIn(explained.stdout, 'optimization').explain)
  expect(text).toMatch(/^lossless: same answers/)
  expect(text).toContain(report.chosen.id === 'lossless' ? 'It was chosen.' : `Chosen: ${report.chosen.id}`)
  const other = await bench.whet(...within(PLENTY, 'out2', '--goal', 'size', '--explain', 'lossless'))
  expect(other.stderr).toMatch(/about the search in .*out2, which was: whet optimize/)
  expect(reportIn(other.stdout, 'optimization').goal).toBe('latency')
  expect(statSync(bench.path('out2', 'report.json')).mtimeMs).toBe(before)
  const unknown = await bench.whet(...within(PLENTY, 'out2', '--explain', 'losless'))
  expect([unknown.code, reportIn(unknown.stdout, 'failure').exitCode]).toEqual([2, 2])
  expect(unknown.stderr).toMatch(/did you mean "lossless"\?/)
}, 90_000)

test('a limit that nothing keeps: the original, which the first line says, and both numbers in the reason', async () => {
  const ended = await bench.whet(...words('limited', '--max-bytes', '10', '--explain', 'original'))
  expect(ended.stderr).toMatch(/no finished search of this model .*limited: it is made first/)
  const report = reportIn(ended.stdout, 'optimization')
  expect([ended.code, report.chosen.id]).toEqual([0, 'original'])
  expect(report.sentence).toMatch(/Nothing keeps the limits/)
  expect(report.chosen.reason).toMatch(/neither does the original: [\d,]+ bytes, 10 at the most/)
  expect(report.limits).toEqual({ maxBytes: 10, broken: expect.stringMatching(/10 at the most/) })
}, 120_000)

test('where the original is over a limit, a candidate that keeps it need not be faster', async () => {
  // The products of this model are too small to gain by anything, so what is smaller is only as fast.
  const { size } = statSync(model)
  const ended = await bench.whet(...words('smaller', '--max-bytes', String(Math.round(size * 0.8))))
  const report = reportIn(ended.stdout, 'optimization')
  const kept = report.candidates.filter(({ bytes }) => bytes !== null && bytes <= size * 0.8)
  expect(kept.length).toBeGreaterThan(0)
  for (const { note } of kept) expect(note ?? '').not.toMatch(/not faster than the original/)
  if (report.chosen.id === 'original') expect(report.limits!.broken).not.toBeNull()
  else expect(report.candidates.find(({ id }) => id === report.chosen.id)!.bytes).toBeLessThanOrEqual(size * 0.8)
}, 120_000)

test('a recipe for another model is refused without data; a file that is no recipe always', async () => {
  const other = bench.model('other.onnx', CLASSIFIER.replace('0.1,-0.1', '0.2,-0.2'))
  writeFileSync(bench.path('broken.json'), '{"kind":"recipe"')
  writeFileSync(bench.path('report.json'), '{"kind":"rewrite","version":1}')
  writeFileSync(
    bench.path('unknown.json'),
    JSON.stringify({
      kind: 'recipe',
      version: 1,
      whetstone: '0',
      steps: [{ pass: 'polish', options: {}, evidence: [], input: '', output: '' }],
      evidence: {},
    }),
  )
  const refusals = [
    ['broken.json', /not JSON/],
    ['report.json', /no recipe/],
    ['unknown.json', /no pass "polish"/],
    ['missing.json', /does not exist/],
  ] as const
  for (const [recipe, message] of refusals) {
    const { code, stdout, stderr } = await bench.whet('apply', recipe, other, '-o', 'x.onnx')
    expect([recipe, code, stdout]).toEqual([recipe, 2, ''])
    expect(stderr).toMatch(message)
  }
  // Ranges of one model are no evidence for another.
  const ranges = readdirSync(bench.path('out', 'candidates')).find((name) => /^int8.*\.json$/.test(name))!
  const without = await bench.whet('apply', join('out', 'candidates', ranges), other, '-o', 'x.onnx')
  expect([without.code, without.stdout]).toEqual([2, ''])
  expect(without.stderr).toMatch(/made for another model/)
  expect(existsSync(bench.path('x.onnx'))).toBe(false)
  const again = await bench.whet('apply', join('out', 'candidates', ranges), other, '-o', 'x.onnx', '--data', data)
  expect(again.code).toBe(0)
  // It was run, so that much is told of its answers, and who judges them.
  expect(again.stdout).toMatch(/not the same answers on 4 samples: largest difference [\d.e-]+ \([\d.]+ dB\)/)
  expect(again.stdout.replace(/\s+/g, ' ')).toMatch(/what it lost by it is not judged: whet compare does/)
  expect((await bench.whet('inspect', 'x.onnx')).code).toBe(0)
}, 120_000)

describe('sets of a few rows', () => {
  test.each([1, 2, 3, 8])('%i rows: an answer with a reason, never a proof', async (rows) => {
    const few = bench.rows(`few-${rows}.npz`, rows, 16)
    const ended = await bench.whet('optimize', model, '--data', few, '-o', `few-${rows}`, '--time', '3s', '--json')
    expect(ended).toMatchObject({ code: 0 })
    const report = reportIn(ended.stdout, 'optimization')
    const { calibrate, select, prove } = report.rows
    expect(calibrate + select + prove).toBe(rows)
    expect(prove).toBeGreaterThan(0)
    expect(report.candidates.filter(({ grade }) => grade === 'proven')).toEqual([])
    expect(report.chosen.reason).not.toBe('')
    if (report.chosen.id !== 'original') expect(report.proof!.requiredN).toBeGreaterThan(rows)
    expect(existsSync(bench.path(`few-${rows}`, 'model.onnx'))).toBe(true)
  })

  test('--proven-only hands out the original instead of something close', async () => {
    const few = bench.rows('few.npz', 8, 16)
    const ended = await bench.whet(
      'optimize',
      model,
      '--data',
      few,
      '-o',
      'proven',
      '--time',
      '3s',
      '--proven-only',
      '--json',
    )
    const report = reportIn(ended.stdout, 'optimization')
    expect([ended.code, report.chosen.id]).toEqual([0, 'original'])
    expect(readFileSync(bench.path('proven', 'model.onnx'))).toEqual(readFileSync(model))
  })
})

describe('while it works', () => {
  test('a second run on the folder is refused; Ctrl-C ends with 130 and leaves nothing half-written', async () => {
    const cache = bench.path('cache-of-the-interrupted')
    const { child, ended } = bench.start(words('busy'), cache)
    const lock = bench.path('busy', '.whetstone.lock')
    for (let waited = 0; !existsSync(lock) && waited < 20_000; waited += 50) await pause(50)
    const second = await bench.whet(...words('busy'))
    expect([second.code, reportIn(second.stdout, 'failure').error.code]).toEqual([2, 'busy'])
    expect(second.stderr).toMatch(/another run is working in this folder/)
    expect(child.exitCode).toBe(null)
    child.kill('SIGINT')
    const { code, stdout, stderr } = await ended
    expect([code, reportIn(stdout, 'failure').error.code]).toEqual([130, 'interrupted'])
    expect(stderr).toMatch(/interrupted/)
    expect(existsSync(bench.path('busy'))).toBe(false)
  })

  test('a finished folder stays whole when a later run is interrupted', async () => {
    const before = readFileSync(bench.path('out', 'model.onnx'))
    const { child, ended } = bench.start(words('out', '--seed', '7'), bench.path('cache-3'))
    for (let waited = 0; !existsSync(bench.path('out', '.whetstone.lock')) && waited < 20_000; waited += 50)
      await pause(50)
    child.kill('SIGINT')
    expect((await ended).code).toBe(130)
    expect(readFileSync(bench.path('out', 'model.onnx'))).toEqual(before)
    expect(readdirSync(bench.path('out')).filter((name) => name.startsWith('.'))).toEqual([])
  })
})

test('an output folder that cannot be made', async () => {
  for (const out of ['model.onnx/out', '/proc/whet-out', 'model.onnx']) {
    const { code, stdout, stderr } = await bench.whet(...words(out))
    expect([out, code, reportIn(stdout, 'failure').exitCode]).toEqual([out, 2, 2])
    expect(stderr).not.toMatch(/internal/)
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
  }
})

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms))
