import { type Feeds, openIsolated, type Session } from '../../engine/index.ts'
import {
  type Choice,
  type EquivalenceResult,
  LOSSLESS,
  measureEquivalence,
  type Tolerance,
} from '../../evaluate/index.ts'
import { type Graph, indexGraph, intAttribute, isFloating, type Model, operatorName } from '../../ir/index.ts'
import { LEAN } from '../lean.ts'
import { advance, startTrail } from '../trail.ts'

/**
 * A rewrite rounds in other places than its original, and as often: what it may differ by is a few times what these
 * roundings do to the original itself.
 */
const TIMES_ITS_OWN = 4
/** As many steps of float16 beside the largest element as `LOSSLESS` allows of float32. */
const HALF_STEPS = 2 ** -7

/** What keeps the order of the elements. */
const MOVES: ReadonlySet<string> = new Set(['Cast', 'Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'])

/**
 * A second look at a rewrite whose answers differ by more than float32 mostly rounds. Some models magnify what they round:
 * boxes that are small differences of large numbers, or layers that amplify what no row of data looks like; a model that
 * computes in float16 rounds its own answers by more; and where ArgMax chooses between scores that are as good, the place
 * is a matter of rounding. How much it is shows in the same model run in another way: in float32 instead of float16, else
 * by the runtime's plain kernels.
 *
 * @param after A session of what `before` became.
 * @returns null where the model does not run in another way.
 */
export async function sameToOwnRounding(
  before: Model,
  after: Session,
  feeds: readonly Feeds[],
): Promise<EquivalenceResult | null> {
  const { model: widened } = await advance(startTrail(before), { pass: 'widenFloat16' })
  const choices = choicesOf(before.graph)
  const session = await openIsolated(before, LEAN)
  try {
    const tolerance =
      widened === before
        ? await ownTolerance(session, before, feeds, LOSSLESS.peak)
        : await ownTolerance(session, widened, feeds, HALF_STEPS)
    return tolerance && (await measureEquivalence(session, after, feeds, { tolerance, choices }))
  } finally {
    await session.close()
  }
}

/** The tolerance of each output of a model, by what the same function answers in plain kernels of float32. */
async function ownTolerance(
  session: Session,
  plain: Model,
  feeds: readonly Feeds[],
  peak: number,
): Promise<((output: string) => Tolerance) | null> {
  // Without the runtime's rewrites there are kernels that it does not have.
  const other = await openIsolated(plain, { ...LEAN, optimization: 'disabled' }).catch(() => null)
  if (!other) return null
  try {
    const { outputs } = await measureEquivalence(session, other, feeds)
    const floating = new Set(session.outputs.filter(({ dtype }) => isFloating(dtype)).map(({ name }) => name))
    const own = new Map(outputs.map(({ name, maxAbs }) => [name, floating.has(name) ? maxAbs : 0]))
    return (output) => ({
      abs: Math.max(LOSSLESS.abs, TIMES_ITS_OWN * (own.get(output) ?? 0)),
      rel: LOSSLESS.rel,
      peak,
    })
  } finally {
    await other.close()
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
