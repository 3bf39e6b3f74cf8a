import { int, makeNode, type Node, tensorOf } from '../../../ir/index.ts'
import type { GraphEditor } from '../../../rewrite/index.ts'
import type { LearnedWeight } from '../codes/learned-weights.ts'
import type { InputMoments } from '../codes/moments.ts'
import { type BlockCodes, quantizeBlocks } from './block-codes.ts'
import { blockWithin, type GridOptions } from './block-grid.ts'
import { codeBlocks, gramFor } from './code-blocks.ts'

/** How weights become codes. */
export interface BlockOptions extends GridOptions {
  readonly block: number
  /** The least weights of a product without a tied table that takes 4 bits, whatever `bits` says. */
  readonly fourBitsFrom?: number | undefined
  /** Of what products read, by value name; with them, rounding looks at the outputs (GPTQ). */
  readonly moments?: ReadonlyMap<string, InputMoments> | undefined
  /** Learned codes, by the name of the float weights. */
  readonly learned?: ReadonlyMap<string, LearnedWeight> | undefined
}

/** The bits that the weights of a product take where no table is tied to it. */
export const productBits = (
  { bits, fourBitsFrom }: { readonly bits: 4 | 8; readonly fourBitsFrom?: number | undefined },
  { values }: { readonly values: { readonly length: number } },
): 4 | 8 => (fourBitsFrom !== undefined && values.length >= fourBitsFrom ? 4 : bits)

/** The product that reads weights: the value beside them, and the constant [N, K] (`turned`) or [K, N] they are. */
export interface ProductReader {
  readonly input: string
  readonly node: string
  readonly source?: string
  readonly turned?: boolean
}

/** Weights [K, N] as codes in the graph; `zeros` is '' where the middle code is zero. */
export interface StoredBlocks {
  readonly codes: string
  readonly scales: string
  readonly zeros: string
  readonly rows: number
  readonly columns: number
  /** Weights that share a scale. */
  readonly block: number
}

/** The coded weights of one graph: weights that several nodes share are coded and kept once. */
export class BlockStore {
  readonly #options: BlockOptions
  readonly #stored = new Map<string, StoredBlocks>()
  readonly #ahead: ReadonlyMap<string, BlockCodes>
  /** Products whose rounding could not look at outputs, for want of evidence. */
  readonly plain: string[] = []

  /** `ahead`: codes that were made before, by key. */
  constructor(options: BlockOptions, ahead: ReadonlyMap<string, BlockCodes>) {
    this.#options = options
    this.#ahead = ahead
  }

  /** Whether weights are in codes here already. */
  has(key: string): boolean {
    return this.#stored.has(key)
  }

  /** The codes of these weights; `key` tells apart layouts and factors of one constant, `reader` names the product. */
  blocksOf(
    key: string,
    weights: { readonly values: Float32Array; readonly rows: number; readonly columns: number },
    hint: string,
    editor: GraphEditor,
    reader?: ProductReader,
  ): StoredBlocks {
    const known = this.#stored.get(key)
    if (known) return known
    const coded = this.#code(key, weights, reader)
    const { rows, columns } = weights
    const block = blockWithin(rows, this.#options.block)
    const bytes = (block * this.#options.bits) / 8
    const stored = {
      codes: editor.addConstant(tensorOf('uint8', [columns, coded.blocks, bytes], coded.codes), `${hint}_codes`),
      scales: editor.addConstant(tensorOf('float32', [columns, coded.blocks], coded.scales), `${hint}_scales`),
      zeros: coded.zeroPoints
        ? editor.addConstant(
            tensorOf('uint8', [columns, coded.zeroPoints.length / columns], coded.zeroPoints),
            `${hint}_zero_points`,
          )
        : '',
      rows,
      columns,
      block,
    }
    this.#stored.set(key, stored)
    return stored
  }

  #code(
    key: string,
    { values, rows, columns }: { readonly values: Float32Array; readonly rows: number; readonly columns: number },
    reader?: ProductReader,
  ): BlockCodes {
    const { moments, bits, symmetric, fit } = this.#options
    const block = blockWithin(rows, this.#options.block)
    const task = { values, rows, columns, block, options: { bits, symmetric, fit } }
    const gram = reader ? gramFor(moments, reader.input, rows) : null
    if (gram) {
      const coded = this.#ahead.get(key) ?? codeBlocks({ ...task, gram })
      if (coded) return coded
    }
    const codes = reader?.source === undefined ? undefined : this.#options.learned?.get(reader.source)?.codes
    if (codes?.length === rows * columns) {
      const own = reader?.turned ? (n: number, k: number) => n * rows + k : (n: number, k: number) => k * columns + n
      return quantizeBlocks(values, rows, columns, block, this.#options, (k, n) => codes[own(n, k)]!)
    }
    if ((moments || this.#options.learned) && reader) this.plain.push(reader.node)
    return (gram ? undefined : this.#ahead.get(key)) ?? codeBlocks({ ...task, gram: null })!
  }
}

/** y = com.microsoft.MatMulNBits(x, codes, scales, zero points), with x [.., K] and y [.., N]. */
export function blockProduct(
  node: Node,
  stored: StoredBlocks,
  output: string,
  options: { readonly bits: 4 | 8; readonly accuracyLevel: 0 | 4 },
): Node {
  const inputs = [node.inputs[0]!, stored.codes, stored.scales, ...(stored.zeros === '' ? [] : [stored.zeros])]
  return makeNode('MatMulNBits', inputs, [output], {
    domain: 'com.microsoft',
    name: node.name,
    attributes: {
      K: int(stored.rows),
      N: int(stored.columns),
      bits: int(options.bits),
      block_size: int(stored.block),
      accuracy_level: int(options.accuracyLevel),
    },
  })
}
