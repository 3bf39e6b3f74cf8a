import { type Graph, operatorName, readsOf } from '../../../../ir/index.ts'
import type { Unit } from '../../units/unit.ts'
import { OF_SHAPES } from './data-values.ts'

/** Operators whose outputs have as many rows as they find of something: perhaps none. */
const COUNTING: ReadonlySet<string> = new Set(['Compress', 'NonMaxSuppression', 'NonZero', 'Unique'])

/** Operators whose outputs are as long as the first input, whatever is written into it. */
const WRITING: ReadonlySet<string> = new Set(['ScatterElements', 'ScatterND'])

/**
 * Kernels that end the process (SIGSEGV, onnxruntime 1.30) over a value without elements: QLinearSoftmax always, QLinearMul
 * in mixtures of experts of which one has no tokens, though not alone in a graph. The others were seen to pass it on.
 */
const ENDING: ReadonlySet<string> = new Set(['QLinearMul', 'QLinearSoftmax'])

/**
 * The values whose rows are counted by the graph itself, so that there may be none of them: the tokens of one expert
 * among several, the boxes that a suppression leaves.
 */
export function countedRows(graph: Graph): ReadonlySet<string> {
  const counted = new Set<string>()
  for (const node of graph.nodes) {
    const operator = operatorName(node)
    // Never empty itself.
    if (OF_SHAPES.has(operator)) continue
    const reads = WRITING.has(operator) ? node.inputs.slice(0, 1) : [...readsOf(node)]
    if (COUNTING.has(operator) || reads.some((name) => counted.has(name)))
      for (const name of node.outputs) if (name !== '') counted.add(name)
  }
  return counted
}

/** Why a unit that may be given no rows stays in float; undefined where its kernel takes that, or there are always some. */
export function refuseNoRows({ reads, rule }: Unit, counted: ReadonlySet<string>): string | undefined {
  const name = ENDING.has(rule.kernel) ? reads.find((read) => counted.has(read)) : undefined
  return name && `its input ${name} may have no rows, over which ${rule.kernel} ends the runtime's process`
}
