import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { writeOptimized } from '../src/cli/optimize-output.ts'
import { characterErrorRate, exactMatch } from '../src/evaluate/index.ts'
import { compare, optimize, readModel, renderTerminal } from '../src/index.ts'
import { withLock } from '../src/platform/index.ts'
import type { OptimizationReport } from '../src/report/index.ts'
import { indexPage } from './index-page.ts'
import { characters, OCR } from './ocr-models.ts'
import { textDataset } from './text-datasets.ts'

/**
 * The main job on real models: PP-OCRv4's text-direction classifier and its recogniser, judged on text lines that this
 * program renders itself, so that every label is true by construction.
 */
const OUT = resolve('demo-output')
const SLICES = ['font', 'length', 'noise']

const jobs = [
  {
    name: 'direction',
    path: OCR.direction,
    width: 192,
    rows: 1000,
    label: 'turned',
    metric: 'top1',
    margin: 0.01,
  },
  {
    name: 'recogniser',
    path: OCR.recognition,
    width: 320,
    rows: 600,
    label: 'text',
    metric: exactMatch({ characters }),
    margin: 0.02,
  },
] as const

mkdirSync(OUT, { recursive: true })
const reports: { name: string; report: OptimizationReport; note: string }[] = []
const live = process.stderr.isTTY === true
const started = performance.now()
for (const job of jobs) {
  const model = await readModel(job.path)
  const data = await textDataset(job.rows, job.width, job.label, 1)
  process.stdout.write(`\n${job.name}: ${basename(job.path)}, ${data.path}\n`)
  const folder = join(OUT, job.name)
  const optimized = await withLock(folder, async () => {
    const result = await optimize(model, data, {
      path: basename(job.path),
      metric: job.metric,
      label: 'label',
      slices: SLICES,
      margin: job.margin,
      time: 60_000,
      onProgress: (text) => live && process.stderr.write(`\r\x1b[2K${text}`),
    })
    await writeOptimized(folder, result)
    return result
  })
  if (live) process.stderr.write('\r\x1b[2K')
  process.stdout.write(
    `${renderTerminal(optimized.report, { color: process.stdout.isTTY === true, width: process.stdout.columns ?? 100 })}\n`,
  )
  let note = ''
  if (job.label === 'text' && optimized.report.chosen.id !== 'original') {
    // A second metric on fresh lines: how many characters are wrong, not only how many lines.
    const fresh = await textDataset(120, job.width, 'text', 2)
    const errors = await compare(model, optimized.model, fresh, {
      metric: characterErrorRate({ characters }),
      label: 'label',
    })
    note = `Character error rate on ${errors.n} fresh lines: ${errors.base.value?.toFixed(4)} before, ${errors.candidate.value?.toFixed(4)} after (${errors.verdict}).`
    process.stdout.write(`${note}\n`)
  }
  reports.push({ name: job.name, report: optimized.report, note })
}
const page = join(OUT, 'report.html')
writeFileSync(page, indexPage(reports))
process.stdout.write(`\n${((performance.now() - started) / 1000).toFixed(0)} s; the report: ${page}\n`)
process.exit()
