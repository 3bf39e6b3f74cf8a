import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import type { AttackReport, ComparisonReport, GateCheck } from '../../report/index.ts'
import { png } from '../html/picture.ts'
import { renderHtml, renderJUnit, renderMarkdown, renderSarif, renderTerminal } from '../index.ts'

const check = (id: string, verdict: GateCheck['verdict'], blocks = true): GateCheck => ({
  id,
  what: `what of ${id}`,
  limit: 'at most 1 < 2 & "3"',
  measured: '4 | 5',
  verdict,
  blocks,
  line: 7,
})

const report: ComparisonReport = {
  kind: 'comparison',
  version: 1,
  verdict: 'pass',
  grade: 'proven',
  sentence: 'No measurable loss.',
  metric: 'top1',
  higherIsBetter: true,
  labelled: true,
  n: 400,
  alpha: 0.05,
  margin: 0.01,
  base: { value: 0.9 },
  candidate: { value: 0.9 },
  discordant: { baseOnly: 1, candidateOnly: 1 },
  nonInferiority: { margin: 0.01, z: 2, p: 0.02, ci: [-0.005, 0.005], lowerBound: -0.004 },
  mcnemar: { exact: 1, midP: 1 },
  requiredN: null,
  agreement: { rate: 0.99, changed: 4, changedUpperBound: 0.02 },
  measurablyWorse: false,
  outputs: [],
  slices: [],
  flipRates: {
    negative: { count: 1, rate: 0.0025, upperBound: 0.01 },
    positive: { count: 1, rate: 0.0025, upperBound: 0.01 },
  },
  flips: [
    { row: 3, base: 'cat', candidate: 'dog', label: 'cat', direction: 'lost', id: '<b>x</b>' },
    {
      row: 9,
      base: 'cat',
      candidate: 'dog',
      label: 'dog',
      direction: 'gained',
      text: 'a <script>alert(1)</script> text',
    },
  ],
  warnings: ['mind <this>'],
  models: { base: 'dir/v1.onnx', candidate: 'dir/v2 & more.onnx' },
  story: ['Both models answered the same 400 rows.'],
}
const gated = (...checks: readonly GateCheck[]): ComparisonReport => ({
  ...report,
  gate: { file: 'a folder/g.yaml', digest: 'sha256:0123456789abcdef', verdict: 'regressed', checks },
})

describe('for pipelines', () => {
  const all = gated(
    check('margin', 'pass'),
    check('slices.a="b"', 'inconclusive', false),
    check('slices.c', 'inconclusive'),
    check('size.maxBytes', 'regressed'),
  )
  test('JUnit: failures, skipped, and nothing that breaks XML', () => {
    const xml = renderJUnit(all)
    expect(xml).toMatch(
      /<testsuite name="whet compare dir\/v1.onnx dir\/v2 &amp; more.onnx" tests="4" failures="2" errors="0" skipped="1"/,
    )
    expect(xml.match(/<testcase /g)).toHaveLength(4)
    expect(xml.match(/<failure type="(regressed|inconclusive)"/g)).toHaveLength(2)
    expect(xml.match(/<skipped /g)).toHaveLength(1)
    expect(xml).toContain('name="slices.a=&quot;b&quot;"')
    expect(xml.replace(/&(amp|lt|gt|quot|apos);/g, '')).not.toContain('&')
    // Every tag that is opened is closed, in order.
    const open: string[] = []
    for (const [, slash, name, self] of xml.matchAll(/<(\/?)(\w+)(?:\s[^<>]*?)?(\/?)>/g)) {
      if (slash) expect(open.pop()).toBe(name)
      else if (!self) open.push(name!)
    }
    expect(open).toEqual([])
    expect(renderJUnit({ ...report, sentence: 'bell \u0007 & \ud83d\ude00', verdict: 'regressed' })).not.toContain(
      '\u0007',
    )
  })
  test('SARIF: a result for what did not pass, at its line', () => {
    const { runs } = JSON.parse(renderSarif(all))
    expect(runs[0].results.map((result: { level: string }) => result.level)).toEqual(['note', 'warning', 'error'])
    expect(runs[0].results[0].locations[0].physicalLocation).toEqual({
      artifactLocation: { uri: 'a%20folder/g.yaml' },
      region: { startLine: 7 },
    })
    expect(JSON.parse(renderSarif(report)).runs[0].results).toEqual([])
  })
  test('Markdown: the answer first, cells that stay cells, no HTML from data', () => {
    const text = renderMarkdown(all)
    expect(text).toMatch(
      /^### ❌ regressed: v2 & more\.onnx against v1\.onnx\n\nThe gate is shut: 1 of 4 limits broken \(size\.maxBytes\)/,
    )
    expect(text).toContain('4 \\| 5')
    expect(text).toContain('&lt;b>x&lt;/b>')
    expect(text).not.toContain('mind <this>')
  })
  test('the terminal says gate and verdict', () => {
    const text = renderTerminal(all, { color: false, width: 100 })
    expect(text).toMatch(/^regressed {2}The gate is shut/)
    expect(text).toMatch(/inconclusive \(allowed\)/)
  })
})

describe('the page', () => {
  test('is whole by itself and escapes what comes from data', () => {
    const pixels = Uint8Array.from({ length: 64 }, (_, i) => i * 4)
    const page = renderHtml(report, { pictures: new Map([[3, { width: 8, height: 8, channels: 1, pixels }]]) })
    expect(page).toMatch(
      /<img src="data:image\/png;base64,[A-Za-z0-9+/=]+" width="8" height="8" alt="Input of &lt;b&gt;x/,
    )
    expect(page).not.toMatch(/<script|<b>x<\/b>|src="(?!data:)|href="http|@import/)
    expect(page).toContain('a &lt;script&gt;')
    expect(page).toMatch(/<h1>The new model is as good as the old one<\/h1>/)
    const latency = {
      baseMs: 0.13,
      candidateMs: 0.69,
      ratio: 5.3,
      ci: [5.2, 5.4] as const,
      threads: 1,
      cpu: 'a processor',
    }
    const slow = renderHtml({ ...report, gains: { bytes: { base: 313_016, candidate: 93_396 }, latency } })
    expect(slow).toMatch(/<h1>The new model answers as well as the old one, but takes [\d.]+ times as long<\/h1>/)
    expect(slow).toMatch(/<b>313\u00a0KB → 93\.4\u00a0KB<\/b>/)
    for (const [, words] of page.matchAll(/role="img" aria-label="([^"]*)"/g)) expect(words!.length).toBeGreaterThan(10)
    expect(renderHtml(gated(check('margin', 'regressed')))).toMatch(/<h1>The new model does not pass the gate<\/h1>/)
    const worse = renderHtml({ ...report, verdict: 'regressed', grade: null })
    expect(worse).toMatch(/<h1>The new model is worse<\/h1>/)
    const slice = {
      ...{
        name: 'city=Bonn',
        n: 20,
        verdict: 'regressed' as const,
        margin: 0.01,
        base: 1,
        candidate: 0.5,
        declared: true,
      },
      ...{ discordant: null, lowerBound: null, upperBound: null, requiredN: null },
    } as const
    const inSlice = { ...report, verdict: 'regressed', grade: null, slices: [slice] } as const
    expect(renderHtml({ ...inSlice, overall: 'pass' })).toMatch(/<h1>The new model is worse for city=Bonn<\/h1>/)
    expect(renderHtml({ ...inSlice, overall: 'regressed' })).toMatch(/<h1>The new model is worse<\/h1>/)
  })
  test('pictures are PNG that others read', async () => {
    const pixels = Uint8Array.from({ length: 200 * 120 * 3 }, (_, i) => (i * 7) % 256)
    const { data, info } = await sharp(png({ width: 200, height: 120, channels: 3, pixels }))
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect([info.width, info.height, info.channels]).toEqual([200, 120, 3])
    expect(new Uint8Array(data)).toEqual(pixels)
  })
})

describe('the page of an attack', () => {
  const attacked: AttackReport = {
    kind: 'attack',
    version: 1,
    model: { path: 'a/<int8>.onnx', digest: 'sha256:1' },
    sentence: 'Of 10 rows 9 are right as they are, and 4 stay right.',
    clean: { correct: 9, n: 10 },
    robust: { correct: 4, n: 10 },
    byAttack: { 'apgd-ce': { correct: 7 }, square: { correct: 4 } },
    gradient: 'straight-through',
    alarms: [],
    attacks: ['apgd-ce', 'square'],
    norm: 'linf',
    eps: 0.1,
    range: [0, 1],
    rangeFrom: 'rows',
    seed: 0,
    fooled: [{ row: 3, label: 1, answer: 7, attack: 'square', largest: 0.1, length: 0.4 }],
    warnings: [],
    data: { path: 'd.npz', digest: 'sha256:2', rows: 10 },
  }

  test('tells what each attack leaves, where the gradient comes from, and an alarm where there is one', () => {
    const calm = renderHtml(attacked)
    for (const part of [
      'apgd-ce',
      'square',
      '70.0\u00a0%',
      '40.0\u00a0%',
      'straight-through',
      'row 3',
      '&lt;int8&gt;.onnx',
    ])
      expect(calm).toContain(part)
    expect(calm).not.toContain('role="alert"')
    expect(calm).not.toContain('<img')
    const alarm = 'square, which sees no gradient, leaves 4 rows right where apgd-ce leaves 7: the gradient is hidden'
    const loud = renderHtml({ ...attacked, alarms: [alarm] })
    expect(loud).toContain('role="alert"')
    expect(loud).toContain(alarm)
  })

  test('shows the rows that were turned, three pictures each', () => {
    const one = { width: 2, height: 2, channels: 1, pixels: Uint8Array.of(0, 85, 170, 255) } as const
    const page = renderHtml(attacked, { fooled: new Map([[3, { before: one, after: one, saliency: one }]]) })
    expect(page.match(/<img /g)).toHaveLength(3)
    expect(page).toContain('hang')
  })
})

test.each([
  [0.97, [0.95, 0.99], '1.03×', 'the speed of before'],
  [1.03, [1.01, 1.05], '1.03×', 'the time of before: slower'],
  [1.01, [0.98, 1.04], '1.01×', 'the time of before: no measurable change'],
  [0.99, [0.97, 1.01], '0.99×', 'the time of before: no measurable change'],
] as const)('a page calls a ratio of %d within %j %s %s', (ratio, ci, figure, words) => {
  const latency = { baseMs: 1, candidateMs: ratio, ratio, ci, threads: 1, cpu: 'a' }
  const page = renderHtml({ ...report, gains: { bytes: { base: 10, candidate: 10 }, latency } })
  expect(page).toContain(`<b>${figure}</b><span>${words} (`)
})
