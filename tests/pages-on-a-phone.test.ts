import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, findChromium, startChromium } from '../src/engine/ort-node-chromium.ts'
import type { LatencyReport, OptimizationReport, RobustnessReport } from '../src/report/index.ts'
import { renderHtml } from '../src/view/index.ts'

/** A name as exporters make them, without a place to break it. */
const NAME = `serving_default_${'sentence_transformer_'.repeat(4)}v2`
const report = {
  ...{ kind: 'optimization', version: 1, sentence: '2× faster.', goal: 'latency', seed: 0, margin: 0.01, alpha: 0.05 },
  ...{ threads: 1, target: 'web', proof: null, warnings: [`${NAME}: told by name`], command: `whet optimize ${NAME}` },
  inputs: [{ name: NAME, dtype: 'float32', shape: [1, 2] }],
  outputs: [{ name: NAME, dtype: 'float32', shape: [1, 2] }],
  model: { path: `/models/${NAME}.onnx`, digest: `sha256:${'0'.repeat(64)}`, bytes: 10 },
  data: { path: `/data/${NAME}.npz`, digest: `sha256:${'0'.repeat(64)}`, rows: 2000 },
  machine: { cpu: 'a processor', os: 'a system', runtime: 'r', node: '20' },
  baseline: { bytes: 10, p50Ms: 1, loadMs: 1, metric: 0.8203, metricName: 'top1', judgedRows: 256 },
  chosen: { id: 'int8', reason: `${NAME} is why` },
  rows: { calibrate: 1, select: 1, prove: 2 },
  candidates: [
    {
      id: 'a',
      recipe: 'r',
      bytes: 3,
      p50Ms: 1,
      speedup: 1,
      ratio: null,
      verdict: 'inconclusive',
      metric: 1,
      sqnrDb: 4,
    },
    {
      ...{
        id: 'int8',
        recipe: 'lossless, then static int8 where integers pay here, full ranges',
        bytes: 3,
        p50Ms: 0.5,
      },
      ...{ speedup: 2, ratio: null, loadMs: 1, verdict: 'pass', grade: 'proven', metric: 0.8, judgedRows: 64 },
      ...{ peakRssBytes: null, sqnrDb: 40, onFront: true, float: [{ node: NAME, reason: `${NAME} reads it` }] },
    },
  ],
} as unknown as OptimizationReport

const timed = (path: string) => ({
  ...{ path, p50Ms: 0.44, p90Ms: 2.95, p99Ms: 12.7, throughput: 846, loadMs: 13.6, firstMs: 4.36, peakRssBytes: 3.5e6 },
  percentiles: [0.9, 0.99].map((percentile) => ({ percentile, ms: 12.7, ci: [8.74, 22.6] })),
  runs: 960,
})
const machine = { name: 'AWS c5.2xlarge', perHour: 0.34, cores: 8, source: 'a guide of its maker', asOf: '2024-01' }
const load = {
  ...{ kind: 'latency', version: 1, scenario: 'single-stream', threads: 1, batch: 1, cpu: 'a processor', runtime: 'r' },
  models: ['model.onnx', 'int8.onnx'].map(timed),
  ratios: [],
  warnings: [],
  costs: {
    ...{ currency: 'USD', assumes: 'a core there is as fast as one here', machines: [machine] },
    perMillion: ['model.onnx', 'int8.onnx'].map((path) => ({ path, machine: machine.name, amount: 0.014 })),
  },
} as unknown as LatencyReport

const paths = ['model.onnx', 'int8.onnx']
const stood = {
  ...{ kind: 'robustness', version: 1, sentence: 'Two models.', metric: 'top1', higherIsBetter: true, labelled: true },
  ...{ n: 40, alpha: 0.05, margin: 0.01, seed: 0, modality: 'images', severities: [], corruptions: [], missing: {} },
  models: paths.map((path) => ({ path, clean: 1, corrupted: null, mce: null, relativeMce: null, change: null })),
  ...{ calibration: null, outOfDistribution: null, warnings: [] },
  brittleness: ['one pixel right', 'one pixel left'].map((name) => ({
    ...{ name, changed: [0, 0.025], changes: [null, { delta: 0.025, ci: [-0.0876, 0.0876] }] },
  })),
  data: { path: 'rows.npz', digest: 'sha256:0', rows: 40 },
} as unknown as RobustnessReport

describe.skipIf(findChromium('auto') === null)('in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await startChromium(findChromium('auto')!)
  })
  afterAll(() => browser?.stop())

  test.each([390, 1280])('a page with long names is no wider than a screen of %i', async (width) => {
    const tab = await browser.openTab('about:blank')
    const measure = `new Promise((resolve) => {
      const frame = document.createElement('iframe')
      frame.style = 'width:${width}px;height:900px;border:0'
      frame.srcdoc = ${JSON.stringify(renderHtml(report))}
      frame.onload = () => {
        const { documentElement } = frame.contentDocument
        const cells = [...frame.contentDocument.querySelectorAll('tr.chosen > *')].map((cell) => cell.getBoundingClientRect())
        const right = Math.max(...cells.map((cell) => cell.right))
        const badge = [...frame.contentDocument.querySelectorAll('td .badge')].find((one) => one.innerText === 'inconclusive')
        resolve({ page: documentElement.scrollWidth, first: cells[0].width, right, lines: Math.round(badge.clientHeight / parseFloat(getComputedStyle(badge).lineHeight)) })
      }
      document.body.append(frame)
    })`
    const found = (await tab.evaluate(measure, 'measuring a page')) as Record<
      'page' | 'first' | 'right' | 'lines',
      number
    >
    await tab.close()
    expect(found.page).toBeLessThanOrEqual(width)
    // A verdict is one word, on one line.
    expect(found.lines).toBe(1)
    // Speed and size of a candidate are seen without moving its table.
    expect(found.right).toBeLessThanOrEqual(width)
    // What was done to a candidate is read as sentences, not as a column of words.
    expect(found.first).toBeGreaterThan(150)
  })

  test('on paper no figure is broken over two lines, and no column is lost', async () => {
    const tab = await browser.openTab('about:blank')
    const [int8] = report.candidates
    const note = 'not judged: another one, which gives the same answers, was about as fast or faster by then'
    const ratio = { base: 'original', other: 'int8', median: 0.5, ci: [0.4, 0.6] as const }
    const searched = { ...report, candidates: [int8!, { ...int8!, id: 'int8-mse', note, ratio, p50Ms: 0.146 }] }
    // What chromium prints on is 718 wide between its margins.
    const measure = `new Promise((resolve) => {
      const frame = document.createElement('iframe')
      frame.style = 'width:718px;height:900px;border:0'
      frame.srcdoc = ${JSON.stringify(renderHtml(searched).replaceAll('@media print', '@media all'))}
      frame.onload = () => {
        const { documentElement } = frame.contentDocument
        const figures = [...frame.contentDocument.querySelectorAll('td.n')].flatMap(({ childNodes }) =>
          [...childNodes].filter(({ nodeType, textContent }) => nodeType === 3 && textContent.trim() !== ''))
        const lines = figures.map((figure) => {
          const range = frame.contentDocument.createRange()
          range.selectNodeContents(figure)
          return { text: figure.textContent, lines: range.getClientRects().length }
        })
        resolve({ page: documentElement.scrollWidth, figures: lines.length, broken: lines.filter(({ lines }) => lines > 1) })
      }
      document.body.append(frame)
    })`
    const found = (await tab.evaluate(measure, 'measuring a page')) as Record<string, unknown>
    await tab.close()
    expect(found.page).toBeLessThanOrEqual(718)
    expect(found.figures).toBeGreaterThan(5)
    expect(found.broken).toEqual([])
  })

  test.each([
    ['times', load, 20],
    ['answers that change', stood, 15],
  ])('figures beside each other cover one another as little as they are out of sight: %s', async (_, shown, least) => {
    const tab = await browser.openTab('about:blank')
    const measure = `new Promise((resolve) => {
      const frame = document.createElement('iframe')
      frame.style = 'width:390px;height:900px;border:0'
      frame.srcdoc = ${JSON.stringify(renderHtml(shown))}
      frame.onload = () => {
        const boxes = [...frame.contentDocument.querySelectorAll('.scroll, tbody tr > *')]
        const cut = boxes.filter((box) => box.scrollWidth > box.clientWidth)
        resolve({ boxes: boxes.length, cut: cut.map(({ textContent }) => textContent) })
      }
      document.body.append(frame)
    })`
    const found = (await tab.evaluate(measure, 'measuring a page')) as { boxes: number; cut: readonly string[] }
    await tab.close()
    expect(found.boxes).toBeGreaterThan(least)
    expect(found.cut).toEqual([])
  })
})
