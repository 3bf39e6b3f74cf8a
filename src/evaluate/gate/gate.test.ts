import { describe, expect, test } from 'vitest'
import { memoryDataset } from '../../data/index.ts'
import { UserError } from '../../platform/index.ts'
import type { ComparisonReport, LatencyReport, SliceResult, Verdict } from '../../report/index.ts'
import { checkGate, type GateEvidence, parseGate, sliceMargins } from './index.ts'
import { gateFields } from './spec.ts'

const problem = (text: string): UserError => {
  try {
    parseGate(text, 'whetstone.gate.yaml')
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    return error as UserError
  }
  throw new Error('internal: it was read')
}

const rowsWith = (...names: readonly string[]) =>
  memoryDataset(Object.fromEntries(names.map((name) => [name, { dtype: 'string', dims: [1], data: ['a'] }])), {
    inputs: [],
  })

describe('a gate file', () => {
  test('is read whole, with the line of every limit', async () => {
    const gate = parseGate(
      [
        'version: 1',
        'margin: 0.01',
        'metrics:',
        '  macro-f1: 0.02',
        '  top5: { inconclusive: allow }',
        'slices:',
        '  font: 0.03',
        '  font=serif: { margin: 0.05, inconclusive: block }',
        '  age:',
        'size: { maxBytes: 1.5MB, maxRatio: 0.5 }',
        'fairness:',
        '  font: { maxGapGrowth: 0.02 }',
        '  age: 0.01',
      ].join('\n'),
      'g.yaml',
    )
    expect(gate.metrics).toEqual([
      { name: 'macro-f1', margin: 0.02, blocks: true, line: 4 },
      { name: 'top5', margin: null, blocks: false, line: 5 },
    ])
    expect(gate.slices).toEqual([
      { name: 'font', margin: 0.03, blocks: false, line: 7 },
      { name: 'font=serif', margin: 0.05, blocks: true, line: 8 },
      { name: 'age', margin: null, blocks: false, line: 9 },
    ])
    expect(gate.size).toEqual({ maxBytes: { value: 1_500_000, line: 10 }, maxRatio: { value: 0.5, line: 10 } })
    expect(gateFields(gate, await rowsWith('font', 'age'))).toEqual(['font', 'font=serif', 'age'])
    expect(sliceMargins(gate)).toEqual({ font: 0.03, 'font=serif': 0.05 })
    expect(gate.digest).toMatch(/^sha256:/)
    expect(parseGate('', 'g').metrics).toEqual([])
    expect(parseGate('inconclusive: block\nslices: { a: 0.1 }', 'g').slices[0]!.blocks).toBe(true)
  })
  test('an unknown key is named, with its line and the nearest one', () => {
    expect(problem('margin: 0.01\nlatencies:\n  maxRatio: 1')).toMatchObject({
      code: 'bad-argument',
      where: 'whetstone.gate.yaml:2',
      message: 'a gate file has no key "latencies"',
      hint: expect.stringMatching(/^did you mean "latency"\? it takes /),
    })
    expect(problem('latency:\n  maxP99ms: 3\n  p99: 2')).toMatchObject({
      message: 'latency has no key "maxP99ms"',
      hint: expect.stringMatching(/^did you mean "maxP99Ms"/),
    })
    expect(problem('latency:\n  zzz: 2').hint).toMatch(/^it takes .*maxP99Ms/)
    expect(problem('slices:\n  font: { margn: 0.1 }')).toMatchObject({
      message: 'slices.font has no key "margn"',
      hint: expect.stringMatching(/^did you mean "margin"/),
    })
  })
  test('a field or a metric that is not there is named with its line', async () => {
    const data = await rowsWith('light', 'x')
    const fields = (text: string) => () => gateFields(parseGate(text, 'g.yaml'), data)
    const wrong = expect.objectContaining({
      where: 'g.yaml:2',
      hint: 'did you mean "light"? the fields of memory are light, x',
    })
    expect(fields('margin: 0.1\nslices: { lihgt=day: 0.1 }')).toThrow(wrong)
    expect(fields('margin: 0.1\nfairness: { lihgt: 0.1 }')).toThrow(wrong)
    expect(problem('margin: 0.1\nmetrics: { macrof1: 0.1 }')).toMatchObject({
      where: 'whetstone.gate.yaml:2',
      hint: expect.stringMatching(/^did you mean "macro-f1"/),
    })
    expect(problem('metric: topp1').where).toBe('whetstone.gate.yaml:1')
  })
  test('values of the wrong kind, YAML that is none, another version', () => {
    expect(problem('margin: much').message).toMatch(/margin must be a number above 0, got much/)
    expect(problem('margin: 0').message).toMatch(/above 0, got 0/)
    expect(problem('alpha: 0.7').message).toMatch(/at most 0\.5/)
    expect(problem('size: { maxBytes: 5 parsecs }')).toMatchObject({ hint: expect.stringContaining('5MB') })
    expect(problem('slices: [a, b]').message).toMatch(/slices must be a map/)
    expect(problem('inconclusive: maybe').message).toMatch(/block or allow/)
    expect(problem('a: [1').message).toMatch(/not valid YAML/)
    expect(problem('version: 2').message).toMatch(/version 1/)
    expect(problem('margin: 0.1\nmargin: 0.2')).toMatchObject({
      message: expect.stringMatching(/unique/),
      where: 'whetstone.gate.yaml:2',
    })
  })
  test.each([
    ['[a, b]', /^a gate file must be a map/],
    ['margin: 5MB', /^margin must be a number above 0, got 5MB$/],
    ['margin: .inf', /^margin must be a number/],
    ['margin: .nan', /^margin must be a number/],
    ['latency: { maxP99Ms: fast }', /^latency\.maxP99Ms must be a number/],
    ['latency: { maxP99Ms }', /got nothing$/],
    ['latency: 5', /^latency must be a map/],
    ['{ inconclusive }', /^inconclusive must be block or allow, got nothing$/],
    ['size: { maxBytes: [1] }', /^size\.maxBytes must be a number/],
    ['robustness: { severities: [3, 6] }', /from 1 to 5/],
    ['robustness: { severities: [0, 3] }', /from 1 to 5/],
    ['robustness: { severities: [1.5] }', /from 1 to 5/],
    ['robustness: { corruptions: [] }', /^corruptions must be a list/],
    ['robustness: { corruptions: [fog, [snow]] }', /^corruptions must be a list/],
    ['metric: 5', /^metric must be a text$/],
    ["metric: ''", /^metric must be a text$/],
    ['data: { b.onnx: [a, b] }', /^b\.onnx must be a text$/],
    ['inconclusive: [block]', /^inconclusive must be block or allow/],
    ['fairness: { font: {} }', /^fairness\.font needs maxGapGrowth$/],
  ])('%s is a mistake of line 1', (text, message) => {
    expect(problem(text)).toMatchObject({ where: 'whetstone.gate.yaml:1', message: expect.stringMatching(message) })
  })
  test('sections may be empty, bounds belong to what they bound, one word stands for all metrics', () => {
    expect(parseGate('latency:\nslices: { font }', 'g')).toMatchObject({
      latency: {},
      slices: [{ name: 'font', margin: null, blocks: false }],
    })
    expect(parseGate('alpha: 0.5\nrobustness: { severities: [1, 5] }', 'g')).toMatchObject({
      alpha: { value: 0.5 },
      robustness: { severities: [1, 5] },
    })
    expect(parseGate('inconclusive: allow\nmetrics: { top5: 0.1 }', 'g').metrics[0]!.blocks).toBe(false)
    expect(parseGate('slices: { font: { margin: 0.1 } }', 'g').slices[0]).toMatchObject({ margin: 0.1, blocks: false })
    expect(parseGate('metric: top5\ndata: { b.onnx: rows.npz }', 'g')).toMatchObject({
      metric: 'top5',
      data: [{ model: 'b.onnx', path: 'rows.npz', line: 2 }],
    })
    expect(problem('margin: much').hint).toBeUndefined()
  })
})

const slice = (name: string, verdict: SliceResult['verdict'], n = 100): SliceResult => ({
  name,
  field: name.split('=')[0]!,
  n,
  verdict,
  margin: 0.03,
  base: 0.9,
  candidate: 0.89,
  discordant: null,
  lowerBound: -0.02,
  upperBound: 0.01,
  requiredN: verdict === 'inconclusive' ? 900 : null,
})

const comparison = (over: Partial<ComparisonReport> = {}) =>
  ({
    verdict: 'pass',
    sentence: 'No measurable loss.',
    metric: 'top1',
    n: 1000,
    alpha: 0.05,
    margin: 0.01,
    base: { value: 0.9 },
    candidate: { value: 0.9 },
    nonInferiority: { margin: 0.01, z: 2, p: 0.02, ci: [-0.005, 0.005], lowerBound: -0.004 },
    slices: [],
    ...over,
  }) as unknown as ComparisonReport

const latency = (median: number, ci: readonly [number, number], p99Ms: number) =>
  ({
    threads: 1,
    models: [
      { p50Ms: 1, p90Ms: 1, p99Ms: 1, peakRssBytes: 1000 },
      { p50Ms: 1, p90Ms: 1, p99Ms, peakRssBytes: null },
    ],
    ratios: [{ median, ci }],
  }) as unknown as LatencyReport

const verdicts = (text: string, evidence: Partial<GateEvidence> = {}) => {
  const gate = parseGate(text, 'g.yaml')
  const result = checkGate(gate, { comparison: comparison(), metrics: {}, bytes: [1000, 600], ...evidence })
  return [result.verdict, Object.fromEntries(result.checks.map((check) => [check.id, check.verdict]))]
}

describe('checks', () => {
  test('without limits the verdict alone decides', () => {
    expect(verdicts('')).toEqual(['pass', { margin: 'pass' }])
    expect(verdicts('', { comparison: comparison({ verdict: 'inconclusive' }) })[0]).toBe('inconclusive')
  })
  test('an undecided slice is listed, and holds back only where the file says so', () => {
    const found = { comparison: comparison({ slices: [slice('font=a', 'pass'), slice('font=b', 'inconclusive', 3)] }) }
    expect(verdicts('slices: { font: 0.03 }', found)).toEqual([
      'pass',
      { margin: 'pass', 'slices.font=a': 'pass', 'slices.font=b': 'inconclusive' },
    ])
    expect(verdicts('slices: { font: { inconclusive: block } }', found)[0]).toBe('inconclusive')
    // An entry of its own takes a slice out of its field's.
    const own = parseGate('slices: { font: 0.03, font=b: { inconclusive: block } }', 'g')
    const { checks } = checkGate(own, { ...found, metrics: {}, bytes: [1, 1] })
    expect(checks.map(({ id, blocks }) => [id, blocks])).toEqual([
      ['margin', true],
      ['slices.font=a', false],
      ['slices.font=b', true],
    ])
    const regressed = { comparison: comparison({ slices: [slice('font=a', 'regressed')] }) }
    expect(verdicts('slices: { font: 0.03 }', regressed)[0]).toBe('regressed')
  })
  test('fields and slices are told by their names, whatever signs these hold', async () => {
    const text = 'slices: { "<b>": 0.03, "a=b": 0.03, "20<age≤30": 0.03 }'
    expect(gateFields(parseGate(text, 'g'), await rowsWith('<b>', 'a', 'a=b', 'age'))).toEqual([
      '<b>',
      'a=b',
      '20<age≤30',
    ])
    const of = (field: string, name: string) => ({ ...slice(name, 'pass'), field })
    const slices = [of('<b>', '<b>=1'), of('a=b', 'a=b=1'), of('age', '20<age≤30'), of('age', 'age>30')]
    expect(verdicts(text, { comparison: comparison({ slices }) })).toEqual([
      'pass',
      { margin: 'pass', 'slices.<b>=1': 'pass', 'slices.a=b=1': 'pass', 'slices.20<age≤30': 'pass' },
    ])
  })
  test('a slice that regressed is told by its name, and not laid to all rows', () => {
    const rare = { ...slice('font=rare', 'regressed'), declared: true }
    const found = { comparison: comparison({ verdict: 'regressed', overall: 'pass', slices: [rare] }) }
    const told = ['regressed', { margin: 'pass', 'slices.font=rare': 'regressed' }]
    expect(verdicts('slices: { font: 0.03 }', found)).toEqual(told)
    expect(verdicts('margin: 0.03', found)).toEqual(told)
  })
  test('a slice without rows is never passed', () => {
    expect(verdicts('slices: { font=c: { margin: 0.1, inconclusive: block } }')).toEqual([
      'inconclusive',
      { margin: 'pass', 'slices.font=c': 'inconclusive' },
    ])
  })
  test('sizes as they are, ratios by their interval, what was not measured is undecided', () => {
    expect(verdicts('size: { maxBytes: 600, maxRatio: 0.5 }')).toEqual([
      'regressed',
      { margin: 'pass', 'size.maxBytes': 'pass', 'size.maxRatio': 'regressed' },
    ])
    const limit = 'latency: { maxRatio: 1.02, maxP99Ms: 20 }'
    expect(verdicts(limit, { latency: latency(0.9, [0.85, 0.95], 10) })[0]).toBe('pass')
    expect(verdicts(limit, { latency: latency(1, [0.95, 1.05], 10) })).toEqual([
      'inconclusive',
      { margin: 'pass', 'latency.maxP99Ms': 'pass', 'latency.maxRatio': 'inconclusive' },
    ])
    expect(verdicts(limit, { latency: latency(1.1, [1.05, 1.2], 30) })[0]).toBe('regressed')
    expect(verdicts(limit)[0]).toBe('inconclusive')
    expect(verdicts('memory: { maxRssBytes: 1GB }', { latency: latency(1, [1, 1], 1) })[0]).toBe('inconclusive')
    expect(verdicts('robustness: { margin: 0.01 }')[0]).toBe('inconclusive')
  })
  test('robustness by its verdict and its interval, and a list of corruptions', () => {
    const gate = parseGate('robustness: { margin: 0.02, corruptions: [fog, snow], severities: 3 }', 'g')
    expect(gate.robustness).toMatchObject({ margin: { value: 0.02 }, corruptions: ['fog', 'snow'], severities: [3] })
    expect(problem('robustness: { severities: [9] }').message).toMatch(/from 1 to 5/)
    const stress = (verdict: Verdict, mce: readonly [number, number] | null) => ({
      robustness: { change: { delta: 0, ci: [-0.01, 0.01] as const, verdict }, mce: { value: 1.1, ci: mce } },
    })
    const text = 'robustness: { margin: 0.02, maxMce: 1.2 }'
    expect(verdicts(text, stress('pass', [1.05, 1.15]))).toEqual([
      'pass',
      { margin: 'pass', 'robustness.margin': 'pass', 'robustness.maxMce': 'pass' },
    ])
    // Too few rows for a verdict may well have an interval within the margin, and none of the ratio.
    expect(verdicts(text, stress('inconclusive', null))).toEqual([
      'inconclusive',
      { margin: 'pass', 'robustness.margin': 'inconclusive', 'robustness.maxMce': 'inconclusive' },
    ])
    expect(verdicts(text, stress('regressed', [1.05, 1.15]))[0]).toBe('regressed')
    expect(verdicts(text, stress('pass', [1.1, 1.3]))[0]).toBe('inconclusive')
  })
  test('errors and fairness', () => {
    const errors = (ci: readonly [number, number] | null, ratio: number | null = 1) =>
      comparison({ errorRatio: { base: 0.1, candidate: 0.1, ratio, ci } })
    expect(verdicts('errors: { maxRatio: 1.2 }', { comparison: errors([0.9, 1.1]) })[0]).toBe('pass')
    expect(verdicts('errors: { maxRatio: 1.2 }', { comparison: errors([0.9, 1.3]) })[0]).toBe('inconclusive')
    expect(verdicts('errors: { maxRatio: 1.2 }', { comparison: errors([1.3, 1.6]) })[0]).toBe('regressed')
    expect(verdicts('errors: { maxRatio: 1.2 }', { comparison: errors(null, null) })[0]).toBe('inconclusive')
    const gap = {
      field: 'font',
      groups: [],
      leftOut: [],
      base: 0.1,
      candidate: 0.2,
      change: 0.1,
      ci: [0.05, 0.15] as const,
    }
    const gaps = comparison({ gaps: [{ ...gap, lowerBound: 0.06, upperBound: 0.14 }] })
    expect(verdicts('fairness: { font: 0.05 }', { comparison: gaps })[0]).toBe('regressed')
    expect(verdicts('fairness: { font: 0.2 }', { comparison: gaps })[0]).toBe('pass')
    expect(verdicts('fairness: { size: 0.2 }', { comparison: gaps })[0]).toBe('inconclusive')
  })
})

describe('what a check says', () => {
  const checksOf = (text: string, evidence: Partial<GateEvidence> = {}) =>
    checkGate(parseGate(text, 'g.yaml'), { comparison: comparison(), metrics: {}, bytes: [1000, 600], ...evidence })
      .checks
  const measured = (text: string, evidence: Partial<GateEvidence> = {}) =>
    checksOf(text, evidence).map(({ measured }) => measured)

  test('of all rows: both values, how many rows, the worst that may be; a sentence where there are no values', () => {
    const of = (over: Partial<ComparisonReport>) => checksOf('', { comparison: comparison(over) })[0]
    expect(of({ candidate: { value: 0.895 } } as object)).toEqual({
      id: 'margin',
      what: 'top1 over all rows',
      limit: 'loses less than 0.01',
      measured: '0.9 → 0.895 on 1,000 rows, at worst −0.004',
      verdict: 'pass',
      blocks: true,
    })
    expect(of({ margin: 0.02 })?.limit).toBe('loses less than 0.02')
    const { margin, ...older } = comparison()
    expect(checksOf('', { comparison: older as ComparisonReport })[0]?.limit).toBe(`loses less than ${margin}`)
    expect(of({ nonInferiority: undefined } as object)?.measured).toBe('0.9 → 0.9 on 1,000 rows')
    for (const side of ['base', 'candidate'])
      expect(of({ [side]: { value: null } })?.measured).toBe('No measurable loss.')
    expect(checksOf('version: 1\nmargin: 0.01')[0]?.line).toBe(2)
  })

  test('a further metric stands by its own name; that of the verdict is not told twice', () => {
    const other = comparison({ metric: 'macro-f1', verdict: 'regressed' })
    expect(
      checksOf('metrics: { top1: 0.01, macro-f1: 0.01 }', { metrics: { 'macro-f1': other } }).map(({ id, line }) => [
        id,
        line,
      ]),
    ).toEqual([
      ['margin', undefined],
      ['metrics.macro-f1', 1],
    ])
  })

  test('of slices: the rows that would settle one that is open, and nothing of what was neither asked for nor lost', () => {
    const [open, done] = [slice('font=a', 'inconclusive'), slice('font=b', 'pass')]
    const bare = { ...slice('font=c', 'pass', 3), base: null, lowerBound: null, requiredN: 900 }
    const slices = [open, done, bare, { ...open, name: 'font=d', requiredN: null, candidate: null }]
    expect(measured('slices: { font: 0.03 }', { comparison: comparison({ slices }) }).slice(1)).toEqual([
      '0.9 → 0.89 on 100 rows, at worst −0.02; about 900 rows would settle it',
      '0.9 → 0.89 on 100 rows, at worst −0.02',
      'on 3 rows',
      'on 100 rows, at worst −0.02',
    ])
    const lost = { ...slice('age=1', 'regressed'), declared: true }
    const others = [
      lost,
      { ...lost, name: 'age=2', verdict: 'pass' as const },
      slice('tone=1', 'regressed'),
      { ...lost, name: 'font=a', field: 'font' },
    ]
    const told = checksOf('slices: { font: 0.03 }', { comparison: comparison({ slices: others }) })
    expect(told.map(({ id, blocks, line }) => [id, blocks, line])).toEqual([
      ['margin', true, undefined],
      ['slices.font=a', false, 1],
      ['slices.age=1', true, undefined],
    ])
    expect(told[2]).not.toHaveProperty('line')
    const none = checksOf('slices: { font=a:, font=b: 0.1 }').slice(1)
    expect(none.map(({ limit }) => limit)).toEqual(['loses less than the margin', 'loses less than 0.1'])
  })

  test('of errors: none before and none after is no rise; some after none is not settled', () => {
    const of = (errorRatio: unknown) => {
      const { measured, verdict } = checksOf('errors: { maxRatio: 1.2 }', {
        comparison: comparison({ errorRatio } as object),
      })[1]!
      return [measured, verdict]
    }
    expect(of({ base: 0, candidate: 0, ratio: null, ci: null })).toEqual(['none before, 0 after', 'pass'])
    expect(of({ base: 0, candidate: 0.012, ratio: null, ci: null })).toEqual(['none before, 12 after', 'inconclusive'])
    expect(of({ base: 0.1, candidate: 0.11, ratio: 1.1, ci: [0.9, 1.2] })).toEqual(['1.1 times (0.9 to 1.2)', 'pass'])
    expect(of({ base: 0.1, candidate: 0.13, ratio: 1.3, ci: [1.2, 1.4] })[1]).toBe('inconclusive')
    expect(of({ base: 0.1, candidate: 0.11, ratio: 1.1, ci: null })).toEqual([
      '1.1 times, of too few rows',
      'inconclusive',
    ])
    expect(of(null)).toEqual(['the metric is no right or wrong', 'inconclusive'])
  })

  test('of latency: with how many threads; large amounts are whole', () => {
    const report = latency(1, [1, 1], 1000.6)
    const [, p50, p99] = checksOf('latency: { maxP50Ms: 2, maxP99Ms: 1000 }', { latency: report })
    expect([p50?.what, p50?.measured, p50?.limit]).toEqual(['median latency, 1 thread', '1 ms', 'at most 2 ms'])
    expect([p99?.what, p99?.measured, p99?.limit]).toEqual([
      '99th percentile of latency, 1 thread',
      '1,001 ms',
      'at most 1,000 ms',
    ])
    const two = { ...latency(1, [1, 1], 999.46), threads: 2 }
    expect(checksOf('latency: { maxP99Ms: 1000 }', { latency: two })[1]).toMatchObject({
      what: '99th percentile of latency, 2 threads',
      measured: '999.5 ms',
    })
    expect(checksOf('latency: { maxRatio: 1 }')[1]?.what).toBe('latency against the base')
  })

  test('of memory and size: against the base where both are known', () => {
    const of = (...peaks: readonly (number | null)[]) => {
      const models = peaks.map((peakRssBytes) => ({ peakRssBytes }))
      const evidence = { latency: { ...latency(1, [1, 1], 1), models } as unknown as LatencyReport }
      return checksOf('memory: { maxRssBytes: 400, maxRatio: 0.5 }', evidence)
        .slice(1)
        .map(({ measured, verdict }) => `${measured}: ${verdict}`)
    }
    expect(of(1000, 300)).toEqual(['300 bytes: pass', '0.3 times: pass'])
    expect(of(800, 600)).toEqual(['600 bytes: regressed', '0.75 times: regressed'])
    expect(of(null, 300)).toEqual(['300 bytes: pass', 'not measured: inconclusive'])
    expect(of(800, null)).toEqual(['not measured: inconclusive', 'not measured: inconclusive'])
    expect(checksOf('size: { maxRatio: 0.5 }', { bytes: [0, 600] })[1]?.verdict).toBe('inconclusive')
  })

  test('of corrupted rows and gaps: changes with their sign', () => {
    const change = { delta: 0, ci: [-0.01, 0.025] as const, verdict: 'pass' as const }
    expect(measured('robustness: { margin: 0.02 }', { robustness: { change, mce: null } })[1]).toBe(
      '0 (−0.01 to +0.025)',
    )
  })
})
