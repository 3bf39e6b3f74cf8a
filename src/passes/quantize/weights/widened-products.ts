import {
  allNodes,
  elementCount,
  intAttribute,
  type Model,
  operatorName,
  tensorShape,
  type ValueType,
} from '../../../ir/index.ts'
import { matmulCost } from '../placement/kernel-costs.ts'

/**
 * Nanoseconds to widen a code, on one thread, onnxruntime 1.30 on x86-64 with AVX-512, by products of 128×512 to 768×3072
 * (768×768, float and 8 bits in ms: of 1 row 0.056 and 1.29, of 8 0.116 and 1.16, of 128 1.51 and 2.78). With 4 bits a
 * single row has a kernel that reads codes as they are, as fast as float.
 */
const WIDEN = { 4: 0.15, 8: 2.3 } as const

/** Products that the runtime computes in float, of codes that it widens for that in every run. */
export interface WidenedProducts {
  readonly count: number
  readonly bits: 4 | 8
  /** Rows that a product reads, the fewest and the most. */
  readonly rows: readonly [least: number, most: number]
  /** Their time by the usual costs, over that of the float products. */
  readonly ratio: number
}

/**
 * The products that read codes at accuracy level 0; null where there are none, or where nobody can tell how many rows
 * they read.
 *
 * @param types Of the model's values, as in the run that is asked about.
 */
export function widenedProducts(model: Model, types: ReadonlyMap<string, ValueType>): WidenedProducts | null {
  const products = [...allNodes(model.graph)].filter(
    (node) => operatorName(node) === 'com.microsoft.MatMulNBits' && intAttribute(node, 'accuracy_level', 0) !== 4,
  )
  const sizes = products.flatMap((node) => {
    const shape = tensorShape(types.get(node.inputs[0]!))
    if (!shape?.every((dim) => typeof dim === 'number') || shape.length === 0) return []
    const [macs, channels] = [intAttribute(node, 'K', 0), intAttribute(node, 'N', 0)]
    const rows = elementCount(shape.slice(0, -1))
    const weights = macs * channels
    const { float } = matmulCost({ outputs: rows * channels, channels, macs, window: 1, weights })
    const bits = intAttribute(node, 'bits', 4) === 8 ? (8 as const) : (4 as const)
    return [{ rows, bits, float, widen: bits === 4 && rows === 1 ? 0 : weights * WIDEN[bits] }]
  })
  if (sizes.length === 0) return null
  const rows = sizes.map((size) => size.rows)
  const sum = (of: 'float' | 'widen') => sizes.reduce((total, size) => total + size[of], 0)
  return {
    count: products.length,
    bits: sizes[0]!.bits,
    rows: [Math.min(...rows), Math.max(...rows)],
    ratio: 1 + sum('widen') / sum('float'),
  }
}
