import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { machine, openIsolated } from '../src/engine/index.ts'
import { measureLatency } from '../src/evaluate/index.ts'
import { optimize, readModel, writeModel } from '../src/index.ts'
import type { Model } from '../src/ir/index.ts'
import { applyRecipe, firstFeeds, noCache } from '../src/recipe/index.ts'
import type { LatencyReport, OptimizationReport, ProfileReport } from '../src/report/index.ts'
import { type Case, casesOf } from './cases.ts'
import { onnxsim, type ProcessRun, pythonQuantizer, ROOT, whetQuantize, writeFeeds } from './peers.ts'
import { type Contestant, type Result, resultsPage } from './results.ts'
import { megabytes } from './words.ts'

/**
 * The yardstick: float32, ours lossless, ours as handed out, and the usual tools on the same files, timed by turns in
 * one run. `npm run bench` measures every case; `npm run bench -- resnet-fashion yunet` only those.
 */
const CALIBRATION_ROWS = 16
/** What `optimize` may spend on new candidates of one case, so that all cases fit into three quarters of an hour. */
const SEARCH_MS = 120_000

const wanted = process.argv.slice(2)
const cases = casesOf(process.env.WHETSTONE_ZOO).filter((one) => wanted.length === 0 || wanted.includes(one.id))
const results: Result[] = []
for (const one of cases) {
  process.stderr.write(`${one.id}\n`)
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-bench-'))
  try {
    results.push(await measure(one, folder))
    const last = results.at(-1)!
    process.stdout.write(
      `${one.id}: ${last.sentence} ${last.contestants.map((c) => `${c.name} ${c.speedup?.toFixed(2) ?? c.failed}`).join(', ')}\n`,
    )
  } catch (error) {
    // The others' minutes shall not be lost over one.
    process.stdout.write(`${one.id}: failed: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
const { cpu, runtime, node, os } = machine()
const page = resultsPage(results, [
  cpu,
  runtime,
  `Node ${node}`,
  os,
  new Date().toISOString().slice(0, 10),
  'Peers: Debian python3-onnxruntime quantizers, npm onnxsim 0.7.3',
])
if (wanted.length === 0) writeFileSync(join(ROOT, 'bench/RESULTS.md'), page)
process.stdout.write(`${page}\n`)
process.exit(process.exitCode)

async function measure(one: Case, folder: string): Promise<Result> {
  const model = await readModel(one.path)
  const data = await one.data(model, folder)
  const calibration = await one.calibration?.(model, folder)
  const session = await openIsolated(model)
  const feeds = await firstFeeds(session, data)
  await writeFeeds(join(folder, 'feeds.npz'), calibration ?? data, session.inputs, CALIBRATION_ROWS)
  await session.close()

  const started = performance.now()
  const ours = await optimize(model, data, {
    path: one.id,
    cache: noCache,
    time: SEARCH_MS,
    // As the command does on a machine with two cores.
    workers: 2,
    ...(calibration ? { calibration } : {}),
    ...(one.metric ? { metric: one.metric } : {}),
  })
  const optimizeSeconds = (performance.now() - started) / 1000
  const files = await contestantsOf(one, model, ours, folder)
  const present = files.contestants.filter((contestant) => contestant.path !== null)
  const { report } = await measureLatency(
    [{ label: 'float32', model: one.path }, ...present.map(({ name, path }) => ({ label: name, model: path! }))],
    feeds,
    { maxSeconds: 30 },
  )
  const { chosen, sentence, proof } = ours.report
  return {
    id: one.id,
    headline: one.headline,
    floatMs: report.models[0]!.p50Ms,
    floatLoadMs: report.models[0]!.loadMs,
    floatBytes: statSync(one.path).size,
    contestants: files.contestants.map((file) => timedContestant(file, report)),
    chosen: chosen.id,
    sentence,
    accuracy: proof
      ? `proof on ${proof.n} rows: ${proof.verdict}, ${proof.grade ?? 'no grade'}; ${proof.sentence}`
      : 'nothing proven',
    time: whereTimeGoes(ours.report.profiles),
    cost: [`whole optimize run: ${optimizeSeconds.toFixed(1)} s`, ...files.cost],
    notes: ours.report.warnings,
  }
}

/** The dearest operators of the original and of what is handed out, in milliseconds of one profiled run. */
function whereTimeGoes(profiles: OptimizationReport['profiles']): string {
  const top = (profile: ProfileReport | null | undefined) =>
    profile
      ? Object.entries(profile.operators)
          .slice(0, 4)
          .map(([name, { ms }]) => `${name} ${ms.toFixed(2)}`)
          .join(', ')
      : 'not read'
  return `where the time goes (ms): before ${top(profiles?.baseline)}; after ${top(profiles?.chosen)}`
}

interface File {
  readonly name: string
  readonly path: string | null
  readonly failed?: string
}

/** Writes every contestant's file, and says what making it cost. */
async function contestantsOf(
  one: Case,
  model: Model,
  ours: Awaited<ReturnType<typeof optimize>>,
  folder: string,
): Promise<{ contestants: readonly File[]; cost: readonly string[] }> {
  const write = async (name: string, value: Model) => {
    const path = join(folder, `${name}.onnx`)
    await writeModel(value, path)
    return path
  }
  const lossless = ours.candidates.find((candidate) => candidate.id === 'lossless')
  const contestants: File[] = [
    {
      name: 'lossless',
      path: await write('lossless', lossless ? (await applyRecipe(lossless.recipe, model)).model : model),
    },
    { name: 'ours', path: await write('ours', ours.model) },
  ]
  const cost: string[] = []
  const feeds = join(folder, 'feeds.npz')
  const whet = await whetQuantize(one.path, feeds, join(folder, 'static.onnx'))
  if (whet.failed === null) cost.push(`whet quantize, whole process: ${costOf(whet)}`)
  for (const scheme of ['static', 'dynamic'] as const) {
    const name = `python ${scheme}`
    const out = join(folder, 'python')
    const python = await pythonQuantizer(scheme, one.path, feeds, out)
    const failed = python
      ? python.result.steps[scheme]?.failed
      : 'Debian packages python3-onnx and python3-onnxruntime are not installed'
    contestants.push(failed ? { name, path: null, failed } : { name, path: join(out, `${scheme}.onnx`) })
    if (python && !failed) cost.push(`Python ${scheme} quantizer, whole process: ${costOf(python.run)}`)
  }
  const sim = await onnxsim(one.path, join(folder, 'onnxsim.onnx'))
  contestants.push(
    sim.failed === null
      ? { name: 'onnxsim', path: join(folder, 'onnxsim.onnx') }
      : { name: 'onnxsim', path: null, failed: sim.failed },
  )
  cost.push(`onnxsim, whole process: ${costOf(sim)}`)
  return { contestants, cost }
}

/** What a process cost, on one line. */
function costOf({ seconds, cpuSeconds, peakBytes }: ProcessRun): string {
  const cpu = cpuSeconds === null ? [] : [`${cpuSeconds.toFixed(1)} s of processor time`]
  return [`${seconds.toFixed(1)} s`, ...cpu, megabytes(peakBytes)].join(', ')
}

function timedContestant({ name, path, failed }: File, report: LatencyReport): Contestant {
  const timing = report.models.find((model) => model.path === name)
  const ratio = report.ratios.find((item) => item.other === name)
  if (path === null || !timing || !ratio)
    return { name, ms: null, speedup: null, ci: null, loadMs: null, bytes: null, failed: failed ?? 'not timed' }
  return {
    name,
    ms: timing.p50Ms,
    speedup: 1 / ratio.median,
    ci: ratio.ci,
    loadMs: timing.loadMs,
    bytes: statSync(path).size,
  }
}
