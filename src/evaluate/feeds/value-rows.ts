import type { Dataset } from '../../data/index.ts'
import type { Session, TensorValue } from '../../engine/index.ts'
import { feedsOf, rowsPerRun } from './feeds.ts'
import { fewGroups } from './few-groups.ts'

/** What one row made of some of the values that were asked for. */
interface RowValues {
  /** By name; undefined where the runtime did not hand it out. */
  readonly values: ReadonlyMap<string, TensorValue | undefined>
  /** Of the row among the indices. */
  readonly place: number
}

/**
 * The values of these names, the model's own inputs among them, row by row. Inner values are fetched in groups of at
 * most `bytes` or what `fewGroups` makes of it, and all rows go by once for each group; with the first come the inputs.
 * A value that cannot be handed out at all is in none.
 */
export async function* valuesByRow(
  session: Session,
  data: Dataset,
  asked: {
    readonly names: Iterable<string>
    readonly indices: readonly number[]
    readonly bytes: number
    readonly signal?: AbortSignal | undefined
    /** Told after each row how many went by, of all groups together. */
    readonly onRow?: ((done: number, of: number) => void) | undefined
    /** Told the names of a group whose rows have all gone by. */
    readonly onGroup?: (names: readonly string[]) => Promise<void>
  },
): AsyncGenerator<RowValues> {
  const { indices, bytes, signal, onRow, onGroup } = asked
  const names = [...new Set(asked.names)]
  const ports = new Set(session.inputs.map(({ name }) => name))
  const inputs = names.filter((name) => ports.has(name))
  const inner = names.filter((name) => !ports.has(name))
  const batch = rowsPerRun(session.inputs, data, 1)
  let groups: readonly (readonly string[])[] | null = null
  for (let turn = 0; turn < (groups?.length || 1); turn++) {
    let place = 0
    for await (const rows of data.read({ indices, batch })) {
      signal?.throwIfAborted()
      const feeds = feedsOf(rows, session.inputs, data)
      groups ??= await fewGroups(session, feeds, inner, bytes)
      const group = groups[turn] ?? []
      const fetched = group.length > 0 ? await session.run(feeds, group) : {}
      const fed: [string, TensorValue | undefined][] = turn === 0 ? inputs.map((name) => [name, feeds[name]]) : []
      for (const name of group) fed.push([name, fetched[name]])
      yield { values: new Map(fed), place }
      place += rows.indices.length
      onRow?.(turn * indices.length + place, (groups.length || 1) * indices.length)
    }
    await onGroup?.([...(turn === 0 ? inputs : []), ...(groups?.[turn] ?? [])])
  }
}
