import type { Dataset } from '../../data/index.ts'
import type { Feeds, PortValue, Session } from '../../engine/index.ts'
import { feasibleFeeds, feedsOf, isRowAxis, randomFeeds } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'

export interface BenchInputsOptions {
  readonly data?: Dataset | undefined
  /** Of inputs, by name, where random ones shall have others than usual. */
  readonly shapes?: Readonly<Record<string, readonly number[]>> | undefined
  readonly seed?: number | undefined
  /** Reads the model of the session, where no usual sizes fit: its weights may settle what its inputs leave open. */
  readonly model?: (() => Promise<Model>) | undefined
}

/** Inputs of a run by the rows in it. `base` is what the model takes where nothing is asked for: one row, if it can. */
export interface BenchInputs {
  readonly base: number
  readonly byRows: ReadonlyMap<number, Feeds>
}

/**
 * The rows of one run that shapes ask for, undefined where they ask for none: one row is how any shape is written whose
 * other sizes are to be named.
 *
 * @throws UserError where inputs ask for different numbers, or for no rows.
 */
export function rowsOfShapes(
  inputs: readonly PortValue[],
  shapes: BenchInputsOptions['shapes'] = {},
): number | undefined {
  const counts = inputs.flatMap((input) => {
    const rows = isRowAxis(input, 0) ? shapes[input.name]?.[0] : undefined
    return rows === undefined || rows === 1 ? [] : [rows]
  })
  const [rows, ...others] = new Set(counts)
  if (others.length > 0)
    throw new UserError('bad-argument', `the shapes ask for ${counts.join(' and for ')} rows`, {
      where: Object.keys(shapes).join(', '),
      hint: 'every row has a part in each input: name the same number first',
    })
  if (rows === 0)
    throw new UserError('bad-argument', 'the shapes ask for no rows: nothing would be timed', {
      where: Object.keys(shapes).join(', '),
      hint: 'the first number is how many rows a run takes: 1 or more',
    })
  return rows
}

/**
 * Finds which numbers of rows at once the model really takes, by running it: the first rows of the data, or random
 * inputs.
 *
 * @throws UserError where it does not run on any.
 */
export async function benchInputs(
  session: Session,
  wanted: readonly number[],
  options: BenchInputsOptions,
): Promise<BenchInputs> {
  const { first, at } = options.data
    ? await fromData(session, options.data, options.shapes)
    : await fromRandom(session, options)
  const base = Object.values(first)[0]?.dims[0] ?? 1
  const byRows = new Map<number, Feeds>([[base, first]])
  for (const rows of [...wanted].sort((a, b) => a - b)) {
    if (byRows.has(rows)) continue
    const feeds = await attempt(() => at(rows))
    if (feeds && (await attempt(() => session.run(feeds)))) byRows.set(rows, feeds)
  }
  return { base, byRows }
}

interface Source {
  readonly first: Feeds
  at(rows: number): Promise<Feeds | null>
}

async function fromData(session: Session, data: Dataset, shapes: BenchInputsOptions['shapes'] = {}): Promise<Source> {
  const at = async (wanted: number) => {
    for await (const rows of data.read({ batch: wanted }))
      return rows.indices.length === wanted ? feedsOf(rows, session.inputs, data) : null
    return null
  }
  const first = await at(1)
  if (!first)
    throw new UserError('bad-data', 'The data has no row to run the models on.', {
      where: data.path,
      hint: 'Give data with at least one row, or none for random inputs.',
    })
  for (const [name, dims] of Object.entries(shapes)) {
    const own = first[name]?.dims.slice(1)
    if (own && own.join() !== dims.slice(1).join())
      throw new UserError('bad-argument', `${name} was to be ${dims.join(',')}: the rows given are ${own.join(',')}`, {
        where: data.path,
        hint: 'leave the shape out, or the data',
      })
  }
  return { first, at }
}

async function fromRandom(session: Session, { shapes, seed = 0, model }: BenchInputsOptions): Promise<Source> {
  const wanted = { seed, shapes }
  const found =
    (await attempt(() => feasibleFeeds(session, { ...wanted, rows: 1 }))) ??
    (await feasibleFeeds(session, wanted, await model?.()))
  return {
    first: found.feeds,
    async at(rows) {
      const resized = Object.entries(shapes ?? {}).map(([name, dims]) => {
        const input = session.inputs.find((candidate) => candidate.name === name)
        return [name, input && isRowAxis(input, 0) ? [rows, ...dims.slice(1)] : dims] as const
      })
      const feeds = randomFeeds(session.inputs, { ...found.settings, seed, rows, shapes: Object.fromEntries(resized) })
      // A first dimension that is fixed stays what it is: no other number of rows.
      return Object.values(feeds)[0]?.dims[0] === rows ? feeds : null
    },
  }
}

/** null where the model does not take it. */
async function attempt<T>(make: () => Promise<T>): Promise<T | null> {
  try {
    return await make()
  } catch (error) {
    if (error instanceof UserError && /^(bad-data|bad-argument|unsupported)$/.test(error.code)) return null
    throw error
  }
}
