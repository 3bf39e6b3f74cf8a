import { leftUnseen, omittedOutputs, openIsolated, startRuntimes } from '../../engine/index.ts'
import type { Model } from '../../ir/index.ts'
import { codeAhead, type StaticInt8Options } from '../../passes/index.ts'
import { letOthersRun, UserError } from '../../platform/index.ts'
import type { CalibrationReport, PassRun, QuantizationReport, Report, Scheme, Target } from '../../report/index.ts'
import { channelsOf } from '../evidence/channels.ts'
import { type LateCache, noCache, writtenLater } from '../evidence/evidence-cache.ts'
import { rangesOf } from '../evidence/ranges.ts'
import { OpenSessions } from '../open-sessions.ts'
import { type RunsOn, runsOn } from '../runs-on.ts'
import { expectedOf, FEW_SAMPLES, LEAN, losslessTrail, proveLossless, readyFor, unroundedTrail } from '../simplify.ts'
import { together } from '../together.ts'
import { advanceAll, recipeOf, sizeOf, startTrail, type Trail } from '../trail.ts'
import { advanceOnThreads } from '../weight-threads.ts'
import { forIntegers } from './float-form-choice.ts'
import { goneFromFloat, keepsNothing } from './keep-float.ts'
import { lazyLearnedRoundings, lazyTimeIn, lazyWeightSteps } from './lazy-parts.ts'
import { looked } from './looked.ts'
import { measureDamage, readKernels } from './measure-quantized.ts'
import { noiseWarning } from './noise-warning.ts'
import { nothingDone } from './nothing-done.ts'
import { provePortable } from './portable.ts'
import type { Quantized, QuantizeOptions } from './quantize-options.ts'
import { quantizationRun, quantizeStep, quantizeSteps } from './quantize-steps.ts'
import { smoothed } from './smooth.ts'

/**
 * Quantizes by one scheme and proves what came out: kernels counted in the runtime's own optimised graph, noise at the
 * outputs and by layer, and whether a row's answer depends on the rows beside it. A model with operators that the
 * runtime does not know is quantized around them where no run is needed for that; its report says that nothing was
 * measured.
 *
 * @throws UserError where `static-int8` has no data, or a file or row is wrong.
 */
export async function quantize(model: Model, options: QuantizeOptions): Promise<Quantized> {
  try {
    return await quantizeMeasured(model, options)
  } catch (error) {
    if (options.scheme === 'static-int8' || !(error instanceof UserError) || error.code !== 'unsupported') throw error
    const reason = await refusalOf(model)
    if (reason === null) throw error
    return quantizeUnrun(model, options, reason)
  }
}

/** Why the runtime does not take the model as it is; null where it does. */
async function refusalOf(model: Model): Promise<string | null> {
  try {
    const session = await openIsolated(model, { arena: false })
    await session.close()
    return null
  } catch (error) {
    if (error instanceof UserError && error.code === 'unsupported') return error.message
    throw error
  }
}

/** The scheme alone: rewrites that nobody can prove here are left out, and what was not measured is null. */
async function quantizeUnrun(model: Model, options: QuantizeOptions, reason: string): Promise<Quantized> {
  const { scheme, target = 'native' } = options
  goneFromFloat(options.keepFloat ?? [], model, model)
  const [own] = quantizeSteps(options, [])
  const steps = scheme.startsWith('weight') ? await lazyWeightSteps(model, own, options) : [own]
  const trail = await advanceOnThreads(startTrail(model), steps)
  const run = quantizationRun(trail, scheme)
  const report: QuantizationReport = {
    kind: 'quantization',
    version: 1,
    scheme,
    target,
    ...(options.pass ? { options: options.pass } : {}),
    planned: run.planned ?? {},
    kernels: null,
    kernelsReason: reason,
    float: run.refused,
    before: sizeOf(model),
    after: sizeOf(trail.model),
    sqnrDb: null,
    layers: [],
    batchInvariant: null,
    passes: trail.runs,
    warnings: [
      `nothing was run or measured, and lossless passes were left out: ${reason}`,
      ...(run.applied === 0 ? [nothingDone(model, run)] : []),
    ],
  }
  return quantized(trail, report)
}

async function quantizeMeasured(model: Model, options: QuantizeOptions): Promise<Quantized> {
  const place = await runsOn(options.target ?? 'native')
  const sessions = new OpenSessions(options.processes ?? startRuntimes())
  const cache = writtenLater(options.cache ?? noCache)
  try {
    return await quantizeIn(sessions, place, model, { ...options, cache })
  } finally {
    const ended = sessions.closeAll()
    ended.catch(() => {})
    await together(cache.write(), options.processes ? null : ended)
  }
}

/**
 * Whatever runs a model does so in another process, and what does not wait for another runs beside it: the original is
 * loaded while the lossless passes work, and the kernels, the noise and the neighbours of what came out are measured at
 * the same time.
 */
async function quantizeIn(
  sessions: OpenSessions,
  place: RunsOn,
  model: Model,
  options: QuantizeOptions & { readonly cache: LateCache },
): Promise<Quantized> {
  const { scheme, data, target = 'native', onProgress: say = () => {} } = options
  const original = sessions.open(model, LEAN, options.file === undefined ? {} : { file: options.file })
  const proving = data && data.rows > 1 ? FEW_SAMPLES : {}
  const expecting = original.then((session) => expectedOf(session, { data, seed: options.seed, ...proving }))
  expecting.catch(() => {})
  say('lossless passes')
  const plain = options.simplify === false ? startTrail(model) : await losslessTrail(model)
  const unrounded = options.simplify === false ? plain : await unroundedTrail(plain, 'each run')
  const float = options.simplify === false ? plain : await floatFor(unrounded, scheme, target)
  // What rounds nothing in a run answers otherwise than the file that does.
  const lossless = unrounded === plain ? float : plain
  const gone = goneFromFloat(options.keepFloat ?? [], model, float.model)
  const proof = lossless.model === model ? null : proveLossless(sessions, lossless.model, model, expecting)
  proof?.catch(() => {})
  // When the original has answered, or has said why not, what calibrates takes over its process.
  const free = (proof ? expecting : expecting.catch(() => null)).then(async (expected) => {
    await Promise.allSettled(expected?.answers.values() ?? [])
    await sessions.close(original)
  })
  free.catch(() => {})
  const smoothing = scheme === 'static-int8' && data && options.smooth !== undefined
  if (smoothing) await free
  const smooth = smoothing ? await smoothed(float, data, { ...options, alpha: options.smooth }) : float
  const start = await readyFor(smooth, options)
  const [, evidence] = await together(
    proof,
    scheme === 'static-int8' ? evidenceFor(sessions, start.model, options, free, proof) : [],
  )
  await free
  say('quantizing')
  const [own, ...repairs] = quantizeSteps(options, evidence)
  const steps = scheme.startsWith('weight')
    ? await lazyWeightSteps(start.model, own, options)
    : scheme === 'static-int8' && options.rounding === 'learned'
      ? [await lazyLearnedRoundings(start.model, own, { ...options, data: data! }), ...repairs]
      : [own, ...repairs]
  let trail = await advanceOnThreads(start, steps)
  // Who asks for integers gets them: that they hardly pay in such a model is for the report to say. What the passes
  // behind did to the float graph is no quantization.
  const insists =
    scheme === 'static-int8' && quantizationRun(trail, scheme).applied === 0 && options.pass?.placement === undefined
  if (insists)
    trail = await advanceAll(start, quantizeSteps({ ...options, pass: { ...options.pass, ...EVERYWHERE } }, evidence))
  const run = quantizationRun(trail, scheme)
  const planned = run.planned ?? {}
  let sizes: Pick<QuantizationReport, 'before' | 'after'> | undefined
  const takeSizes = () => (sizes ??= { before: sizeOf(model), after: sizeOf(trail.model) })
  const measured =
    trail.model === start.model
      ? null
      : await measureDamage(sessions, start.model, trail.model, place, planned, {
          ...options,
          evidence,
          meanwhile() {
            takeSizes()
            options.cache.write().catch(() => {})
          },
        })
  const kernels = measured?.kernels ?? (await readKernels(trail.model, planned, target))
  // What is timed runs alone.
  if (target === 'web') await sessions.closeAll()
  const timing =
    measured && target === 'web' ? await lazyTimeIn(place, start.model, trail.model, measured.feeds[0], options) : null
  const report: QuantizationReport = {
    kind: 'quantization',
    version: 1,
    scheme,
    target,
    ...(options.pass ? { options: options.pass } : {}),
    planned: kernels.planned,
    kernels: kernels.counts,
    ...(kernels.reason ? { kernelsReason: kernels.reason } : {}),
    float: run.refused,
    ...takeSizes(),
    sqnrDb: measured?.sqnrDb ?? null,
    layers: measured?.layers ?? [],
    batchInvariant: measured?.batchInvariant ?? null,
    ...(timing ? { timing } : {}),
    ...(target === 'portable' ? { portable: provePortable(trail.model) } : {}),
    passes: trail.runs,
    warnings: [
      ...kernels.warnings,
      ...noiseWarning({ scheme, sqnrDb: measured?.sqnrDb ?? null, layers: measured?.layers ?? [] }),
      ...(timing && timing.ratio.ci[0] > 1
        ? [
            `slower than float in ${timing.runtime}: ${timing.p50Ms.toFixed(2)} ms against ${timing.floatP50Ms.toFixed(2)} ms`,
          ]
        : []),
      ...evidence.flatMap((report) => (report.kind === 'calibration' ? unseen(report) : [])),
      ...(scheme === 'static-int8' ? fewRows(options) : []),
      ...(insists && run.applied > 0
        ? [
            'by their usual costs float is as fast for every node here; integers stand everywhere since they were asked for',
          ]
        : []),
      ...(options.rounding === 'learned' && scheme === 'static-int8' && !trail.runs.some(isLearned)
        ? ['learned roundings left the outputs no nearer to the float model: those that balance sums stay']
        : []),
      ...(run.applied === 0 ? [nothingDone(model, run)] : []),
      ...(unrounded === plain
        ? []
        : [
            'the file rounds its values in each run (float16, or integers with ranges of their own): that was undone first, and what is measured here is against float32; whet compare shows both against each other',
          ]),
      ...gone.map(keepsNothing),
      ...leftUnseen(omittedOutputs(model)),
      ...(data?.notes ?? []),
    ],
  }
  const tensors = new Map(steps.flatMap(({ evidence }) => evidence ?? []).flatMap((item) => [...(item.tensors ?? [])]))
  return quantized(trail, report, tensors)
}

/** The form of a float model that this scheme is best made of. */
const floatFor = async (trail: Trail, scheme: Scheme, target: Target): Promise<Trail> =>
  scheme === 'static-int8' ? forIntegers(trail, target) : trail

function quantized(trail: Trail, report: QuantizationReport, tensors: Quantized['tensors'] = new Map()): Quantized {
  return {
    model: trail.model,
    report,
    tensors,
    get recipe() {
      return recipeOf(trail)
    },
  }
}

const isLearned = ({ options }: PassRun) => (options as { rounding?: string } | undefined)?.rounding === 'learned'

const EVERYWHERE = { placement: 'everywhere' } as const

/** Ranges and channels of the values that static quantization asks for. */
async function evidenceFor(
  sessions: OpenSessions,
  model: Model,
  options: QuantizeOptions,
  /** Ends when a process is free. */
  free: Promise<void>,
  /** Ends when a second one is. */
  busy: Promise<void> | null,
): Promise<readonly Report[]> {
  const { data, calibration = 'minmax' } = options
  if (!data)
    throw new UserError('bad-data', 'static int8 needs sample data to learn the ranges of values from', {
      where: '--data',
      hint: 'give some rows that look like production (100 are plenty), or use --scheme dynamic-int8 or weight-int8',
    })
  if (data.rows === 0)
    throw new UserError('bad-data', 'there are no rows to learn the ranges of values from', {
      where: data.path,
      hint: 'give some rows that look like production; 100 are plenty',
    })
  options.onProgress?.('calibrating')
  if (calibration === 'minmax') {
    const over = new AbortController()
    // A fault in it is the pass's own, which will meet it.
    const meanwhile = () => codeWhile(model, options, over.signal).catch(() => {})
    return looked(sessions, model, data, { ...options, free, busy, meanwhile }).finally(() => over.abort())
  }
  // These look at whole values in this very process, which a model that cannot run would take along: it ran before.
  await free
  return together(rangesOf(model, data, calibration, options), channelsOf(model, data, options))
}

/** Codes weights for the pass to come, a few milliseconds at a time, until `over`; the pass codes what is left. */
async function codeWhile(model: Model, options: QuantizeOptions, over: AbortSignal): Promise<void> {
  for (const _ of codeAhead(model, quantizeStep(options, []).options as StaticInt8Options)) {
    if (over.aborted) return
    await letOthersRun()
  }
}

/** Ranges of few rows cut off what other rows would have shown. */
function fewRows({ data, indices, samples = USUAL_ROWS }: QuantizeOptions): readonly string[] {
  const rows = indices?.length ?? data?.rows ?? 0
  return rows < Math.min(samples, USUAL_ROWS)
    ? [`calibrated on ${rows} rows, all that there are; ${USUAL_ROWS} are usual`]
    : []
}

const USUAL_ROWS = 128

const unseen = (calibration: CalibrationReport) =>
  calibration.unseen.length === 0
    ? []
    : [
        `${calibration.unseen.length} values could not be calibrated, the first: ${calibration.unseen[0]!.name} (${calibration.unseen[0]!.reason})`,
      ]
