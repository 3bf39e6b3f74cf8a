/*
 * y = Gather(t, i), t: float[V, D]   ⇒   y = Gather(Mul(Cast<to = float>(t₈), s), i), t₈: int8[V, D], s: float[V, 1]
 * Embedding tables, whose rows are read and not multiplied, have no integer kernel to gain by; in 8 bits, one scale a
 * row, they take a quarter of the bytes, and the runtime widens them once, when it loads the model.
 * Illegal: another reader of the float table, beside which the codes would make the file grow.
 */
import { elementCount, type Model, type Node, nodeLabel } from '../../ir/index.ts'
import type { Refusal } from '../../report/index.ts'
import { type GraphEditor, perGraph, type Rule, runRules } from '../../rewrite/index.ts'
import { dropUnread } from './drop-unread.ts'
import { KEPT } from './kept-as-asked.ts'
import { StoredWeights, storeAsIntegers } from './stored-weights.ts'
import { tieTurned } from './tie-turned.ts'

/** Of smaller tables the bytes do not matter. */
const FEWEST_NUMBERS = 4096

interface TableOptions {
  /** Whether a node stays in float as asked. */
  readonly kept: (node: Node) => boolean
  /** Tables are stored; where omitted, they are named as what stays in float. */
  readonly tables?: 'stored' | undefined
}

/** Stores embedding tables in codes, and calls `onStored` with each lookup that reads one from then on. */
export function tableRule({ kept, tables }: TableOptions, onStored: (node: Node) => void = () => {}): Rule {
  const storedOf = perGraph(() => new StoredWeights())
  return {
    roots: ['Gather'],
    apply(node, { editor }) {
      const stored = storedOf(editor)
      if (stored.isWidened(node.inputs[0]!) || !isTable(node, editor)) return false
      if (kept(node)) return KEPT
      if (tables !== 'stored') return { refused: 'it reads a table, which was to stay in float' }
      const other = otherReader(node, editor, kept)
      if (other) return { refused: `its table is also read by ${nodeLabel(other)}, which would keep it in float` }
      const outcome = storeAsIntegers(node, editor, stored)
      if (outcome === true) onStored(node)
      return outcome
    },
  }
}

/**
 * A model with its tables in codes, which products may read turned, and what is left to say of its lookups among `float`,
 * what is in float.
 */
export function withStoredTables(
  model: Model,
  id: string,
  float: readonly Refusal[],
  kept: TableOptions['kept'],
): { readonly model: Model; readonly float: readonly Refusal[] } {
  const stored = new Set<string>()
  const rule = tableRule({ kept, tables: 'stored' }, (node) => stored.add(nodeLabel(node)))
  const result = runRules(model, id, [rule])
  const reasons = new Map(result.report.refused.map((refusal) => [refusal.node, refusal]))
  return {
    model: tieTurned(dropUnread(model, result.model)),
    float: float.filter(({ node }) => !stored.has(node)).map((refusal) => reasons.get(refusal.node) ?? refusal),
  }
}

/** Whether rows are looked up in a table of floats that is large enough for its bytes to matter. */
function isTable(node: Node, editor: GraphEditor): boolean {
  const table = editor.constant(node.inputs[0]!)
  return table?.dtype === 'float32' && table.dims.length > 1 && elementCount(table.dims) >= FEWEST_NUMBERS
}

/** A node that reads the float table otherwise than by lookups: stored in codes beside it, the file would grow. */
function otherReader(node: Node, editor: GraphEditor, kept: TableOptions['kept']): Node | undefined {
  const table = node.inputs[0]!
  return editor
    .consumers(table)
    .find((reader) => reader.opType !== 'Gather' || reader.inputs[0] !== table || kept(reader))
}
