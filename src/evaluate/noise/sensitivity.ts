import type { Feeds, Session, TensorValue } from '../../engine/index.ts'
import type { NoiseSource, SensitivityReport, UnknownNoise } from '../../report/index.ts'
import { type RandomSource, randomSource } from '../../statistics/index.ts'
import { BoxProbes } from '../found/box-probes.ts'
import { floatsOf } from '../outputs/floats.ts'

/** A session that gives, for weights of all outputs, their sum over what each rounding alone changes. */
export interface ProjectionSession {
  readonly session: Pick<Session, 'run'>
  /** By value of the original that is listened to, its outputs or what decides them: the input that takes its weights. */
  readonly seeds: ReadonlyMap<string, string>
  /** The output, float32 [sources.length]. */
  readonly projections: string
  readonly sources: readonly NoiseSource[]
  /** Roundings that no gradient comes back to; none by default. */
  readonly unknown?: readonly UnknownNoise[]
}

export interface SensitivityOptions {
  /** How many rows there are. */
  readonly rows: number
  /** Random weightings a row; the noise of a rounding comes with a relative error of √(2 / (rows · weightings)). */
  readonly weightings?: number | undefined
  /** Runs that are asked for before the first of them has answered; 1 by default. The result does not depend on it. */
  readonly atATime?: number | undefined
  readonly dataDigest?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, of: number) => void) | undefined
}

/**
 * What each rounding alone does to the outputs: power of the change over power of the output, summed over outputs. Of an
 * output whose boxes are counted it is the mean square of what its boxes change by, where 1 is what they may change by.
 *
 * With weights of random sign, the square of the weighted sum of changes is in the mean their power (Hutchinson 1990;
 * E(Σ rᵢδᵢ)² = Σ δᵢ² for independent rᵢ = ±1), so a few weightings tell it for every rounding at once.
 */
export async function measureSensitivity(
  base: Session,
  { session, seeds, projections, sources, unknown = [] }: ProjectionSession,
  feeds: () => Iterable<Feeds> | AsyncIterable<Feeds>,
  options: SensitivityOptions,
): Promise<SensitivityReport> {
  const { rows, weightings = 8, atATime = 1, dataDigest } = options
  const names = [...seeds.keys()]
  const random = randomSource(0)
  const sums = new Float64Array(sources.length)
  const asked: Promise<Float32Array>[] = []
  let seen = 0
  let added = 0
  /** In the order in which they were asked for, so that the sums are the same however many are under way. */
  const addFirst = async () => {
    const values = await asked.shift()!
    // A change that is not finite is worse than any other.
    values.forEach((value, i) => {
      sums[i]! += Number.isFinite(value) ? value * value : Number.MAX_VALUE
    })
    options.onProgress?.(++added, rows * weightings)
  }
  try {
    const boxes = await boxProbes(base, names, feeds(), options.signal)
    for await (const feed of feeds()) {
      const outputs = await base.run(feed, names)
      for (let k = 0; k < weightings; k++) {
        options.signal?.throwIfAborted()
        const weights: Record<string, TensorValue> = {}
        for (const [name, input] of seeds) {
          const output = outputs[name]!
          weights[input] = boxes?.weights(name, seen, output, random) ?? randomSigns(output, random)
        }
        asked.push(projected(session, { ...feed, ...weights }, projections))
        if (asked.length >= atATime) await addFirst()
      }
      seen++
    }
    while (asked.length > 0) await addFirst()
  } finally {
    await Promise.allSettled(asked)
  }
  const runs = Math.max(1, seen * weightings)
  const measured = sources.map((source, i) => ({ ...source, noise: Math.min(Number.MAX_VALUE, sums[i]! / runs) }))
  return {
    kind: 'sensitivity',
    version: 1,
    sources: measured,
    ...(unknown.length > 0 && { unknown: [...unknown] }),
    samples: seen,
    ...(dataDigest && { dataDigest }),
  }
}

/** What decides boxes, by all rows; null where outputs hold none. */
async function boxProbes(
  base: Session,
  names: readonly string[],
  feeds: Iterable<Feeds> | AsyncIterable<Feeds>,
  signal: AbortSignal | undefined,
): Promise<BoxProbes | null> {
  const probes = new BoxProbes()
  for await (const feed of feeds) {
    signal?.throwIfAborted()
    if (!probes.add(await base.run(feed, names))) return null
  }
  return probes
}

async function projected(session: Pick<Session, 'run'>, feeds: Feeds, projections: string): Promise<Float32Array> {
  return (await session.run(feeds, [projections]))[projections]!.data as Float32Array
}

/** ±1 over the root of the output's power, so that changes count in proportion to the output that they change. */
function randomSigns(output: TensorValue, random: RandomSource): TensorValue {
  const values = floatsOf(output)
  let power = 0
  for (const value of values) if (Number.isFinite(value)) power += value * value
  const size = power > 0 ? 1 / Math.sqrt(power) : 0
  return {
    dtype: 'float32',
    dims: output.dims,
    data: Float32Array.from({ length: values.length }, () => (random.below(2) === 0 ? -size : size)),
  }
}
