import type { Model, Node } from '../../../ir/index.ts'
import { GraphEditor, type ParallelMap } from '../../../rewrite/index.ts'
import { weightsKey } from '../products/weighted-product.ts'
import type { BlockCodes } from './block-codes.ts'
import { blockWithin } from './block-grid.ts'
import { type BlockOptions, productBits } from './block-store.ts'
import { type BlockTask, gramFor, joinCodes, splitTask } from './code-blocks.ts'
import { readersOfTable, sourcedProduct } from './tied-table.ts'

/** Fewer weights than these are coded before a thread has started. */
const WORTH_THREADS = 1 << 22
/** Weights that are on their way to threads at a time: what of them is copied stays small beside the model. */
const AT_A_TIME = 1 << 24

/**
 * The codes of the products of the main graph, made by `map` on several threads before the rules ask for them, by
 * `weightsKey`. They are those that the rules would make themselves. Learned codes are at hand already and are not among
 * them. Empty where the model is too small for threads to pay.
 */
export async function blocksAhead(
  model: Model,
  { block, moments, learned, ...grid }: BlockOptions,
  kept: (node: Node) => boolean,
  map: ParallelMap,
): Promise<ReadonlyMap<string, BlockCodes>> {
  const editor = new GraphEditor(model.graph)
  const found = new Map<string, BlockTask>()
  const { symmetric, fit } = grid
  for (const node of editor.nodes) {
    if (kept(node)) continue
    const product = sourcedProduct(node, editor)
    if ('refused' in product || learned?.has(product.source)) continue
    // Of several readers the first decides what is looked at, as in the rules.
    if (found.has(weightsKey(product))) continue
    const { values, rows, columns } = product
    const tied = readersOfTable(product.source, editor).lookups.length > 0
    const options = { bits: tied ? grid.bits : productBits(grid, product), symmetric, fit }
    found.set(weightsKey(product), {
      ...{ values, rows, columns, block: blockWithin(rows, block), options },
      gram: tied ? null : gramFor(moments, node.inputs[0]!, rows),
    })
  }
  const weights = [...found.values()].reduce((sum, { values }) => sum + values.length, 0)
  const ahead = new Map<string, BlockCodes>()
  if (weights < WORTH_THREADS) return ahead
  let batch: { readonly key: string; readonly tasks: readonly BlockTask[] }[] = []
  let held = 0
  const send = async () => {
    const codes = await map<BlockTask, BlockCodes | null>(
      'codeBlocks',
      batch.flatMap(({ tasks }) => tasks),
    )
    let at = 0
    for (const { key, tasks } of batch) {
      const joined = joinCodes(codes.slice(at, (at += tasks.length)))
      if (joined) ahead.set(key, joined)
    }
    batch = []
    held = 0
  }
  for (const [key, task] of found) {
    batch.push({ key, tasks: splitTask(task) })
    held += task.values.length
    if (held >= AT_A_TIME) await send()
  }
  if (batch.length > 0) await send()
  return ahead
}
