import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, findChromium, startChromium } from '../src/engine/ort-node-chromium.ts'
import type { OptimizationReport } from '../src/report/index.ts'
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

describe.skipIf(findChromium() === null)('in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await startChromium(findChromium()!)
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
        const cells = [...frame.contentDocument.querySelectorAll('tr.chosen td')].map((cell) => cell.getBoundingClientRect())
        const right = Math.max(...cells.map((cell) => cell.right))
        resolve({ page: documentElement.scrollWidth, first: cells[0].width, right })
      }
      document.body.append(frame)
    })`
    const found = (await tab.evaluate(measure, 'measuring a page')) as Record<'page' | 'first' | 'right', number>
    await tab.close()
    expect(found.page).toBeLessThanOrEqual(width)
    // Speed and size of a candidate are seen without moving its table.
    expect(found.right).toBeLessThanOrEqual(width)
    // What was done to a candidate is read as sentences, not as a column of words.
    expect(found.first).toBeGreaterThan(150)
  })
})
