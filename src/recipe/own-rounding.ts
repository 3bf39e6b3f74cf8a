import { type Feeds, openIsolated, type Session } from '../engine/index.ts'
import { type Choice, type EquivalenceResult, LOSSLESS, measureEquivalence, type Tolerance } from '../evaluate/index.ts'
import { type Graph, indexGraph, intAttribute, type Model, operatorName } from '../ir/index.ts'
import { LEAN } from './lean.ts'
import { advance, startTrail } from './trail.ts'

/**
 * A rewrite rounds to float16 in other places than its original, and as often: what it may differ by is a few times what
 * these roundings do to the original itself.
 */
const TIMES_ITS_OWN = 4
/** As many steps of float16 beside the largest element as `LOSSLESS` allows of float32. */
const HALF_STEPS = 2 ** -7

/** What keeps the order of the elements. */
const MOVES: ReadonlySet<string> = new Set(['Cast', 'Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'])

/**
 * A second look at a rewrite whose answers differ by more than float32 rounds: a model that computes in float16 rounds
 * its own answers by more, and where ArgMax chooses between scores that are as good, the place is a matter of rounding.
 *
 * @param after A session of what `before` became.
 * @returns null where the model is of neither kind.
 */
export async function sameToOwnRounding(
  before: Model,
  after: Session,
  feeds: readonly Feeds[],
): Promise<EquivalenceResult | null> {
  const { model: widened } = await advance(startTrail(before), { pass: 'widenFloat16' })
  const choices = choicesOf(before.graph)
  if (widened === before && choices.size === 0) return null
  const session = await openIsolated(before, LEAN)
  try {
    const tolerance = widened === before ? () => LOSSLESS : await halfTolerance(session, widened, feeds)
    return await measureEquivalence(session, after, feeds, { tolerance, choices })
  } finally {
    await session.close()
  }
}

/** The tolerance of each output of a model in float16, by what the same model in float32 answers. */
async function halfTolerance(
  session: Session,
  widened: Model,
  feeds: readonly Feeds[],
): Promise<(output: string) => Tolerance> {
  const exact = await openIsolated(widened, LEAN)
  try {
    const { outputs } = await measureEquivalence(session, exact, feeds)
    const own = new Map(outputs.map(({ name, maxAbs }) => [name, maxAbs]))
    return (output) => ({
      abs: Math.max(LOSSLESS.abs, TIMES_ITS_OWN * (own.get(output) ?? 0)),
      rel: LOSSLESS.rel,
      peak: HALF_STEPS,
    })
  } finally {
    await exact.close()
  }
}

/** The outputs that are places of the greatest or least score, whatever their type and shape were made. */
function choicesOf(graph: Graph): ReadonlyMap<string, Choice> {
  const { producer } = indexGraph(graph)
  const choices = new Map<string, Choice>()
  for (const { name } of graph.outputs) {
    let node = producer.get(name)
    while (node && MOVES.has(operatorName(node))) node = producer.get(node.inputs[0]!)
    if (!node || !['ArgMax', 'ArgMin'].includes(operatorName(node))) continue
    choices.set(name, { scores: node.inputs[0]!, axis: intAttribute(node, 'axis', 0) })
  }
  return choices
}
