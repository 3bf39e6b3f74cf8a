// 2,000 rendered text lines × 15 corruptions × 5 severities on PP-OCR's text-direction model and its half-precision form: wall
// time, rows a second and peak memory. Stop it and start it again: it goes on where it stopped (the evidence lies in the
// cache folder, argument 2). Run after a build: node dist/bench/robustness.js [rows] [cache folder]
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OCR } from '../demo/ocr-models.ts'
import { textDataset } from '../demo/text-datasets.ts'
import { quantize, readModel, renderHtml, renderTerminal, robustness } from '../src/index.ts'
import { diskCache } from '../src/recipe/index.ts'
import { megabytes } from './words.ts'

const rows = Number(process.argv[2] ?? 2000)
const cache = process.argv[3] ?? join(tmpdir(), 'whetstone-robustness')
const model = await readModel(OCR.direction)
const half = await quantize(model, { scheme: 'float16' })
const data = await textDataset(rows, 192, 'turned', 2)
const heldBefore = peakBytes()
const started = performance.now()
let kept = 0
let first = true
const report = await robustness(
  [
    { path: 'text-direction.onnx', model },
    { path: 'text-direction.float16.onnx', model: half.model },
  ],
  data,
  {
    cache: diskCache(cache),
    onProgress({ part, done, total }) {
      if (first) kept = done
      first = false
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${((100 * done) / total).toFixed(1)} % ${part}`)
    },
  },
)
const seconds = (performance.now() - started) / 1000
const total = rows * (1 + 75 + 6)
writeFileSync(join(cache, 'robustness.html'), renderHtml(report))
process.stdout.write(`${renderTerminal(report, { color: false, width: 120 })}\n\n`)
process.stdout.write(
  `${total.toLocaleString('en-US')} corrupted rows by 2 models in ${seconds.toFixed(0)} s (${Math.round(total / seconds).toLocaleString('en-US')} a second${kept > rows ? ', some kept from an earlier run' : ''}); peak memory of this process ${megabytes(peakBytes())}, ${megabytes(heldBefore)} before the run\n`,
)
process.exit()

/** Linux tells the peak; elsewhere the current size must do. */
function peakBytes(): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024
  } catch {
    return process.memoryUsage.rss()
  }
}
