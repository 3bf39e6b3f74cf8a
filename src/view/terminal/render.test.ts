import { expect, test } from 'vitest'
import { type Report, type RewriteReport, wrap } from '../../report/index.ts'
import { renderTerminal } from './render.ts'
import { headline, textTable } from './table.ts'

test('columns that find no room follow below with the first column again, and no line is longer than the terminal', () => {
  const columns = [{ head: 'model' }, ...['clean', 'corrupted', 'churn'].map((head) => ({ head, right: true }))]
  const rows = [['a.onnx', '0.8486', '0.3300 (0.3200 to 0.3400)', '1.1 %']]
  const of = (width: number) => textTable(columns, rows, { color: false, width }).split('\n')
  expect(of(60)).toHaveLength(2)
  expect(of(45)).toEqual([
    'model    clean                  corrupted',
    'a.onnx  0.8486  0.3300 (0.3200 to 0.3400)',
    'model   churn',
    'a.onnx  1.1 %',
  ])
})

test('a number keeps its per cent sign where a line ends', () => {
  expect(wrap('the new one 94.2 %. So', 16)).toEqual(['the new one', '94.2 %. So'])
})

test.each([
  ['nothing', []],
  ['nothing but that more runtimes take the file', [{ id: 'lowerOpset', applied: 1, refused: [] }]],
])('a rewrite that found %s to do says so, without a table', (_, more) => {
  const report: RewriteReport = {
    kind: 'rewrite',
    version: 1,
    passes: [{ id: 'foldConstants', applied: 0, refused: [] }, ...more],
    before: { nodes: 3, bytes: 10, digest: 'a' },
    after: { nodes: 3, bytes: 10, digest: 'a' },
    equivalence: null,
  }
  const text = renderTerminal(report, { color: false, width: 80 })
  expect(text).toContain('no pass found anything to simplify')
  expect(text).not.toContain('applied')
})

test('a recipe without steps is not said to have given the bytes of every step', () => {
  const size = { nodes: 3, bytes: 10, digest: 'a' }
  const report: RewriteReport = {
    ...{ kind: 'rewrite', version: 1, passes: [], before: size, after: size, equivalence: null, replayed: true },
  }
  const text = renderTerminal(report, { color: false, width: 80 })
  expect(text).toContain('the recipe has no steps: the model is as it came')
  expect(text).not.toMatch(/every step|no pass/)
})

const LONG =
  'the outputs keep 15.7 dB on the 4 samples that were looked at, and 25 dB are what a model that stays close keeps'
const reports = {
  inspection: {
    ...{
      kind: 'inspection',
      version: 1,
      parameters: 1,
      operators: { Relu: 1 },
      possibilities: [LONG],
      warnings: [LONG],
    },
    model: { path: 'm.onnx', digest: 'sha256:0', bytes: 1, irVersion: 8, opsets: { '': 18 }, producer: null },
    ...{ inputs: [{ name: 'x', dtype: 'float32', shape: ['rows', 3] }], outputs: [], macs: null },
  },
  quantization: {
    ...{ kind: 'quantization', version: 1, scheme: 'weight-int4', target: 'native', planned: {}, kernels: null },
    ...{ kernelsReason: LONG, float: [{ node: 'a', reason: LONG }], layers: [], sqnrDb: 1, warnings: [LONG] },
    before: { nodes: 1, bytes: 2, digest: 'sha256:0' },
    after: { nodes: 1, bytes: 1, digest: 'sha256:1', runtime: { release: '1.23', because: [LONG] } },
    passes: [{ id: 'p', applied: 1, refused: [], notes: [LONG] }],
    batchInvariant: { all: false, outputs: {}, reason: LONG },
    portable: { sentence: LONG },
  },
  selection: {
    ...{ kind: 'selection', version: 1, sentence: LONG, metric: 'top1', n: 9, threads: 1, models: [], chosen: null },
    ...{ cpu: 'a processor of a name that does not end for very long', warnings: [LONG] },
  },
  tuning: {
    ...{ kind: 'tuning', version: 1, verdict: 'inconclusive', sentence: LONG, proof: LONG, scheme: 'static-int8' },
    ...{ metric: 'top1', speedup: null, plain: { metric: 0.9, verdict: 'inconclusive' }, gapClosed: null },
    ...{ scales: { values: 1, weights: 1 }, cost: { seconds: 1, steps: 1, breakEvenAnswers: null }, epochs: [] },
    ...{ rows: { train: 1, select: 1, prove: 1 }, warnings: [LONG] },
    before: { path: 'a', parameters: 1, macs: 1, bytes: 1, p50Ms: 1, metric: 1 },
    after: { path: 'b', parameters: 1, macs: 1, bytes: 1, p50Ms: 1, metric: 1 },
  },
}

test.each(Object.values(reports).flatMap((report) => [60, 80].map((width) => [report.kind, width, report] as const)))(
  'sentences of a report of kind %s end with a word where a terminal of %i columns ends',
  (_, width, report) => {
    const text = renderTerminal(report as unknown as Report, { color: false, width })
    // A table has columns that cannot give way.
    expect(text.split('\n').filter((line) => line.length > width && !/\S {2}/.test(line))).toEqual([])
    const flat = text.replace(/\s+/g, ' ')
    const times = JSON.stringify(report).split(LONG).length - 1
    expect(flat.split(LONG)).toHaveLength(times + 1)
  },
)

const side = { version: 'v1', digest: `sha256:${'0'.repeat(64)}`, signatures: ['a key of somebody', 'another key'] }
test.each([
  {
    ...{ kind: 'doctor', version: 1, whetstone: '0.1.0', int8: LONG, web: null },
    machine: { cpu: LONG, cores: 2, runtime: 'r', node: 'n', os: 'o', memoryBytes: 1 },
  },
  {
    ...{ kind: 'rollout', version: 1, name: 'm', state: 'promoted', base: side, candidate: side, reason: LONG },
    ...{ started: '2026-05-01T12:30', ended: '2026-05-02T12:30', verdict: 'pass', path: [], alarms: {}, pairs: 1 },
    ...{ discordant: {}, failures: {}, proofs: {}, incident: `i-${'1'.repeat(40)}`, eValue: 1, labelled: 0 },
    settings: { mode: 'canary', share: 0.1, maxSlowdown: null },
  },
])('facts of a report of kind $kind end with a word where a terminal of 60 columns ends', (report) => {
  const lines = renderTerminal(report as unknown as Report, { color: false, width: 60 }).split('\n')
  expect(lines.filter((line) => line.length > 60)).toEqual([])
  const flat = lines.map((line) => line.trim()).join(' ')
  expect(flat.split(LONG)).toHaveLength(JSON.stringify(report).split(LONG).length)
})

test('a verdict keeps its colour and its sentence the weight where it goes on', () => {
  const [first, second] = headline(LONG, { color: true, width: 60 }, { verdict: 'pass', grade: 'proven' })
  const esc = String.fromCharCode(27)
  expect(first).toContain(`${esc}[32mpass (proven)${esc}[0m  ${esc}[1mthe outputs`)
  expect(second).toMatch(new RegExp(`^${esc}\\[1m.*${esc}\\[0m$`))
})

test.each([
  [{ sqnrSamples: 4 }, '31.0 dB on 4 samples'],
  [{ sqnrSamples: 3, sqnrRandom: 1 }, '31.0 dB on 3 samples, 1 of them random'],
  [{ sqnrSamples: 2, sqnrRandom: 2 }, '31.0 dB on 2 random inputs, which rows of yours may be unlike (--data)'],
  [{}, '31.0 dB'],
])('what noise was heard on is told, and where that were no rows: %o', (heardOn, words) => {
  const report = { ...reports.quantization!, sqnrDb: 31, ...heardOn, warnings: [] }
  expect(renderTerminal(report as unknown as Report, { color: false, width: 200 }).split('\n')).toContain(
    `signal to noise at the worst output: ${words}`,
  )
})

test.each([
  [
    { macs: 0, trees: { trees: 100, splits: 12_345 } },
    '100 trees with 12,345 splits; trees compare numbers, and multiply none',
  ],
  [{ macs: 9000, trees: { trees: 1, splits: 1 } }, '9,000 multiply-accumulates a run, beside 1 tree with 1 split'],
  [
    { macs: 0 },
    'no multiply-accumulates: convolutions, matrix products, recurrent layers and attention count, and none is here',
  ],
  [{ macs: 9000 }, '9,000 multiply-accumulates a run'],
  [{ macs: null, macsReason: 'shapes are open' }, 'multiply-accumulates: unknown, since shapes are open'],
  [{ macs: null }, 'multiply-accumulates: unknown'],
])('what arithmetic a run takes, or what is counted where nothing is: %o', (counts, words) => {
  const report = { ...reports.inspection!, ...counts }
  expect(renderTerminal(report as unknown as Report, { color: false, width: 200 }).split('\n')).toContain(words)
})
