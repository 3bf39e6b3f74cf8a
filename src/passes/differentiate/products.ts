import { floatAttribute, int, intAttribute } from '../../ir/index.ts'
import { sumTo } from './broadcast.ts'
import type { GradientWriter } from './gradient-writer.ts'
import { Refused } from './refused.ts'
import { type Contributions, type GradientCall, type GradientRule, gradientOf } from './rule.ts'

/** Matrix products. */
export const products = {
  MatMul: ((call) => {
    const [a, b] = call.node.inputs as [string, string]
    return productGradient(call, a, b)
  }) satisfies GradientRule,
  /**
   * Y = αA'B' + βC, with A' = A or Aᵀ:
   * ∂A' = αG·B'ᵀ, ∂B' = αA'ᵀ·G, each transposed back; ∂C = βG summed to C's shape.
   */
  Gemm: ((call) => {
    const { node, write } = call
    const g = gradientOf(call)
    const [a, b, c] = node.inputs as [string, string, string?]
    const [alpha, beta] = [floatAttribute(node, 'alpha', 1), floatAttribute(node, 'beta', 1)]
    const [ta, tb] = [intAttribute(node, 'transA', 0) !== 0, intAttribute(node, 'transB', 0) !== 0]
    const gemm = (left: string, transA: boolean, right: string, transB: boolean) =>
      write.op('Gemm', [left, right], {
        ...(alpha === 1 ? {} : { alpha: { type: 'float', value: alpha } }),
        transA: int(transA ? 1 : 0),
        transB: int(transB ? 1 : 0),
      })
    const scaled = () => (beta === 1 ? g : write.mul(g, write.number(beta, c!)))
    return [
      call.wants(0) ? (ta ? gemm(b, tb, g, true) : gemm(g, false, b, !tb)) : undefined,
      call.wants(1) ? (tb ? gemm(g, true, a, ta) : gemm(a, !ta, g, false)) : undefined,
      c && call.wants(2) ? sumTo(write, scaled(), write.shape(node.outputs[0]!), c) : undefined,
    ]
  }) satisfies GradientRule,
}

/**
 * Y = A·B over the last two axes, the others broadcast: ∂A = G·Bᵀ, ∂B = Aᵀ·G. A vector is a matrix of one row (left)
 * or one column (right). Weights shared by a batch are one product of tall matrices instead of a batch of small ones.
 *
 * `a` and `b` are the floating operands; they have the shapes of the node's first two inputs.
 */
export function productGradient(call: GradientCall, a: string, b: string): Contributions {
  const { node, write } = call
  const [inputA, inputB] = node.inputs as [string, string]
  const [rankA, rankB] = [write.rank(inputA), write.rank(inputB)]
  if (rankA === 0 || rankB === 0) throw new Refused('a scalar is no matrix')
  const [left, right] = [rankA === 1 ? row(write, a) : a, rankB === 1 ? column(write, b) : b]
  let g = gradientOf(call)
  if (rankB === 1) g = write.op('Unsqueeze', [g, write.ints([-1])])
  if (rankA === 1) g = write.op('Unsqueeze', [g, write.ints([-2])])
  const [m, n] = [Math.max(2, rankA), Math.max(2, rankB)]
  const batch = write.shape(node.outputs[0]!)?.slice(0, Math.max(m, n) - 2)

  /** The gradient by an operand from the product that gives it, which has all the axes of the batch. */
  const finish = (made: string, input: string): string => {
    const shape = write.shape(input)!
    if (shape.length > 1) return sumTo(write, made, batch ? [...batch, ...shape.slice(-2)] : null, input)
    const axes = Array.from({ length: Math.max(m, n) - 2 }, (_, axis) => axis)
    return write.reshapeLike(write.reduceSum(made, axes, false), input)
  }
  const byB = (): string => {
    if (rankB !== 2 || rankA <= 2) return finish(write.op('MatMul', [write.transposeLast(left, m), g]), inputB)
    return write.op('Gemm', [tall(write, left, inputA), tall(write, g, inputB)], { transA: int(1) })
  }
  return [
    call.wants(0) ? finish(write.op('MatMul', [g, write.transposeLast(right, n)]), inputA) : undefined,
    call.wants(1) ? byB() : undefined,
  ]
}

const row = (write: GradientWriter, x: string) => write.op('Unsqueeze', [x, write.ints([0])])
const column = (write: GradientWriter, x: string) => write.op('Unsqueeze', [x, write.ints([1])])

/** All rows of `x` under each other, as long as the last axis of `like`. */
function tall(write: GradientWriter, x: string, like: string): string {
  const last = write.shape(like)?.at(-1)
  if (typeof last === 'number') return write.reshape(x, [-1, last])
  return write.op('Reshape', [x, write.op('Concat', [write.ints([-1]), write.size(like, -1)], { axis: int(0) })])
}
