/*
 * y = Transpose<perm = q>(Transpose<perm = p>(x))        ⇒  y = Transpose<perm = p∘q>(x), or x where that is no change
 * y = Transpose<perm = p⁻¹>(Relu(Transpose<perm = p>(x))) ⇒  y = Relu(x)
 * The second form goes through up to 64 elementwise operators that read nothing else but one-element constants.
 * Illegal: an inner value of the second form is read elsewhere or is an output (the Transpose would have to stay).
 * Source: composition of permutations; elementwise operators commute with them.
 */
import { ints, intsAttribute, type Node } from '../../ir/index.ts'
import { type GraphEditor, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { operandsOf } from './elementwise.ts'

export const cancelTransposes = rulePass(
  'cancelTransposes',
  'Merges transposes, and takes away pairs that undo each other.',
  [{ roots: ['Transpose'], apply }],
)

/** Operators that it looks through: where a pair goes, a chain grows, and each Transpose behind it would walk all of it. */
const MOST_BETWEEN = 64

function apply(node: Node, { editor }: RuleContext): RuleOutcome {
  const perm = intsAttribute(node, 'perm', null)
  if (!perm) return false
  const chain: Node[] = []
  let value = node.inputs[0]!
  let producer = editor.producer(value)
  while (
    producer &&
    chain.length < MOST_BETWEEN &&
    isElementwise(producer, editor) &&
    editor.soleConsumer(value) === (chain.at(-1) ?? node)
  ) {
    chain.push(producer)
    value = dataInput(producer, editor)
    producer = editor.producer(value)
  }
  if (producer?.opType !== 'Transpose' || producer.domain !== '') return false
  const first = intsAttribute(producer, 'perm', null)
  if (first?.length !== perm.length) return false
  const both = perm.map((axis) => first[axis]!)
  const source = producer.inputs[0]!
  const cancels = both.every((axis, i) => axis === i)
  if (chain.length === 0) return cancels ? cancel(node, source, editor) : merge(node, source, both, producer, editor)
  if (!cancels) return false
  const last = chain.at(-1)!
  if (editor.soleConsumer(value) !== last) return { refused: 'the transposed value is also read elsewhere' }
  return moveOut(node, chain, value, source, producer, editor)
}

function cancel(node: Node, source: string, editor: GraphEditor): RuleOutcome {
  return editor.bypass(node.outputs[0]!, source) || { refused: 'it connects an input with an output' }
}

function merge(node: Node, source: string, perm: readonly number[], first: Node, editor: GraphEditor): RuleOutcome {
  const attributes = new Map(node.attributes).set('perm', ints(perm))
  editor.replace(node, { ...node, inputs: [source], attributes })
  editor.removeUnused(first)
  return true
}

/** Lets the chain read the value before the first Transpose and write what the last one wrote. */
function moveOut(
  node: Node,
  chain: readonly Node[],
  value: string,
  source: string,
  first: Node,
  editor: GraphEditor,
): true {
  const names = chain.map((_, i) => (i === 0 ? node.outputs[0]! : editor.freshName(chain[i]!.outputs[0]!)))
  const moved = chain.map((link, i) => ({
    ...link,
    inputs: link.inputs.map((name) =>
      i === chain.length - 1
        ? name === value
          ? source
          : name
        : name === chain[i + 1]!.outputs[0]
          ? names[i + 1]!
          : name,
    ),
    outputs: [names[i]!],
  }))
  editor.replace(node, ...moved.toReversed())
  editor.removeUnused(chain[0]!)
  editor.removeUnused(first)
  return true
}

/** Elementwise, and all that it reads but constants of one element is one value. */
function isElementwise(node: Node, editor: GraphEditor): boolean {
  const open = operandsOf(node, editor)
  return open?.length === 1 && editor.constant(open[0]!) === undefined
}

const dataInput = (node: Node, editor: GraphEditor): string => operandsOf(node, editor)![0]!
