import { intAttribute, stringAttribute } from '../attribute.ts'
import type { Dim, Shape } from '../model.ts'
import {
  broadcast,
  type Call,
  dtypeOf,
  elementsOf,
  has,
  normalAxis,
  type Rule,
  type Rules,
  shapeOf,
  tensor,
  withDim,
} from './call.ts'

/** NumPy's matmul: one-dimensional operands count as a row or a column and lose that axis again. */
export function multiplied(a: Shape | null, b: Shape | null): Shape | null {
  if (!a || !b || a.length === 0 || b.length === 0) return null
  const left = a.length === 1 ? [1, ...a] : a
  const right = b.length === 1 ? [...b, 1] : b
  const batch = broadcast([left.slice(0, -2), right.slice(0, -2)])!
  const rows = a.length === 1 ? [] : [left.at(-2)!]
  const columns = b.length === 1 ? [] : [right.at(-1)!]
  return [...batch, ...rows, ...columns]
}

/** Rows of A and columns of B, which is the call's input `b`, as `transA` and `transB` turn them. */
export function gemmShape(call: Call, b = 1): Shape {
  const side = (index: number, axis: number): Dim => shapeOf(call, index)?.[axis] ?? null
  const rows = side(0, intAttribute(call.node, 'transA', 0) ? 1 : 0)
  return [rows, side(b, intAttribute(call.node, 'transB', 0) ? 0 : 1)]
}

const einsum: Rule = (call) => {
  const dtype = dtypeOf(call, 0)
  const shapes = call.node.inputs.map((_, i) => shapeOf(call, i))
  if (shapes.includes(null)) return [tensor(dtype, null)]
  return [tensor(dtype, einsumShape(stringAttribute(call.node, 'equation', ''), shapes as readonly Shape[]))]
}

/** The output's shape from the equation; null where operands do not fit it. */
function einsumShape(equation: string, shapes: readonly Shape[]): Shape | null {
  const [inputs = '', stated] = equation.replace(/\s/g, '').split('->')
  const terms = inputs.split(',')
  if (terms.length !== shapes.length) return null
  const sizes = new Map<string, Dim>()
  const counts = new Map<string, number>()
  const ellipses: Shape[] = []
  for (const [i, term] of terms.entries()) {
    const letters = term.replace('...', '')
    const wide = shapes[i]!.length - letters.length
    if (wide < 0 || (wide > 0 && !term.includes('...'))) return null
    const before = term.indexOf('...')
    if (before >= 0) ellipses.push(shapes[i]!.slice(before, before + wide))
    for (const [at, letter] of [...letters].entries()) {
      const dim = shapes[i]![before >= 0 && at >= before ? at + wide : at]!
      const old = sizes.get(letter)
      sizes.set(
        letter,
        old === undefined || old === null || old === 1 ? dim : typeof dim === 'number' && dim !== 1 ? dim : old,
      )
      counts.set(letter, (counts.get(letter) ?? 0) + 1)
    }
  }
  const middle = broadcast(ellipses)!
  const once = [...counts].filter(([, count]) => count === 1).map(([letter]) => letter)
  const output = stated ?? `${ellipses.length > 0 ? '...' : ''}${once.sort().join('')}`
  return (output.match(/\.\.\.|./g) ?? []).flatMap((part) => (part === '...' ? middle : [sizes.get(part) ?? null]))
}

const dft: Rule = (call) => {
  const shape = shapeOf(call, 0)
  if (!shape) return [tensor(dtypeOf(call, 0), null)]
  const stated = has(call, 2) ? elementsOf(call, 2)?.[0] : call.opset < 20 ? intAttribute(call.node, 'axis', 1) : -2
  const axis = typeof stated === 'number' ? normalAxis(stated, shape.length) : undefined
  const length = has(call, 1) ? (elementsOf(call, 1)?.[0] ?? null) : axis === undefined ? null : (shape[axis] ?? null)
  const half = intAttribute(call.node, 'onesided', 0) === 1
  const count = half ? call.symbols.add(call.symbols.divide(length, 2), 1) : length
  const complex = withDim(shape, shape.length - 1, 2)
  // Whatever the axis, it keeps its length.
  if (!has(call, 1) && !half) return [tensor(dtypeOf(call, 0), complex)]
  return [tensor(dtypeOf(call, 0), axis === undefined ? complex.map(() => null) : withDim(complex, axis, count))]
}

const stft: Rule = (call) => {
  const signal = shapeOf(call, 0)
  const step = elementsOf(call, 1)?.[0] ?? null
  const length = has(call, 3) ? (elementsOf(call, 3)?.[0] ?? null) : (shapeOf(call, 2)?.[0] ?? null)
  const { symbols } = call
  const half = intAttribute(call.node, 'onesided', 1) === 1
  const bins = half ? symbols.add(symbols.divide(length, 2), 1) : length
  const frames = symbols.add(symbols.divide(symbols.subtract(signal?.[1] ?? null, length), step), 1)
  return [tensor(dtypeOf(call, 0), [signal?.[0] ?? null, frames, bins, 2])]
}

/**
 * Attention of opset 23. Operands are [batch, heads, sequence, head size], or [batch, sequence, heads × head size]
 * with the numbers of heads as attributes; what the cache held comes before the new keys and values.
 */
const attention: Rule = (call) => {
  const [q, k, v] = [0, 1, 2].map((i) => shapeOf(call, i))
  const dtype = dtypeOf(call, 0)
  if (!q || !k || !v) return [tensor(dtype, null), tensor(dtype, null), tensor(dtype, null), tensor(dtype, null)]
  const { symbols } = call
  const flat = q.length === 3
  const heads = flat ? intAttribute(call.node, 'q_num_heads', 0) : q[1]!
  const kvHeads = flat ? intAttribute(call.node, 'kv_num_heads', 0) : k[1]!
  const sequence = flat ? q[1]! : q[2]!
  const size = (shape: Shape): Dim => (flat ? symbols.divideExactly(shape[2]!, kvHeads) : shape[3]!)
  const past = has(call, 4) ? (shapeOf(call, 4)?.[2] ?? null) : 0
  const total = symbols.add(past, flat ? k[1]! : k[2]!)
  const output = flat ? [q[0]!, sequence, symbols.multiply(heads, size(v))] : [q[0]!, heads, sequence, size(v)]
  return [
    tensor(dtype, output),
    tensor(dtype, [q[0]!, kvHeads, total, size(k)]),
    tensor(dtype, [q[0]!, kvHeads, total, size(v)]),
    tensor(dtype, [q[0]!, heads, sequence, total]),
  ]
}

export const matrixRules: Rules = {
  MatMul: (call) => [tensor(dtypeOf(call, 0) ?? dtypeOf(call, 1), multiplied(shapeOf(call, 0), shapeOf(call, 1)))],
  Gemm: (call) => [tensor(dtypeOf(call, 0) ?? dtypeOf(call, 1), gemmShape(call))],
  Einsum: einsum,
  Det: (call) => [tensor(dtypeOf(call, 0), shapeOf(call, 0)?.slice(0, -2) ?? null)],
  DFT: dft,
  STFT: stft,
  Attention: attention,
  RotaryEmbedding: (call) => [tensor(dtypeOf(call, 0), shapeOf(call, 0))],
}
