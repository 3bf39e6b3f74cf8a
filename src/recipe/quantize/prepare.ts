import type { Model } from '../../ir/index.ts'
import type { ChannelBlock, Report } from '../../report/index.ts'
import type { LateCache } from '../evidence/evidence-cache.ts'
import { blockOn } from '../evidence/processor.ts'
import type { OpenSessions } from '../open-sessions.ts'
import { type Expected, expectedOf, FEW_SAMPLES, proveLossless } from '../proof/prove-equal.ts'
import type { SampleOptions } from '../proof/samples.ts'
import type { RunsOn } from '../runs-on.ts'
import { readyFor } from '../simplify.ts'
import { together } from '../together.ts'
import type { LeftOut, Trail } from '../trail.ts'
import { easedWhereAsked, type FloatStart, floatStart } from './float-start.ts'
import { goneFromFloat } from './keep-float.ts'
import type { QuantizeOptions } from './quantize-options.ts'
import { saturatesHere } from './saturates-here.ts'
import { staticEvidence } from './static-evidence.ts'

/** With a cache that keeps evidence at hand, and writes it while models run. */
export type CachedOptions = QuantizeOptions & { readonly cache: LateCache }

/** What quantizing starts from. */
export interface Prepared {
  readonly start: Trail
  readonly evidence: readonly Report[]
  /** Those given, with whether products saturate where the model shall run. */
  readonly options: CachedOptions
  readonly block: ChannelBlock
  readonly unrounded: FloatStart['unrounded']
  /** Names that were to stay in float and that the lossless passes took away. */
  readonly gone: readonly string[]
}

/**
 * Makes the float form that suits the scheme, proves that it answers as the original does, and gathers the evidence.
 * Models run in other processes, so the original loads while the lossless passes work, and it is asked for its answers
 * while weights are coded.
 */
export async function prepare(
  sessions: OpenSessions,
  place: RunsOn,
  model: Model,
  given: CachedOptions,
  without: LeftOut,
): Promise<Prepared> {
  const { scheme, target = 'native', onProgress: say = () => {} } = given
  const original = askOriginal(sessions, model, given)
  const placement = { processes: sessions.processes }
  const saturating = saturatesHere(place, given, placement)
  saturating.catch(() => {})
  say('lossless passes')
  const { float, provable, unrounded } = await floatStart(model, given, without)
  // The second process opens one model after the other: three at once would need a third process.
  const { expected } = original
  const proof = provable.model === model ? null : proveLossless(sessions, provable.model, model, expected, saturating)
  proof?.catch(() => {})
  const free = closeAnswered(sessions, original, proof)
  free.catch(() => {})
  const asked = together(proof, saturating).then(() => blockOn(target, float.model, given.cache, placement))
  asked.catch(() => {})
  // Weights may be coded while calibration runs, and how depends on this.
  const options = { ...given, saturates: await saturating }
  const gone = goneFromFloat(options.keepFloat ?? [], model, float.model)
  const start = await readyFor(await easedWhereAsked(float, options, free), options)
  const [block, evidence] = await together(
    asked,
    scheme === 'static-int8' ? staticEvidence(sessions, start.model, options, free, asked) : [],
  )
  await free
  return { start, evidence, options, block, unrounded, gone }
}

/** The samples on which the lossless form of a model is proven. */
export const samplesOf = (model: Model, { data, seed }: QuantizeOptions): SampleOptions => ({
  model,
  data,
  seed,
  ...(data && data.rows > 1 ? FEW_SAMPLES : {}),
})

/** The original while it opens, and its answers to the samples on which the lossless form is proven. */
interface Original {
  readonly opening: ReturnType<OpenSessions['open']>
  readonly expected: Promise<Expected>
}

function askOriginal(sessions: OpenSessions, model: Model, options: QuantizeOptions): Original {
  const { file } = options
  const opening = sessions.open(model, file === undefined ? {} : { file })
  const expected = opening.then((session) => expectedOf(session, samplesOf(model, options)))
  expected.catch(() => {})
  return { opening, expected }
}

/**
 * Closes the original once it has answered or failed, so that calibration may take over its process. The failure is thrown
 * only where a proof waits for the answers.
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
