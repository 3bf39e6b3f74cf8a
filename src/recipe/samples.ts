import { type Dataset, isCacheFlag, spreadRows } from '../data/index.ts'
import { type Feeds, type Session, shapesOf } from '../engine/index.ts'
import { feasibleFeeds, feedsFrom, randomFeeds } from '../evaluate/index.ts'

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

/** Inputs to run two models on: rows of the data where there is some, and random ones that the model accepts. */
export async function samplesFor(
  session: Session,
  options: SampleOptions = {},
): Promise<{ feeds: readonly Feeds[]; real: number }> {
  const { data, seed = 0, random = session.inputs.some(isCacheFlag) ? 3 : 2, shapes } = options
  const real = data ? await realFeeds(session, data, options.real ?? 4, options.onReal) : []
  // Where rows are there, their shapes are the ones that matter, and are known to be accepted.
  const like = real[0] && shapesOf(real[0])
  if (random === 0) return { feeds: real, real: real.length }
  const wanted = { seed, ...(data ? { domains: data.domains } : {}), shapes: { ...like, ...shapes } }
  const { feeds: first, settings } = await feasibleFeeds(session, wanted)
  const drawn = Array.from({ length: random }, (_, i) =>
    i === 0 ? first : randomFeeds(session.inputs, { ...settings, ...wanted, seed: seed + i }),
  )
  return { feeds: [...real, ...drawn], real: real.length }
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
