import { allNodes, intAttribute, type Model, operatorName } from '../../../ir/index.ts'

/** Operators that read blocks of codes, which older runtimes know with 4 bits alone. */
const BLOCKS: ReadonlySet<string> = new Set(['com.microsoft.MatMulNBits', 'com.microsoft.GatherBlockQuantized'])

/**
 * The least runtime that runs blocks of 8-bit codes, in a sentence; null where there are none. Tried with the packages
 * for x86-64: 1.21 refuses a product of them when the model is loaded, 1.22 at accuracy level 0 when it runs, and a table
 * of them when it is loaded; 1.23 runs all of it.
 */
export function runtimeNeeded({ graph }: Model): string | null {
  for (const node of allNodes(graph))
    if (BLOCKS.has(operatorName(node)) && intAttribute(node, 'bits', 4) === 8)
      return 'blocks of 8-bit codes run in ONNX Runtime from 1.23 on: older ones refuse the file, or its first run'
  return null
}
