import { indexGraph, int, type Model, makeNode, tensorOf } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import type { Additions } from './added-nodes.ts'

/** Two attentions that are to be alike, as logits over what is attended to. */
interface AttentionPair {
  readonly name: string
  readonly teacher: string
  readonly student: string
}

/** One attention of a model: P = Softmax(scores), [rows, heads, queries, keys]. */
interface Attention {
  readonly scores: string
  readonly weights: string
}

/**
 * The attentions of both models, layer by layer: a student with fewer layers takes the last of each run of the
 * teacher's. Where heads differ in number, the logarithm of the mean over heads stands for the scores.
 *
 * @throws UserError where a model has none, or rows and keys do not fit.
 */
export function attentionPairs(teacher: Additions, student: Additions): readonly AttentionPair[] {
  const [theirs, own] = [attentionsOf(teacher.source), attentionsOf(student.source)]
  for (const [words, found] of [
    ['teacher', theirs],
    ['student', own],
  ] as const)
    if (found.length === 0)
      throw new UserError('unsupported', `the ${words} has no attention`, {
        where: 'no Softmax weighs what a MatMul sums up',
        hint: 'leave out --attention; --hints brings features together in any network',
      })
  return own.map((mine, layer) => {
    const named = theirs.find(({ weights }) => weights === mine.weights)
    const other = named ?? theirs[Math.ceil(((layer + 1) * theirs.length) / own.length) - 1]!
    const [wanted, sizes] = [teacher.sizes(other.weights), student.sizes(mine.weights)]
    const same = (axis: number) => wanted && sizes && wanted.at(axis) === sizes.at(axis)
    // With rows and heads on one axis their number must be the same.
    const merged = sizes?.length === 3 && !same(0)
    if (!wanted || !sizes || wanted.length !== sizes.length || merged || !same(-1) || !same(-2))
      throw new UserError('unsupported', `the attentions "${other.weights}" and "${mine.weights}" do not match`, {
        where: `teacher [${wanted?.join(',') ?? '?'}], student [${sizes?.join(',') ?? '?'}]`,
        hint: 'both must look at the same number of tokens; give the data a fixed length',
      })
    const heads = wanted.slice(1, -2).every((size, i) => size === sizes[i + 1])
    const side = (parts: Additions, attention: Attention) =>
      heads ? attention.scores : meanOverHeads(parts, attention, layer)
    return { name: mine.weights, teacher: side(teacher, other), student: side(student, mine) }
  })
}

/** Softmax over keys whose result weighs values that are computed. */
function attentionsOf({ graph }: Model): readonly Attention[] {
  const { producer, consumers } = indexGraph(graph)
  return graph.nodes.flatMap(({ opType, domain, inputs, outputs }) => {
    if (opType !== 'Softmax' || domain !== '') return []
    const weights = outputs[0]!
    const weighs = (consumers.get(weights) ?? []).some(
      (node) => node.opType === 'MatMul' && node.inputs[0] === weights && producer.has(node.inputs[1]!),
    )
    return weighs ? [{ scores: inputs[0]!, weights }] : []
  })
}

function meanOverHeads(parts: Additions, { weights }: Attention, layer: number): string {
  const named = (part: string) => `learn/attention${layer}/${part}`
  const [axes, least, mean, kept, log] = [named('axes'), named('least'), named('mean'), named('kept'), named('log')]
  parts.add(makeNode('ReduceMean', [weights, axes], [mean], { attributes: { keepdims: int(0) } }), [
    tensorOf('int64', [1], [1], axes),
  ])
  parts.add(makeNode('Max', [mean, least], [kept]), [tensorOf('float32', [], [1e-9], least)])
  parts.add(makeNode('Log', [kept], [log]))
  return log
}
