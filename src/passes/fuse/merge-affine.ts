/*
 * y = Mul(Mul(x, a), b)             ⇒  y = Mul(x, a·b)
 * y = Add(Sub(x, a), b)             ⇒  y = Add(x, b − a)
 * y = Add(Mul(Add(x, a), b), c)     ⇒  y = Add(Mul(x, b), a·b + c)
 * Any chain of Add, Sub, Mul, Div by constants becomes at most one Mul and one Add, where that is fewer nodes.
 * Illegal: an inner value is read elsewhere or is an output; constants of shapes that neither are equal nor of one
 * element; a constant divided by x; products that are not finite.
 * Source: composition of affine maps.
 */
import { elementCount, fromNumbers, isFloating, makeNode, type Node, toNumbers } from '../../ir/index.ts'
import {
  type Affine,
  affineOf,
  composeAffine,
  type GraphEditor,
  isAllOnes,
  isAllZeros,
  type RuleContext,
  type RuleOutcome,
  rulePass,
} from '../../rewrite/index.ts'

export const mergeAffine = rulePass(
  'mergeAffine',
  'Merges chains of scaling and shifting by constants into at most one Mul and one Add.',
  [{ roots: ['Add', 'Sub', 'Mul', 'Div'], apply }],
)

interface Step {
  readonly affine: Affine
  readonly dims: readonly number[]
}

function apply(node: Node, { editor }: RuleContext): RuleOutcome {
  const last = step(node, editor)
  if (!last) return false
  const next = editor.soleConsumer(node.outputs[0]!)
  if (next && step(next, editor)) return false
  const chain = [node]
  let { affine, dims } = last
  for (let top = editor.producer(affine.input); top; top = editor.producer(affine.input)) {
    const before = editor.soleConsumer(top.outputs[0]!) && step(top, editor)
    const shape = before && sameShape(before.dims, dims)
    if (!shape) break
    affine = composeAffine(before.affine, affine)
    dims = shape
    chain.push(top)
  }
  const scales = !isAllOnes(affine.scale)
  const shifts = !isAllZeros(affine.shift)
  const left = Math.max(1, Number(scales) + Number(shifts))
  if (chain.length <= left) return false
  const dtype = editor.constant(node.inputs.find((name) => editor.constant(name))!)!.dtype
  const vector = (values: Float64Array) =>
    fromNumbers(dtype, dims, values.length === elementCount(dims) ? values : spread(values, elementCount(dims)))
  const factor = vector(affine.scale)
  const addend = vector(affine.shift)
  if (![factor, addend].every((tensor) => toNumbers(tensor).every(Number.isFinite)))
    return { refused: `the merged constants overflow ${dtype} or are not finite` }
  const hint = node.outputs[0]!
  const fresh: Node[] = []
  let value = affine.input
  if (scales || !shifts) {
    const output = shifts ? editor.freshName(`${hint}_scaled`) : hint
    fresh.push(makeNode('Mul', [value, editor.addConstant(factor, `${hint}_scale`)], [output]))
    value = output
  }
  if (shifts) fresh.push(makeNode('Add', [value, editor.addConstant(addend, `${hint}_shift`)], [hint]))
  editor.replace(node, ...fresh)
  for (const inner of chain.slice(1)) editor.removeUnused(inner)
  return true
}

/** One affine node, its constant taken element by element: every element is its own channel. */
function step(node: Node, editor: GraphEditor): Step | undefined {
  if (node.domain !== '' || node.inputs.length !== 2) return undefined
  const tensor = node.inputs.map((name) => editor.constant(name)).find((constant) => constant !== undefined)
  if (!tensor || !isFloating(tensor.dtype)) return undefined
  const count = elementCount(tensor.dims)
  const flat = (name: string) => {
    const constant = editor.constant(name)
    return constant && { ...constant, dims: [elementCount(constant.dims)] }
  }
  const affine = affineOf(node, flat, { fromEnd: 0, channels: count, rank: 1 })
  return affine && { affine, dims: tensor.dims }
}

/** The shape of both constants together, where one has a single element or both are equal. */
function sameShape(a: readonly number[], b: readonly number[]): readonly number[] | undefined {
  if (a.length === b.length && a.every((dim, i) => dim === b[i])) return a
  if (elementCount(a) === 1 && a.length <= b.length) return b
  if (elementCount(b) === 1 && b.length <= a.length) return a
  return undefined
}

function spread(values: Float64Array, count: number): Float64Array {
  if (values.length !== 1) throw new Error('internal: constants of different lengths in one chain')
  return new Float64Array(count).fill(values[0]!)
}
