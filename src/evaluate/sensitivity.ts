import type { Feeds, Fetched, Session } from '../engine/index.ts'
import type { SensitivityReport } from '../report/index.ts'
import { NoiseTally } from './sqnr.ts'

/** A model in which one node (or region) alone was changed, opened when its turn comes and closed after it. */
export interface SensitivityVariant {
  readonly name: string
  open(): Promise<Session>
}

/**
 * How much each change, made alone, disturbs the outputs: the lowest SQNR of any output. Nodes come sorted, the most
 * sensitive first, so the first k are the ones to keep in float. Costs one loading and `feeds.length` runs a variant;
 * only the original's outputs are held.
 */
export async function measureSensitivity(
  base: Session,
  variants: Iterable<SensitivityVariant> | AsyncIterable<SensitivityVariant>,
  feeds: readonly Feeds[],
  options: { readonly dataDigest?: string; readonly signal?: AbortSignal } = {},
): Promise<SensitivityReport> {
  const references: Fetched[] = []
  for (const row of feeds) references.push(await base.run(row))
  const outputs = base.outputs.map((output) => output.name)
  const nodes: { name: string; sqnrDb: number | null }[] = []
  for await (const variant of variants) {
    options.signal?.throwIfAborted()
    const session = await variant.open()
    try {
      nodes.push({ name: variant.name, sqnrDb: await worstOutput(session, outputs, feeds, references) })
    } finally {
      await session.close()
    }
  }
  const key = (node: { sqnrDb: number | null }) => node.sqnrDb ?? Number.POSITIVE_INFINITY
  nodes.sort((a, b) => (key(a) === key(b) ? 0 : key(a) - key(b)))
  const { dataDigest } = options
  return { kind: 'sensitivity', version: 1, nodes, samples: feeds.length, ...(dataDigest && { dataDigest }) }
}

async function worstOutput(
  session: Session,
  outputs: readonly string[],
  feeds: readonly Feeds[],
  references: readonly Fetched[],
): Promise<number | null> {
  const tallies = new Map(outputs.map((name) => [name, new NoiseTally()]))
  for (const [i, row] of feeds.entries()) {
    const result = await session.run(row)
    for (const [name, tally] of tallies) tally.add(references[i]![name], result[name])
  }
  const decibels = [...tallies.values()].flatMap((tally) => tally.decibels ?? [])
  return decibels.length > 0 ? Math.min(...decibels) : null
}
