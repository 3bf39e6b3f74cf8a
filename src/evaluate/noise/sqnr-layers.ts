import type { Feeds, ModelPair, Session } from '../../engine/index.ts'
import { type Model, type Node, nodeLabel } from '../../ir/index.ts'
import { fewGroups } from '../feeds/few-groups.ts'
import { NoiseTally } from './sqnr.ts'

/** How far a value of one node is from that of the other model, in decibels; null where both are identical. */
export interface LayerNoise {
  /** The node of the original model that makes the value, as reports name it. */
  readonly name: string
  /** The value that was compared: of several that the node makes the noisiest. */
  readonly value: string
  readonly sqnrDb: number | null
}

export interface LayersResult {
  /** Of the worst graph output, or of what outputs that are no floats are chosen by; null where none differs. */
  readonly sqnrDb: number | null
  /** Nodes by the noisiest value that both models have of each, the noisiest first; those without any difference last. */
  readonly layers: readonly LayerNoise[]
}

/** Bytes of one group's values; in memory they stand several times in each session (see `calibrate`). */
const GROUP_BYTES = 2 ** 25

/**
 * Compares the outputs, and inner values that go by the same name in two models: where along the graph a rewrite or a
 * quantization loses accuracy. Both models as a pair compare them where they are; what the pair cannot tell is fetched,
 * in groups under a byte budget, and only for that is the first model opened alone. `feeds` are a handful of rows; all of
 * them pass through the pair once, and once a group through both models. The pair, if there is one, compares
 * `comparedValues`, and is closed where the first model takes its place. Inner values `apart` are not compared.
 */
export async function measureLayers(
  openBase: () => Promise<Session>,
  candidate: Session,
  before: Model,
  after: Model,
  feeds: readonly Feeds[],
  pairing: Promise<ModelPair | null> = Promise.resolve(null),
  apart: ReadonlySet<string> = NONE,
): Promise<LayersResult> {
  const first = feeds[0]
  if (!first) return { sqnrDb: null, layers: [] }
  const outputs = candidate.outputs.map((output) => output.name)
  const makers = sharedValues(before, after, apart)
  const wanted = [...new Set([...outputs, ...makers.keys()])]
  const pair = await pairing
  const tallies = new Map(await compareInside(pair, wanted, feeds))
  for (const name of tooSmall(tallies, outputs)) tallies.delete(name)
  const left = wanted.filter((name) => !tallies.has(name))
  if (left.length > 0) {
    await pair?.close()
    const base = await openBase()
    const ports = left.filter((name) => outputs.includes(name))
    for (const [name, tally] of await compareValues(base, candidate, ports, feeds, 'count')) tallies.set(name, tally)
    const inner = left.filter((name) => !outputs.includes(name))
    for (const group of inner.length > 0 ? await fewGroups(base, first, inner, GROUP_BYTES) : []) {
      // The candidate may hand out fewer values than the original can.
      const fetchable = (await candidate.fetchGroups(first, group, Number.MAX_SAFE_INTEGER)).flat()
      for (const [name, tally] of await compareValues(base, candidate, fetchable, feeds)) tallies.set(name, tally)
    }
  }
  const decibels = heard(before, outputs, tallies).flatMap((name) => tallies.get(name)?.decibels ?? [])
  const key = ({ decibels }: NoiseTally) => decibels ?? Number.POSITIVE_INFINITY
  const noisiestFirst = [...tallies].sort(([, a], [, b]) => (key(a) === key(b) ? 0 : key(a) - key(b)))
  const layers = new Map<Node, LayerNoise>()
  for (const [value, tally] of noisiestFirst) {
    const node = makers.get(value)
    if (node && tally.seen && !layers.has(node))
      layers.set(node, { name: nodeLabel(node), value, sqnrDb: tally.decibels })
  }
  return { sqnrDb: decibels.length > 0 ? Math.min(...decibels) : null, layers: [...layers.values()] }
}

/**
 * The outputs whose noise can be told; where all are numbers of classes, names and the like, the nearest values behind
 * them of which it can: the scores that they are chosen by.
 */
function heard(model: Model, outputs: readonly string[], tallies: ReadonlyMap<string, NoiseTally>): readonly string[] {
  const seen = (name: string) => tallies.get(name)?.seen === true
  if (outputs.some(seen)) return outputs
  const makers = new Map(model.graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
  const [found, passed] = [new Set<string>(), new Set(outputs)]
  for (const name of passed)
    for (const input of makers.get(name)?.inputs ?? []) {
      if (seen(input)) found.add(input)
      else passed.add(input)
    }
  return [...found]
}

/** The values that `measureLayers` compares: the outputs, and what a node makes in both models, but for those `apart`. */
export function comparedValues(before: Model, after: Model, apart: ReadonlySet<string>): readonly string[] {
  return [...new Set([...after.graph.outputs.map(({ name }) => name), ...sharedValues(before, after, apart).keys()])]
}

const NONE: ReadonlySet<string> = new Set()

/** Values that a node makes in both models, with the node that makes them in the first. */
function sharedValues(before: Model, after: Model, apart: ReadonlySet<string>): ReadonlyMap<string, Node> {
  const made = new Set(after.graph.nodes.flatMap((node) => node.outputs))
  const shared = new Map<string, Node>()
  for (const node of before.graph.nodes)
    for (const name of node.outputs) if (name !== '' && made.has(name) && !apart.has(name)) shared.set(name, node)
  return shared
}

/** Sums of squares below this have lost what matters: squares of float32 end at 2⁻¹⁴⁹. */
const LEAST_SIGNAL = 2 ** -80

/**
 * Values whose squares the pair may have lost, so that nothing seems to differ. One that is 0 throughout is taken at its
 * word, as long as no output is among them.
 */
function tooSmall(tallies: ReadonlyMap<string, NoiseTally>, outputs: readonly string[]): readonly string[] {
  const small = [...tallies].filter(([, { signal }]) => signal < LEAST_SIGNAL)
  if (small.some(([name]) => outputs.includes(name))) return small.map(([name]) => name)
  return small.filter(([, { signal, noise }]) => signal + noise > 0).map(([name]) => name)
}

/** Differences of those values that the pair could compare on every one of the rows. */
async function compareInside(
  pair: ModelPair | null,
  names: readonly string[],
  feeds: readonly Feeds[],
): Promise<ReadonlyMap<string, NoiseTally>> {
  const tallies = new Map<string, NoiseTally>()
  if (!pair) return tallies
  const lost = new Set<string>()
  const ask = (row: Feeds) => {
    const answer = pair.differences(row)
    // Who waits for it hears of a failure.
    answer.catch(() => {})
    return answer
  }
  // The pair has its next row at hand when it ends one.
  let next = ask(feeds[0]!)
  for (const [i] of feeds.entries()) {
    const answer = next
    if (i + 1 < feeds.length) next = ask(feeds[i + 1]!)
    const found = await answer
    for (const name of names) {
      const difference = found.get(name)
      if (!difference) lost.add(name)
      else {
        const tally = tallies.get(name) ?? new NoiseTally()
        tally.addSums(difference)
        tallies.set(name, tally)
      }
    }
  }
  for (const name of lost) tallies.delete(name)
  return tallies
}

async function compareValues(
  base: Session,
  candidate: Session,
  names: readonly string[],
  feeds: readonly Feeds[],
  infinities?: 'count',
): Promise<Map<string, NoiseTally>> {
  const tallies = new Map(names.map((name) => [name, new NoiseTally(infinities)]))
  if (names.length === 0) return tallies
  for (const row of feeds) {
    const [left, right] = await Promise.all([base.run(row, names), candidate.run(row, names)])
    for (const [name, tally] of tallies) tally.add(left[name], right[name])
  }
  return tallies
}
