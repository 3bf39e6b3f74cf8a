import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type Feeds, openIsolated } from '../src/engine/index.ts'
import { measureLatency } from '../src/evaluate/index.ts'
import { optimize, readModel, writeModel } from '../src/index.ts'
import type { Model } from '../src/ir/index.ts'
import { UserError } from '../src/platform/index.ts'
import { applyRecipe, firstFeeds, noCache } from '../src/recipe/index.ts'
import type { LatencyReport, ProfileReport } from '../src/report/index.ts'
import type { Case } from './cases.ts'
import { onnxsim, pythonQuantizer, whetQuantize, writeFeeds } from './peers.ts'
import type { Contestant, MAKERS, Process, Result } from './results.ts'
import type { ProcessRun } from './whole-process.ts'

const CALIBRATION_ROWS = 16

/** A contestant's file, or why there is none. */
interface File {
  readonly name: string
  readonly path: string | null
  readonly failed?: string
}

/** What a case came to before anything is timed: plain JSON beside the contestants' files. */
export interface Prepared
  extends Pick<Result, 'chosen' | 'sentence' | 'proof' | 'time' | 'searchSeconds' | 'processes' | 'notes'> {
  readonly files: readonly File[]
}

/** Optimizes within `searchMs` as the command does, lets the usual tools at the same file, writes all to `folder`. */
export async function prepare(one: Case, folder: string, searchMs: number): Promise<Prepared> {
  const model = await readModel(one.path)
  const data = await one.data(model, folder)
  const calibration = await one.calibration?.(model, folder)
  const session = await openIsolated(model)
  await writeFeeds(join(folder, 'feeds.npz'), calibration ?? data, session.inputs, CALIBRATION_ROWS)
  await session.close()

  const started = performance.now()
  const ours = await optimize(model, data, {
    path: one.id,
    cache: noCache,
    time: searchMs,
    // As the command does on a machine with two cores.
    workers: 2,
    ...(calibration ? { calibration } : {}),
    ...(one.metric ? { metric: one.metric } : {}),
  })
  const searchSeconds = (performance.now() - started) / 1000
  const { files, processes } = await contestantsOf(one, model, ours, folder)
  const { chosen, sentence, proof, profiles, warnings, leftOut = [] } = ours.report
  return {
    chosen: chosen.id,
    sentence,
    proof: proof ? { rows: proof.n, verdict: proof.verdict, grade: proof.grade, sentence: proof.sentence } : null,
    time: { before: dearest(profiles?.baseline), after: dearest(profiles?.chosen) },
    searchSeconds,
    processes,
    notes: leftOut.length > 0 ? [...warnings, `there was no time for: ${leftOut.join('; ')}`] : warnings,
    files,
  }
}

/** Times the original and all contestants by turns in one run. */
export async function race(one: Case, folder: string, prepared: Prepared): Promise<Result> {
  const model = await readModel(one.path)
  const session = await openIsolated(model)
  const feeds = await firstFeeds(session, await one.data(model, folder))
  await session.close()
  const files: File[] = []
  for (const file of prepared.files) files.push(await thatRuns(file, feeds))
  const { report } = await measureLatency(
    [
      { label: 'float32', model: one.path },
      ...files.flatMap(({ name, path }) => (path === null ? [] : [{ label: name, model: path }])),
    ],
    feeds,
    { maxSeconds: 30 },
  )
  return {
    ...prepared,
    id: one.id,
    headline: one.headline,
    floatMs: report.models[0]!.p50Ms,
    floatLoadMs: report.models[0]!.loadMs,
    floatBytes: statSync(one.path).size,
    contestants: files.map((file) => timedContestant(file, report)),
  }
}

/** The file, or why it counts as failed: what a tool has broken in the making is its own loss, not the end of the race. */
async function thatRuns(file: File, feeds: Feeds): Promise<File> {
  if (file.path === null) return file
  try {
    const session = await openIsolated(file.path)
    try {
      await session.run(feeds)
    } finally {
      await session.close()
    }
    return file
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { name: file.name, path: null, failed: error.message }
  }
}

/** The dearest operators of a model, in milliseconds of one profiled run. */
function dearest(profile: ProfileReport | null | undefined): string | null {
  if (!profile) return null
  return Object.entries(profile.operators)
    .slice(0, 4)
    .map(([name, { ms }]) => `${name} ${ms.toFixed(2)}`)
    .join(', ')
}

/** Writes every contestant's file, and says what making it cost. */
async function contestantsOf(
  one: Case,
  model: Model,
  ours: Awaited<ReturnType<typeof optimize>>,
  folder: string,
): Promise<{ files: readonly File[]; processes: readonly Process[] }> {
  const write = async (name: string, value: Model) => {
    const path = join(folder, `${name}.onnx`)
    await writeModel(value, path)
    return path
  }
  const lossless = ours.candidates.find((candidate) => candidate.id === 'lossless')
  const files: File[] = [
    {
      name: 'lossless',
      path: await write('lossless', lossless ? (await applyRecipe(lossless.recipe, model)).model : model),
    },
    { name: 'ours', path: await write('ours', ours.model) },
  ]
  const processes: Process[] = []
  const feeds = join(folder, 'feeds.npz')
  const whet = await whetQuantize(one.path, feeds, join(folder, 'static.onnx'))
  if (whet.failed === null) processes.push(processOf('whet quantize', whet))
  for (const scheme of ['static', 'static-unprepared', 'dynamic'] as const) {
    const name = `python ${scheme}` as const
    const out = join(folder, 'python')
    const { run, failed } = await pythonQuantizer(scheme, one.path, feeds, out)
    files.push(failed === null ? { name, path: join(out, `${scheme}.onnx`) } : { name, path: null, failed })
    if (failed === null) processes.push(processOf(name, run))
  }
  const sim = await onnxsim(one.path, join(folder, 'onnxsim.onnx'))
  files.push(
    sim.failed === null
      ? { name: 'onnxsim', path: join(folder, 'onnxsim.onnx') }
      : { name: 'onnxsim', path: null, failed: sim.failed },
  )
  if (sim.failed === null) processes.push(processOf('onnxsim', sim))
  return { files, processes }
}

const processOf = (name: (typeof MAKERS)[number], { seconds, cpuSeconds, peakBytes }: ProcessRun): Process => ({
  name,
  seconds,
  cpuSeconds,
  peakBytes,
})

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
