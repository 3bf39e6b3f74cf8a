import { expect, test } from 'vitest'
import type { OptimizationReport } from '../../report/index.ts'
import { optimizationPage } from './optimization.ts'

const candidate = {
  ...{ recipe: 'lossless, then static int8', bytes: 3, p50Ms: 0.5, speedup: 2, ratio: null, loadMs: 1 },
  ...{ peakRssBytes: null, metric: 0.8125, judgedRows: 64, sqnrDb: 40.7, onFront: true },
}
const report = (candidates: readonly object[], chosen: string) =>
  ({
    ...{
      kind: 'optimization',
      version: 1,
      sentence: '2× faster.',
      goal: 'latency',
      seed: 0,
      margin: 0.01,
      alpha: 0.05,
    },
    model: { path: 'm.onnx', digest: 'sha256:1' },
    data: { path: 'd.npz', digest: 'sha256:2', rows: 2000 },
    machine: { cpu: 'a processor', os: 'a system', runtime: 'r', node: '20' },
    ...{ threads: 1, inputs: [], outputs: [], warnings: [], proof: null },
    baseline: { bytes: 10, p50Ms: 1, loadMs: 1, metric: 0.8203, metricName: 'top1', judgedRows: 256 },
    chosen: { id: chosen, reason: 'it is' },
    candidates,
    rows: { calibrate: 1, select: 1, prove: 2 },
  }) as unknown as OptimizationReport

/** The cells of the row of the table that begins with a name, as text. */
const rowOf = (page: string, name: string): string =>
  [...page.matchAll(/<tr[^>]*>.*?<\/tr>/gs)]
    .map(([row]) =>
      row
        .replace(/<[^>]+>/g, ' ')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .find((row) => row.startsWith(name)) ?? ''

test('scores stand with their rows, beside those of the original', () => {
  const page = optimizationPage(report([{ ...candidate, id: 'int8', verdict: 'pass', grade: 'proven' }], 'int8'))
  expect(rowOf(page, 'original')).toMatch(/0\.8203 256 rows/)
  expect(rowOf(page, 'original')).not.toMatch(/judged/)
  expect(rowOf(page, 'int8')).toMatch(/pass, proven .*0\.8125 64 rows 40\.7 dB/)
  // Of class numbers alone there are no decibels.
  const silent = optimizationPage(
    report([{ ...candidate, id: 'int8', verdict: 'pass', grade: 'proven', sqnrDb: null }], 'int8'),
  )
  expect([page, silent].map((text) => text.includes('Signal to noise'))).toEqual([true, false])
  expect(page).toContain('Signal to noise')
  // What was heard, and differs in nothing, is no candidate of which nothing is known.
  const known = { ...candidate, verdict: 'pass', grade: 'proven', sqnrDb: null, judgedRows: 9 }
  const same = report(
    [
      { ...known, id: 'lossless', identical: true },
      { ...known, id: 'unheard' },
      // Of boxes, decibels that none of them changed are no noise that anybody heard.
      { ...known, id: 'boxes', sqnrDb: 300, boxes: { compared: 39, changed: 0 } },
    ],
    'lossless',
  )
  expect(rowOf(optimizationPage(same), 'boxes')).toMatch(/9 rows 39 of 39 boxes the same$/)
  expect(rowOf(optimizationPage(same), 'lossless')).toMatch(/9 rows identical$/)
  expect(rowOf(optimizationPage(same), 'unheard')).toMatch(/9 rows –$/)
})

test('a table names how a candidate was made in a few words, behind which all of it is opened', () => {
  const made = {
    ...candidate,
    verdict: 'pass',
    grade: 'proven',
    recipe: 'lossless, then static int8 everywhere, full ranges',
  }
  const of = report(
    [
      { ...made, id: 'int8' },
      { ...made, id: 'other' },
      { ...made, id: 'plain', recipe: 'static int8' },
    ],
    'int8',
  )
  const page = optimizationPage(of)
  expect(
    page.match(
      /<details class="how"><summary>static int8 everywhere<\/summary><small>lossless, then static int8 everywhere, full ranges<\/small>/g,
    ),
  ).toHaveLength(1)
  // What was in front of it for a while is no news of what is handed out.
  const before = report([{ ...made, id: 'int8', note: 'judged on 9 rows only: other was faster by then' }], 'int8')
  expect(optimizationPage(before)).not.toContain('judged on 9 rows')
  // Of what is handed out all is seen, and there is nothing to open behind what is short.
  expect(rowOf(page, 'int8')).toMatch(/^int8 handed out lossless, then/)
  expect(page).toContain('<b>plain</b><small>static int8</small>')
})

test('who passed on selection rows alone is not called proven, and what time left out is listed', () => {
  const passed = { ...candidate, verdict: 'pass', grade: 'proven' }
  const of = report(
    [
      { ...passed, id: 'int8' },
      { ...passed, id: 'untold' },
      { ...passed, id: 'safer', provedRows: 9 },
    ],
    'int8',
  )
  const page = optimizationPage({ ...of, leftOut: ['judging dynamic-int8'] })
  expect(rowOf(page, 'untold')).toMatch(/pass on selection rows/)
  expect(rowOf(page, 'safer')).toMatch(/pass, proven/)
  expect(page).toMatch(/What there was no time for<\/h2>\s*<ul><li>judging dynamic-int8<\/li>/)
  expect(optimizationPage(of)).not.toContain('no time for')
})

test('what is handed out stands first and is called so, and every other says why it is not', () => {
  const judged = { ...candidate, verdict: 'inconclusive', grade: null }
  const of = report(
    [
      { ...judged, id: 'late', verdict: null, note: 'not faster than the original' },
      { ...judged, id: 'loud', note: 'time as measured for late, which has the same kernels' },
      { ...candidate, id: 'int8', verdict: 'pass', grade: 'proven', provedRows: 9 },
    ],
    'int8',
  )
  const names = (page: string) => [...page.matchAll(/<th scope="row"[^>]*><b>(\w+)<\/b>/g)].map(([, name]) => name)
  const page = optimizationPage(of)
  expect(names(page)).toEqual(['original', 'int8', 'loud', 'late'])
  expect(rowOf(page, 'int8')).toMatch(/^int8 handed out lossless, then static int8 pass, proven/)
  expect(rowOf(page, 'late')).toContain('Not chosen: not faster than the original')
  // Where a time was measured decides nothing, and stands with how the candidate was made.
  expect(rowOf(page, 'loud')).toMatch(/which has the same kernels Not chosen: the rows show neither/)
  expect(page.match(/handed out<\/span>/g)).toHaveLength(1)
  expect(rowOf(page, 'original')).not.toContain('Not chosen')
})

test('where answers cannot be counted, rows have the column that the metric would have', () => {
  const counted = report([{ ...candidate, id: 'int8', verdict: 'pass', grade: 'proven' }], 'int8')
  const silent = {
    ...report([{ ...candidate, id: 'int8', verdict: 'pass', grade: 'proven', metric: null }], 'int8'),
    baseline: { ...counted.baseline, metric: null, metricName: 'agreement' },
  }
  const [with1, without] = [counted, silent].map(optimizationPage)
  expect(rowOf(with1!, 'int8')).toContain('0.8125 64 rows')
  expect(rowOf(without!, 'int8')).toMatch(/3 B 64 rows 40\.7 dB$/)
  expect(without).not.toContain('agreement')
  expect(without).toContain('Judged on')
})

test('the original that is handed out stands once, and no verdict is missing', () => {
  const original = { ...candidate, id: 'original', verdict: null, grade: null }
  const page = optimizationPage(report([original], 'original'))
  expect(page.match(/<b>original<\/b>/g)).toHaveLength(1)
  // Its rows are those of the baseline.
  expect(rowOf(page, 'original')).toContain('256 rows')
  expect(page).not.toContain('not judged')
})

/** The lines of the page that show how the result is run. */
const sampleOf = (more: object): string => {
  const sample = optimizationPage({ ...report([], 'int8'), ...more } as OptimizationReport).match(
    /<pre>(import [^<]+)/,
  )!
  return sample[1]!.replaceAll('&#39;', "'").replaceAll('&quot;', '"').replaceAll('&gt;', '>')
}

test('the sample runs the model where it was measured', () => {
  expect(sampleOf({ target: 'native', threads: 2 })).toMatch(/'onnxruntime-node'\n.*intraOpNumThreads: 2/)
  expect(sampleOf({ target: 'web', threads: 2 })).toMatch(/'onnxruntime-web\/wasm'\nort.env.wasm.numThreads = 2\n/)
  expect(sampleOf({ target: 'web', threads: 2 })).not.toMatch(/onnxruntime-node|intraOpNumThreads/)
})

test.each([
  ['string', "Array(2).fill('')"],
  ['uint64', 'new BigUint64Array(2)'],
  ['int16', 'new Int16Array(2)'],
  ['uint16', 'new Uint16Array(2)'],
  ['uint32', 'new Uint32Array(2)'],
])('the sample makes a tensor of %s that the runtime takes', (dtype, data) => {
  const sample = sampleOf({ inputs: [{ name: "it's", dtype, shape: ['N', 2] }], outputs: [{ name: "what's" }] })
  expect(sample).toContain(`"it's": new ort.Tensor('${dtype}', ${data}, [1, 2])`)
  expect(sample).toContain(`["what's"].data`)
})

test('the sample has the sizes of a row that ran, and what all rows have in common', () => {
  const sample = sampleOf({
    inputs: [
      { name: 'input', dtype: 'float32', shape: [null, 'length'] },
      { name: 'sr', dtype: 'int64', shape: [] },
      { name: 'gain', dtype: 'float32', shape: [1] },
    ],
    example: [
      { name: 'input', shape: [1, 576] },
      { name: 'sr', shape: [], value: '16000' },
      { name: 'gain', shape: [1], value: '0.5' },
    ],
  })
  expect(sample).toContain("input: new ort.Tensor('float32', new Float32Array(576), [1, 576])")
  expect(sample).toContain("sr: new ort.Tensor('int64', BigInt64Array.of(16000n), [])")
  expect(sample).toContain("gain: new ort.Tensor('float32', Float32Array.of(0.5), [1])")
})

test('what the tab key stops at has a name', () => {
  const stops = optimizationPage(report([], 'original')).match(/<[^>]*tabindex="0"[^>]*>/g)
  expect(stops).toEqual([expect.stringMatching(/role="group" aria-label="Table of Candidate, Verdict, /)])
})

test('what the proof warns of is told once, and names of one and the same model stand together', () => {
  const one = { ...candidate, id: 'int8', verdict: 'pass', grade: 'proven', alsoMadeAs: ['int8-mse'] }
  const page = optimizationPage({
    ...report([one], 'int8'),
    warnings: ['labels are numbered by name'],
    proof: { ...PROOF, warnings: ['labels are numbered by name', 'a changed answer has no direction'] },
  } as unknown as OptimizationReport)
  expect(page.match(/labels are numbered by name/g)).toHaveLength(1)
  expect(page.match(/a changed answer has no direction/g)).toHaveLength(1)
  expect(rowOf(page, 'int8')).toContain('the same model as int8-mse')
})

test.each([
  [{ baseOnly: 0, candidateOnly: 0 }, 1, 'none on these rows'],
  [{ baseOnly: 5, candidateOnly: 4 }, 0.754, 'no more than chance explains'],
  [{ baseOnly: 0, candidateOnly: 9 }, 0.002, 'more than chance explains'],
])('whether answers differ at all is told in words beside the p-value: %o', (discordant, midP, words) => {
  const proof = { ...PROOF, discordant, mcnemar: { midP, exact: midP }, warnings: [] }
  const page = optimizationPage({ ...report([], 'int8'), proof } as unknown as OptimizationReport)
  expect(page).toContain(`<dd>${words} (McNemar mid-p ${midP.toPrecision(3)}`)
})

/** The least that the section on the proof needs. */
const PROOF = {
  ...{ kind: 'comparison', verdict: 'pass', grade: 'proven', metric: 'top1', n: 2, labelled: true, alpha: 0.05 },
  ...{ base: { value: 1 }, candidate: { value: 1 }, agreement: null, outputs: [], slices: [], sentence: 'Alike.' },
  ...{ discordant: null, nonInferiority: null, mcnemar: null, requiredN: null },
}

test('a proof that there was time for on a part of its rows names both', () => {
  const of = (n: number) =>
    optimizationPage({ ...report([], 'int8'), proof: { ...PROOF, n, warnings: [] } } as unknown as OptimizationReport)
  expect(of(2)).toContain('On 2 rows that nothing else had touched.')
  expect(of(1)).toContain('On 1 of 2 rows that nothing else had touched.')
})
