import { joinedFloats } from '../../../ir/index.ts'
import type { InputMoments } from '../codes/moments.ts'
import { type BlockCodes, quantizeBlocks } from './block-codes.ts'
import type { GridOptions } from './block-grid.ts'
import { gptqBlocks } from './gptq.ts'

/** A matrix [K, N], or some of its columns, whose codes depend on nothing else; it can go to another thread. */
export interface BlockTask {
  readonly values: Float32Array
  readonly rows: number
  readonly columns: number
  readonly block: number
  readonly options: GridOptions
  /** XᵀX of what the product reads [K, K]: rounding looks at the outputs (GPTQ). Null: each weight by itself. */
  readonly gram: Float32Array | null
}

/** The codes; null where `gram` is singular. */
export function codeBlocks({ values, rows, columns, block, options, gram }: BlockTask): BlockCodes | null {
  return gram
    ? gptqBlocks(values, rows, columns, block, options, gram)
    : quantizeBlocks(values, rows, columns, block, options)
}

/** Weights of a task: enough for a thread to be worth a message, few enough for several threads to share a matrix. */
const WEIGHTS_OF_TASK = 1 << 20
/** With a gram each task factors it anew, K³/3 beside K²·N: at this many times K columns, that is a twelfth. */
const COLUMNS_OF_GRAM = 4

/** The same matrix as tasks of some columns each. Columns are coded independently of each other. */
export function splitTask(task: BlockTask): readonly BlockTask[] {
  const { values, rows, columns, gram } = task
  const least = gram ? COLUMNS_OF_GRAM * rows : 1
  const width = Math.max(least, Math.ceil(WEIGHTS_OF_TASK / rows))
  if (columns < 2 * width) return [task]
  const tasks: BlockTask[] = []
  for (let from = 0; from < columns; from += width) {
    // What is left over would be a task of its own: the last one takes it along.
    const to = columns - from < 2 * width ? columns : from + width
    const own = new Float32Array(rows * (to - from))
    for (let k = 0; k < rows; k++) own.set(values.subarray(k * columns + from, k * columns + to), k * (to - from))
    tasks.push({ ...task, values: own, columns: to - from })
    if (to === columns) break
  }
  return tasks
}

/** The codes of columns side by side: N is the outermost axis of all of them. Null where one is missing. */
export function joinCodes(parts: readonly (BlockCodes | null)[]): BlockCodes | null {
  const [first] = parts
  if (!first || parts.length === 1) return first ?? null
  const known = parts.flatMap((part) => part ?? [])
  if (known.length < parts.length) return null
  const bytes = (of: (part: BlockCodes) => Uint8Array) => {
    const all = new Uint8Array(known.reduce((sum, part) => sum + of(part).length, 0))
    let at = 0
    for (const part of known) {
      all.set(of(part), at)
      at += of(part).length
    }
    return all
  }
  return {
    ...first,
    codes: bytes(({ codes }) => codes),
    scales: joinedFloats(known.map(({ scales }) => scales)),
    zeroPoints: first.zeroPoints && bytes(({ zeroPoints }) => zeroPoints!),
  }
}

/** XᵀX of what a product reads, where it was observed and fits. */
export function gramFor(
  moments: ReadonlyMap<string, InputMoments> | undefined,
  input: string,
  rows: number,
): Float32Array | null {
  const gram = moments?.get(input)?.gram
  return gram?.length === rows * rows ? (gram as Float32Array) : null
}
