import { openIsolated, startRuntimes } from '../../engine/index.ts'
import type { Model } from '../../ir/index.ts'
import { checkChoice, UserError } from '../../platform/index.ts'
import { type PassRun, type QuantizationReport, RANGE_METHODS, SCHEMES } from '../../report/index.ts'
import { noCache, writtenLater } from '../evidence/evidence-cache.ts'
import { curvesOn } from '../evidence/processor.ts'
import { OpenSessions } from '../open-sessions.ts'
import { type LeftOutOfLossless, leavingOut } from '../proof/proven-trail.ts'
import { type RunsOn, refusalBy, runsOn } from '../runs-on.ts'
import { together } from '../together.ts'
import { type LeftOut, sizeOf, type Trail } from '../trail.ts'
import { floatStart } from './float-start.ts'
import { lazyTimeIn } from './lazy-parts.ts'
import { type Damage, LOOKED_AT, measureDamage, type ReadKernels, readKernels } from './measure-quantized.ts'
import { portableOrRefused, saturationOf } from './portable.ts'
import { type CachedOptions, type Prepared, prepare, samplesOf } from './prepare.ts'
import { quantizationWarnings } from './quantization-warnings.ts'
import type { QuantizeOptions } from './quantize-options.ts'
import { quantizationRun } from './quantize-steps.ts'
import { quantizeUnrun } from './quantize-unrun.ts'
import { type Quantized, quantized } from './quantized.ts'
import { quantizedTrail } from './quantized-trail.ts'
import { runsQuickly } from './runs-quickly.ts'
import { unseenRows } from './unseen-rows.ts'

/**
 * Quantizes by one scheme and proves what came out: kernels counted in the runtime's own optimised graph, noise at the
 * outputs and by layer, and whether a row's answer depends on the rows beside it. A model with operators that the
 * runtime does not know is quantized around them where no run is needed for that; its report says that nothing was
 * measured.
 *
 * @throws UserError where `static-int8` has no data, a file or row is wrong, there is no such scheme, target or
 *   calibration, or what came out cannot be proven portable for the target that promises it.
 */
export async function quantize(model: Model, options: QuantizeOptions): Promise<Quantized> {
  checkChoice('scheme', options.scheme, SCHEMES)
  checkChoice('calibration', options.calibration ?? 'minmax', RANGE_METHODS)
  try {
    return await quantizeProven(model, options)
  } catch (error) {
    if (options.scheme === 'static-int8' || !(error instanceof UserError) || error.code !== 'unsupported') throw error
    const refusal = await refusalBy(openIsolated, model)
    if (refusal?.code !== 'unsupported') throw error
    return quantizeUnrun(model, options, refusal.message)
  }
}

/** Quantizes without those lossless passes that were seen to change answers of this model. */
async function quantizeProven(model: Model, options: QuantizeOptions): Promise<Quantized> {
  const { processes: _, ...others } = options
  // Work that is done again starts its own runtimes: the ones that were lent have ended by then.
  const work = async (left: LeftOutOfLossless) =>
    (await quantizeMeasured(model, left.passes.size === 0 ? options : others, left)) ??
    (await quantizeMeasured(model, others, left, 'apart'))!
  const provable = async (without: LeftOut) => (await floatStart(model, options, without)).provable
  return leavingOut(model, work, provable, samplesOf(model, options))
}

/** Processes in use at a time: for two models that are compared, or for one model and a pair that holds it and another. */
const AT_A_TIME = 2

/**
 * Null where models ran together in one process and that process died. With `apart` each has a process to itself: that
 * shows which model is to blame, and work that can do without it goes on.
 */
async function quantizeMeasured(
  model: Model,
  options: QuantizeOptions,
  left: LeftOutOfLossless,
  running: 'together' | 'apart' = 'together',
): Promise<Quantized | null> {
  const place = await runsOn(options.target ?? 'native')
  const processes = options.processes ?? startRuntimes()
  const sessions = new OpenSessions(processes)
  const cache = writtenLater(options.cache ?? noCache)
  try {
    if (running === 'together' && options.target !== 'web' && (await runsQuickly(model, options.data)))
      processes.share()
    else processes.reach(AT_A_TIME)
    return await quantizeIn(sessions, place, model, { ...options, cache }, left)
  } catch (error) {
    if (processes.sharedEnd) return null
    throw error
  } finally {
    const ended = sessions.closeAll()
    ended.catch(() => {})
    await together(cache.write(), options.processes ? null : ended)
  }
}

async function quantizeIn(
  sessions: OpenSessions,
  place: RunsOn,
  model: Model,
  given: CachedOptions,
  left: LeftOutOfLossless,
): Promise<Quantized> {
  const { scheme, target = 'native', onProgress: say = () => {} } = given
  const prepared = await prepare(sessions, place, model, given, left.passes)
  const { start, evidence, options, block } = prepared
  say('quantizing')
  const curves = scheme === 'static-int8' ? await curvesOn(target, start.model, options.cache) : undefined
  const { trail, tensors, everywhere } = await quantizedTrail(start, evidence, { ...options, block, curves })
  const portable = target === 'portable' ? { portable: portableOrRefused(trail.model) } : {}
  const made = { model, prepared, trail, everywhere, portable, run: quantizationRun(trail, scheme) }
  const measured = await measureMade(sessions, place, made)
  return quantized(trail, reportOn(made, measured, left.warnings), tensors)
}

/** @param leftOut What is said of lossless passes that changed answers of this model. */
function reportOn(made: Made, measured: MeasuredMade, leftOut: readonly string[]): QuantizationReport {
  const { model, prepared, trail, everywhere, portable, run } = made
  const { options, start, evidence, unrounded, gone } = prepared
  const { kernels, damage, timing, sizes, saturation } = measured
  const { sqnrDb, layers, batchInvariant } = damage ?? { sqnrDb: null, layers: [], batchInvariant: null }
  const { sqnrSamples = 0, sqnrRandom = 0 } = damage ?? {}
  const seenOn = damage ? { sqnrSamples, ...(sqnrRandom > 0 ? { sqnrRandom } : {}) } : {}
  const learned = trail.strides.flatMap((stride) =>
    stride.evidence.filter(({ kind }) => kind === 'learned-weights' || kind === 'moments'),
  )
  const outcome = {
    model,
    float: start.model,
    quantized: trail.model,
    row: damage?.feeds[0],
    dependedBefore: damage?.dependedBefore ?? [],
    unrounded,
    gone,
    leftOut,
    evidence: [...evidence, ...learned],
    run,
    passes: trail.runs,
    everywhere,
    kernels,
    timing,
    sqnrDb,
    layers,
    ...seenOn,
  }
  return {
    kind: 'quantization',
    version: 1,
    scheme: options.scheme,
    target: options.target ?? 'native',
    ...(options.pass ? { options: options.pass } : {}),
    planned: kernels.planned,
    kernels: kernels.counts,
    ...(kernels.reason ? { kernelsReason: kernels.reason } : {}),
    float: run.refused,
    ...sizes,
    sqnrDb,
    ...seenOn,
    layers,
    batchInvariant,
    ...(timing ? { timing } : {}),
    ...portable,
    ...(saturation ? { saturation } : {}),
    passes: trail.runs,
    warnings: quantizationWarnings(outcome, options),
  }
}

/** What quantizing made of a model. */
interface Made {
  readonly model: Model
  readonly prepared: Prepared
  readonly trail: Trail
  /** Whether integers stand wherever they can, though by their usual costs none pays. */
  readonly everywhere: boolean
  readonly portable: Pick<QuantizationReport, 'portable'>
  /** The run of the scheme's own pass. */
  readonly run: PassRun
}

interface MeasuredMade {
  readonly kernels: ReadKernels
  /** Null where nothing changed. */
  readonly damage: Damage | null
  readonly timing: QuantizationReport['timing'] | undefined
  readonly sizes: Pick<QuantizationReport, 'before' | 'after'>
  /** Null where no sums saturate here, or nothing is multiplied in integers. */
  readonly saturation: ReturnType<typeof saturationOf>
}

/** Measures kernels, noise and neighbours of what was made, all at the same time. */
async function measureMade(
  sessions: OpenSessions,
  place: RunsOn,
  { model, prepared, trail, run }: Made,
): Promise<MeasuredMade> {
  const { options, evidence } = prepared
  const { target = 'native', cache } = options
  const float = prepared.start.model
  const planned = run.planned ?? {}
  let told: Pick<MeasuredMade, 'sizes' | 'saturation'> | undefined
  const tell = () =>
    (told ??= {
      sizes: { before: sizeOf(model), after: sizeOf(trail.model) },
      saturation: options.saturates ? saturationOf('this model', trail.model, trail.runs, place.runtime) : null,
    })
  const meanwhile = () => {
    tell()
    cache.write().catch(() => {})
  }
  const lookAt = unseenRows(options, LOOKED_AT) ?? undefined
  const looking = { ...options, evidence, lookAt, meanwhile }
  const damage =
    trail.model === float ? null : await measureDamage(sessions, float, trail.model, place, planned, looking)
  const kernels = damage?.kernels ?? (await readKernels(trail.model, planned, target))
  // What is timed runs alone.
  if (target === 'web') await sessions.closeAll()
  const timing =
    damage && target === 'web' ? await lazyTimeIn(place, float, trail.model, damage.feeds[0], options) : undefined
  return { kernels, damage, timing, ...tell() }
}
