import { type Dataset, isCacheFlag, spreadRows } from '../../data/index.ts'
import { type Feeds, type Session, shapesOf } from '../../engine/index.ts'
import { feasibleFeeds, feedsFrom, randomFeeds } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'

/** Where inputs to run come from, and how many. */
export interface SampleOptions {
  readonly data?: Dataset | undefined
  /** Random inputs are drawn from this seed; 0 by default. */
  readonly seed?: number | undefined
  /** How many random inputs; by default 2, or 3 where each second one is of another branch. */
  readonly random?: number | undefined
  /** How many rows of the data; 4 by default. */
  readonly real?: number | undefined
  /** The rows to choose these from; all by default. */
  readonly indices?: readonly number[] | undefined
  /** Sizes for open dimensions of random inputs, by input name. */
  readonly shapes?: Readonly<Record<string, readonly number[]>> | undefined
  /** The model of the session: what its weights settle of open sizes is known to random inputs then. */
  readonly model?: Model | undefined
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
  const rows = await rowSamples(session, options)
  return { feeds: [...rows, ...(await randomSamples(session, options, rows))], real: rows.length }
}

/** The rows among these samples: none without data. */
export async function rowSamples(
  session: Pick<Session, 'inputs'>,
  { data, real = 4, indices, onReal }: SampleOptions,
): Promise<readonly Feeds[]> {
  const feeds: Feeds[] = []
  if (!data) return feeds
  for await (const row of feedsFrom(session, data, spreadRows(data, indices, real))) {
    feeds.push(row)
    onReal?.(row)
  }
  return feeds
}

/** The random ones beside these rows. */
export async function randomSamples(
  session: Session,
  options: SampleOptions,
  rows: readonly Feeds[],
): Promise<readonly Feeds[]> {
  const { data, seed = 0, random = session.inputs.some(isCacheFlag) ? 3 : 2, shapes, model } = options
  if (random === 0) return []
  // Where rows are there, their shapes are the ones that matter, and are known to be accepted.
  const like = rows[0] && shapesOf(rows[0])
  const domains = { ...integersOf(rows), ...data?.domains }
  const wanted = { seed, domains, shapes: { ...like, ...shapes } }
  try {
    const { feeds: first, settings } = await feasibleFeeds(session, wanted, model)
    return Array.from({ length: random }, (_, i) =>
      i === 0 ? first : randomFeeds(session.inputs, { ...settings, ...wanted, seed: seed + i }),
    )
  } catch (error) {
    // What no random numbers fit, as where one input is a place in another, rows alone can show.
    if (rows.length > 0 && error instanceof UserError && error.code === 'bad-argument') return []
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
