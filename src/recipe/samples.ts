import { type Dataset, isCacheFlag, spreadRows } from '../data/index.ts'
import { type Feeds, type Session, shapesOf } from '../engine/index.ts'
import { feasibleFeeds, feedsFrom, randomFeeds } from '../evaluate/index.ts'
import { UserError } from '../platform/index.ts'

export interface SampleOptions {
  readonly data?: Dataset | undefined
  /** Random inputs are drawn from this seed; 0 unless said. */
  readonly seed?: number | undefined
  /** How many random inputs; unless said 2, or 3 where each second one is of another branch. */
  readonly random?: number | undefined
  /** How many rows of the data; 4 unless said. */
  readonly real?: number | undefined
  /** Sizes for open dimensions of random inputs, by input name. */
  readonly shapes?: Readonly<Record<string, readonly number[]>> | undefined
  /** Hears of each row of the data as soon as it is read, before random inputs are tried. */
  readonly onReal?: ((feeds: Feeds) => void) | undefined
}

/**
 * Inputs to run two models on: rows of the data where there is some, and random ones that the model accepts; with rows,
 * none of these where it accepts none.
 */
export async function samplesFor(
  session: Session,
  options: SampleOptions,
): Promise<{ feeds: readonly Feeds[]; real: number }> {
  const { data, seed = 0, random = session.inputs.some(isCacheFlag) ? 3 : 2, shapes } = options
  const real = data ? await realFeeds(session, data, options.real ?? 4, options.onReal) : []
  // Where rows are there, their shapes are the ones that matter, and are known to be accepted.
  const like = real[0] && shapesOf(real[0])
  if (random === 0) return { feeds: real, real: real.length }
  const domains = { ...integersOf(real), ...data?.domains }
  const wanted = { seed, domains, shapes: { ...like, ...shapes } }
  try {
    const { feeds: first, settings } = await feasibleFeeds(session, wanted)
    const drawn = Array.from({ length: random }, (_, i) =>
      i === 0 ? first : randomFeeds(session.inputs, { ...settings, ...wanted, seed: seed + i }),
    )
    return { feeds: [...real, ...drawn], real: real.length }
  } catch (error) {
    // What no random numbers fit, as where one input is a place in another, rows alone can show.
    if (real.length > 0 && error instanceof UserError && error.code === 'bad-argument')
      return { feeds: real, real: real.length }
    throw error
  }
}

/**
 * From where to where the integers of 32 and 64 bits of these rows go, by input: others may divide by 0, or point past
 * what is there.
 */
function integersOf(rows: readonly Feeds[]): Readonly<Record<string, readonly [number, number]>> {
  const seen: Record<string, [number, number]> = {}
  for (const row of rows)
    for (const [name, { dtype, data }] of Object.entries(row)) {
      if (!/^u?int(32|64)$/.test(dtype)) continue
      const range = (seen[name] ??= [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      for (const value of data) {
        range[0] = Math.min(range[0], Number(value))
        range[1] = Math.max(range[1], Number(value))
      }
    }
  return Object.fromEntries(Object.entries(seen).filter(([, [low, high]]) => low <= high))
}

async function realFeeds(
  session: Session,
  data: Dataset,
  wanted: number,
  onReal: SampleOptions['onReal'],
): Promise<readonly Feeds[]> {
  const feeds: Feeds[] = []
  for await (const row of feedsFrom(session, data, spreadRows(data, undefined, wanted))) {
    feeds.push(row)
    onReal?.(row)
  }
  return feeds
}
