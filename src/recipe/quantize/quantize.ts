import { openIsolated, startRuntimes } from '../../engine/index.ts'
import type { Model } from '../../ir/index.ts'
import { checkChoice, UserError } from '../../platform/index.ts'
import { type QuantizationReport, RANGE_METHODS, type Report, SCHEMES } from '../../report/index.ts'
import { type LateCache, noCache, writtenLater } from '../evidence/evidence-cache.ts'
import { blockOn, curvesOn } from '../evidence/processor.ts'
import { OpenSessions } from '../open-sessions.ts'
import { type Expected, expectedOf, FEW_SAMPLES, proveLossless } from '../proof/prove-equal.ts'
import { type LeftOutOfLossless, leavingOut } from '../proof/proven-trail.ts'
import type { SampleOptions } from '../proof/samples.ts'
import { type RunsOn, refusalBy, runsOn } from '../runs-on.ts'
import { readyFor } from '../simplify.ts'
import { together } from '../together.ts'
import { type LeftOut, sizeOf, type Trail } from '../trail.ts'
import { easedWhereAsked, floatStart } from './float-start.ts'
import { goneFromFloat } from './keep-float.ts'
import { lazyTimeIn } from './lazy-parts.ts'
import { type Damage, LOOKED_AT, measureDamage, type ReadKernels, readKernels } from './measure-quantized.ts'
import { portableOrRefused, saturationOf } from './portable.ts'
import { quantizationWarnings } from './quantization-warnings.ts'
import type { QuantizeOptions } from './quantize-options.ts'
import { quantizationRun } from './quantize-steps.ts'
import { quantizeUnrun } from './quantize-unrun.ts'
import { type Quantized, quantized } from './quantized.ts'
import { quantizedTrail } from './quantized-trail.ts'
import { runsQuickly } from './runs-quickly.ts'
import { saturatesHere } from './saturates-here.ts'
import { staticEvidence } from './static-evidence.ts'
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

/** Without the passes by which the lossless model was seen to answer otherwise than the file. */
async function quantizeProven(model: Model, options: QuantizeOptions): Promise<Quantized> {
  const { processes: _, ...others } = options
  // Whoever does the work anew starts runtimes of its own: those that were lent have ended by then.
  const work = async (left: LeftOutOfLossless) =>
    (await quantizeMeasured(model, left.passes.size === 0 ? options : others, left)) ??
    (await quantizeMeasured(model, others, left, true))!
  const provable = async (without: LeftOut) => (await floatStart(model, options, without)).provable
  return leavingOut(model, work, provable, samplesOf(model, options))
}

/** Models that run at a time: two that are compared, or one that answers and the pair of it and another. */
const AT_A_TIME = 2

/**
 * Null where a process that models shared came to its end: in processes `apart` it shows which of them is to blame, and
 * what does without that one goes on.
 */
async function quantizeMeasured(
  model: Model,
  options: QuantizeOptions,
  left: LeftOutOfLossless,
  apart = false,
): Promise<Quantized | null> {
  const place = await runsOn(options.target ?? 'native')
  const processes = options.processes ?? startRuntimes()
  const sessions = new OpenSessions(processes)
  const cache = writtenLater(options.cache ?? noCache)
  try {
    if (!apart && options.target !== 'web' && (await runsQuickly(model, options.data))) processes.share()
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

/** With a cache that keeps evidence at hand, and writes it while models run. */
type Options = QuantizeOptions & { readonly cache: LateCache }

/**
 * Whatever runs a model does so in another process, and what does not wait for another runs beside it: the original is
 * loaded while the lossless passes work, and the kernels, the noise and the neighbours of what came out are measured at
 * the same time.
 */
async function quantizeIn(
  sessions: OpenSessions,
  place: RunsOn,
  model: Model,
  given: Options,
  left: LeftOutOfLossless,
): Promise<Quantized> {
  const { scheme, target = 'native', onProgress: say = () => {} } = given
  const original = askOriginal(sessions, model, given)
  const placement = { processes: sessions.processes }
  const saturating = saturatesHere(place, given, placement)
  saturating.catch(() => {})
  say('lossless passes')
  const { float, provable, unrounded } = await floatStart(model, given, left.passes)
  // The second process opens one model after the other: three of them would be one process more.
  const { expected } = original
  const proof = provable.model === model ? null : proveLossless(sessions, provable.model, model, expected, saturating)
  proof?.catch(() => {})
  const free = closeAnswered(sessions, original, proof)
  free.catch(() => {})
  const asked = together(proof, saturating).then(() => blockOn(target, float.model, given.cache, placement))
  asked.catch(() => {})
  // Weights may be coded while rows are looked at, for which this must be known.
  const options = { ...given, saturates: await saturating }
  const gone = goneFromFloat(options.keepFloat ?? [], model, float.model)
  const start = await readyFor(await easedWhereAsked(float, options, free), options)
  const [block, evidence] = await together(
    asked,
    scheme === 'static-int8' ? staticEvidence(sessions, start.model, options, free, asked) : [],
  )
  await free
  say('quantizing')
  const curves = scheme === 'static-int8' ? await curvesOn(target, start.model, options.cache) : undefined
  const { trail, tensors, everywhere } = await quantizedTrail(start, evidence, { ...options, block, curves })
  const run = quantizationRun(trail, scheme)
  const portable = target === 'portable' ? { portable: portableOrRefused(trail.model) } : {}
  const made: Made = { model, float: start.model, trail, planned: run.planned ?? {}, evidence }
  const { kernels, damage, timing, sizes, saturation } = await measureMade(sessions, place, made, options)
  const { sqnrDb, layers, batchInvariant } = damage ?? { sqnrDb: null, layers: [], batchInvariant: null }
  const { sqnrSamples = 0, sqnrRandom = 0 } = damage ?? {}
  const seenOn = damage ? { sqnrSamples, ...(sqnrRandom > 0 ? { sqnrRandom } : {}) } : {}
  const rounding = trail.strides.flatMap((stride) =>
    stride.evidence.filter(({ kind }) => kind === 'learned-weights' || kind === 'moments'),
  )
  const seen = { evidence: [...evidence, ...rounding], run, passes: trail.runs, everywhere, kernels }
  const models = { model, float: start.model, quantized: trail.model, row: damage?.feeds[0] }
  const dependedBefore = damage?.dependedBefore ?? []
  const outcome = { ...models, dependedBefore, unrounded, gone, ...seen }
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
    ...sizes,
    sqnrDb,
    ...seenOn,
    layers,
    batchInvariant,
    ...(timing ? { timing } : {}),
    ...portable,
    ...(saturation ? { saturation } : {}),
    passes: trail.runs,
    warnings: quantizationWarnings({ ...outcome, leftOut: left.warnings, sqnrDb, ...seenOn, layers, timing }, options),
  }
  return quantized(trail, report, tensors)
}

/** The model as it came, opening, and what it answers to the samples that its lossless form is proven on. */
interface Original {
  readonly opening: ReturnType<OpenSessions['open']>
  readonly expected: Promise<Expected>
}

const samplesOf = (model: Model, { data, seed }: QuantizeOptions): SampleOptions => ({
  model,
  data,
  seed,
  ...(data && data.rows > 1 ? FEW_SAMPLES : {}),
})

function askOriginal(sessions: OpenSessions, model: Model, options: QuantizeOptions): Original {
  const { file } = options
  const opening = sessions.open(model, file === undefined ? {} : { file })
  const expected = opening.then((session) => expectedOf(session, samplesOf(model, options)))
  expected.catch(() => {})
  return { opening, expected }
}

/**
 * Ends when the original has answered, or has said why not, and what calibrates may take over its process. That it
 * cannot answer is a fault only where a proof waits for it.
 */
async function closeAnswered(
  sessions: OpenSessions,
  { opening, expected }: Original,
  proof: Promise<void> | null,
): Promise<void> {
  const answered = expected.then(async ({ feeds, answers }) => {
    await feeds
    await Promise.allSettled(answers.values())
  })
  await (proof ? answered : answered.catch(() => {}))
  await sessions.close(opening)
}

/** What was made: of the file's model, by way of a float one, on this evidence. */
interface Made {
  readonly model: Model
  readonly float: Model
  readonly trail: Trail
  readonly planned: Readonly<Record<string, number>>
  readonly evidence: readonly Report[]
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

async function measureMade(
  sessions: OpenSessions,
  place: RunsOn,
  { model, float, trail, planned, evidence }: Made,
  options: Options,
): Promise<MeasuredMade> {
  const { target = 'native', cache } = options
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
