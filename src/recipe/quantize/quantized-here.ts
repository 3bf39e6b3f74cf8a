import type { Feeds, IsolatedPlacement, Session, TensorValue } from '../../engine/index.ts'
import { NoiseTally } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import type { Report, Saturation } from '../../report/index.ts'
import { noCache } from '../evidence/evidence-cache.ts'
import { blockOn, curvesOn, saturatesOn } from '../evidence/processor.ts'
import { LEAN } from '../lean.ts'
import type { OpenSessions } from '../open-sessions.ts'
import type { RunsOn } from '../runs-on.ts'
import { samplesFor } from '../samples.ts'
import type { Trail } from '../trail.ts'
import { provePortable, saturating } from './portable.ts'
import type { QuantizeOptions } from './quantize-options.ts'
import { type QuantizedTrail, quantizedTrail } from './quantized-trail.ts'
import { rowsForNoise } from './rows-for-noise.ts'

/** Whether a scheme multiplies unsigned codes with signed ones. */
const MULTIPLIES: readonly string[] = ['static-int8', 'dynamic-int8']

/** Whether products of codes saturate where a model of these options shall run, as far as that matters to it. */
export async function saturatesHere(
  place: RunsOn,
  { scheme, target, saturates, pass, cache = noCache }: QuantizeOptions,
  placement?: IsolatedPlacement,
): Promise<boolean> {
  if (!MULTIPLIES.includes(scheme) || target === 'portable' || pass?.target !== undefined) return false
  return saturates ?? saturatesOn(place, cache, placement)
}

/** The options for weights so small that no sum of two products leaves 16 bits. */
export function reducedOptions(options: QuantizeOptions): QuantizeOptions {
  const learned = options.rounding === 'learned' && options.pass?.weightBits !== 4
  return {
    ...options,
    // Learned codes of 8 bits are not held within them.
    ...(learned ? { rounding: undefined } : {}),
    pass: { ...options.pass, target: 'portable' },
  }
}

/**
 * The way on from `start` to the quantized model that answers nearest where it shall run. Where products saturate there,
 * weights of full range lose what saturation takes, and reduced ones a part of their range: which is less hangs on the
 * model (with full and with reduced weights on a processor without VNNI: resnet-fashion 34.7 and 33.6 dB, deeplabv3 13.4
 * and 31.4), so both are made and run.
 */
export async function quantizedHere(
  sessions: OpenSessions,
  place: RunsOn,
  start: Trail,
  evidence: readonly Report[],
  asked: QuantizeOptions,
): Promise<QuantizedTrail & { readonly saturation?: Saturation }> {
  const { target = 'native', cache = noCache } = asked
  const placement = { processes: sessions.processes }
  const saturates = await saturatesHere(place, asked, placement)
  const block = await blockOn(target, start.model, cache, placement)
  const curves = asked.scheme === 'static-int8' ? await curvesOn(target, start.model, cache) : undefined
  const options = { ...asked, saturates, block, curves }
  const full = await quantizedTrail(start, evidence, options)
  if (!saturates || provePortable(full.trail.model).proven) return full
  const reduced = await quantizedTrail(start, evidence, reducedOptions(options))
  const models = [start.model, full.trail.model, reduced.trail.model] as const
  const { decibels, samples } = await decibelsOf(sessions, place, models, options)
  const nearer = decibels.reduced > decibels.full ? reduced : full
  const finite = (value: number) => (Number.isFinite(value) ? value : null)
  const saturation: Saturation = {
    safe: provePortable(nearer.trail.model).proven,
    sentence: sentenceOf(place.runtime, decibels),
    sqnrDb: { full: finite(decibels.full), reduced: finite(decibels.reduced) },
    sqnrSamples: samples,
  }
  return { ...nearer, saturation }
}

interface Decibels {
  readonly full: number
  readonly reduced: number
}

function sentenceOf(runtime: string, { full, reduced }: Decibels): string {
  const said = (value: number) => (Number.isFinite(value) ? `${value.toFixed(1)} dB` : 'no difference')
  return reduced > full
    ? `${saturating(runtime)}; weights are so small that no sum does, which is nearer to float (${said(reduced)}; ${said(full)} with their full range)`
    : `${saturating(runtime)}; weights keep their full range all the same, which is nearer to float (${said(full)}; ${said(reduced)} with weights so small that no sum does), and where products are exact it answers otherwise`
}

/** Signal to noise at the worst output of either model against the float one, on the same rows, where they shall run. */
async function decibelsOf(
  sessions: OpenSessions,
  place: RunsOn,
  [float, full, reduced]: readonly [Model, Model, Model],
  { data, seed }: QuantizeOptions,
): Promise<{ readonly decibels: Decibels; readonly samples: number }> {
  let feeds: readonly Feeds[] = []
  // Saturation may be on few rows alone, those of large numbers; one row beside none tells less than random inputs.
  const rowsOf = async (session: Session) => {
    const [first] = data ? (await samplesFor(session, { data, real: 1, random: 0 })).feeds : []
    const random = data && data.rows > 1 ? 0 : undefined
    return (await samplesFor(session, { data, seed, real: rowsForNoise(float, first), random })).feeds
  }
  const answersOf = async (model: Model) => {
    const opening = sessions.start(place.open(model, LEAN, { processes: sessions.processes }))
    const session = await opening
    if (feeds.length === 0) feeds = await rowsOf(session)
    const answers: Readonly<Record<string, TensorValue>>[] = []
    for (const row of feeds) answers.push(await session.run(row))
    await sessions.close(opening)
    return answers
  }
  const wanted = await answersOf(float)
  const worst = async (model: Model) => {
    const answers = await answersOf(model)
    const tallies = new Map<string, NoiseTally>()
    for (const [i, row] of wanted.entries())
      for (const [name, value] of Object.entries(row)) {
        const tally = tallies.get(name) ?? new NoiseTally()
        tallies.set(name, tally)
        tally.add(value, answers[i]![name])
      }
    return Math.min(...[...tallies.values()].map((tally) => tally.decibels ?? Number.POSITIVE_INFINITY))
  }
  return { decibels: { full: await worst(full), reduced: await worst(reduced) }, samples: feeds.length }
}
