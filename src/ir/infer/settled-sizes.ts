import { intAttribute } from '../attribute.ts'
import { type Dim, type Model, type Node, operatorName, type Shape, type ValueType } from '../model.ts'
import { inferTypes } from './infer-types.ts'

/**
 * Sizes that the model takes alone where its inputs declare them open, by symbol, or by `input.axis` where a dimension
 * has none: a product's inner size is that of its weights, a convolution's channels those of its filters, what is added
 * to a vector of constants as long as that. Sizes that nothing settles are absent. Takes time linear in the model.
 */
export function settledSizes(model: Model): Readonly<Record<string, number>> {
  const keys = new Map<string, string>()
  const inputShapes = Object.fromEntries(
    model.graph.inputs.flatMap(({ name, type }) =>
      type.kind === 'tensor' && type.shape?.some((dim) => typeof dim !== 'number')
        ? [[name, type.shape.map((dim, axis) => (typeof dim === 'number' ? dim : nameOf(dim ?? `${name}.${axis}`)))]]
        : [],
    ),
  )
  /** Names of our own: a symbol may be any text, which would be read as arithmetic. */
  function nameOf(key: string): string {
    const name = `open${[...key].map((letter) => letter.codePointAt(0)).join('_')}`
    keys.set(name, key)
    return name
  }
  const sizes: Record<string, number> = {}
  const settle = (dim: Dim | undefined, size: Dim | undefined) => {
    const key = typeof dim === 'string' ? keys.get(dim) : undefined
    if (key !== undefined && typeof size === 'number' && size > 0) sizes[key] ??= size
  }
  if (keys.size > 0)
    inferTypes(model, {
      inputShapes,
      onNode(node, types) {
        for (const [one, other] of equalSizes(node, types.map(shapeOf))) {
          settle(one, other)
          settle(other, one)
        }
      },
    })
  return sizes
}

const shapeOf = (type: ValueType | undefined): Shape | undefined =>
  type?.kind === 'tensor' ? (type.shape ?? undefined) : undefined

/** Pairs of sizes of a node's inputs that must be the same. */
function equalSizes(
  node: Node,
  [a, b]: readonly (Shape | undefined)[],
): readonly (readonly [Dim | undefined, Dim | undefined])[] {
  if (!a || !b) return []
  switch (operatorName(node)) {
    case 'MatMul':
      return [[a.at(-1), b.at(b.length === 1 ? 0 : -2)]]
    case 'Gemm':
      return [[a[intAttribute(node, 'transA', 0) ? 0 : 1], b[intAttribute(node, 'transB', 0) ? 1 : 0]]]
    case 'Conv':
      return [[a[1], typeof b[1] === 'number' ? b[1] * intAttribute(node, 'group', 1) : undefined]]
    case 'ConvTranspose':
      return [[a[1], b[0]]]
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return [[a[2], b[2]]]
    case 'BatchNormalization':
    case 'InstanceNormalization':
      return [[a[1], b[0]]]
    case 'LayerNormalization':
      return intAttribute(node, 'axis', -1) === -1 ? [[a.at(-1), b.at(-1)]] : []
    case 'Add':
    case 'Sub':
    case 'Mul':
    case 'Div':
      // One of them may be a single element, which is repeated.
      return a.flatMap((_, i) => {
        const pair = [a.at(-1 - i), b.at(-1 - i)] as const
        return i < b.length && !pair.includes(1) ? [pair] : []
      })
    default:
      return []
  }
}
