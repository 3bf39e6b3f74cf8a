import { int, makeNode, type Node, type Tensor, tensorOf } from '../../../ir/index.ts'
import type { GraphEditor } from '../../../rewrite/index.ts'
import { type ProductNode, type WeightedProduct, weightsKey } from '../products/weighted-product.ts'

/** Adds the channels of infinite scale, multiplied in float, to a product without them; undefined where there are none. */
export function multipliedApart(scales: Float32Array, editor: GraphEditor) {
  const channels = [...scales.keys()].filter((channel) => scales[channel] === Number.POSITIVE_INFINITY)
  if (channels.length === 0) return undefined
  const [values, weights] = [new Map<string, string>(), new Map<string, string>()]
  let indices: string | undefined
  return ({ node, product }: ProductNode, coded: Node): readonly Node[] => {
    const [[value], [output]] = [node.inputs, node.outputs] as unknown as [[string], [string]]
    const named = (part: string) => editor.freshName(`${output}_${part}`)
    const gathered = values.get(value) ?? editor.freshName(`${value}_apart`)
    const before: Node[] = []
    if (!values.has(value)) {
      indices ??= editor.addConstant(
        tensorOf('int64', [channels.length], BigInt64Array.from(channels, BigInt)),
        `${value}_apart_channels`,
      )
      before.push(makeNode('Gather', [value, indices], [gathered], { name: gathered, attributes: { axis: int(-1) } }))
      values.set(value, gathered)
    }
    const weight =
      weights.get(weightsKey(product)) ?? editor.addConstant(rowsOf(product, channels), `${node.inputs[1]}_apart`)
    weights.set(weightsKey(product), weight)
    const [sum, few] = [named('coded'), named('apart')]
    return [
      ...before,
      { ...coded, outputs: [sum] },
      makeNode('MatMul', [gathered, weight], [few], { name: few }),
      makeNode('Add', [sum, few], [output], { name: named('whole') }),
    ]
  }
}

/** [C, N]: these rows of the weights of a product. */
const rowsOf = ({ values, columns }: WeightedProduct, rows: readonly number[]): Tensor =>
  tensorOf(
    'float32',
    [rows.length, columns],
    Float32Array.from(rows.flatMap((row) => [...values.subarray(row * columns, (row + 1) * columns)])),
  )
