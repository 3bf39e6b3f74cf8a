/*
 * y = Gather(t, i), t: float[V, D]   ⇒   y = Gather(Mul(Cast<to = float>(t₈), s), i), t₈: int8[V, D], s: float[V, 1]
 * Embedding tables, whose rows are read and not multiplied, have no integer kernel to gain by; in 8 bits, one scale a
 * row, they take a quarter of the bytes, and the runtime widens them once, when it loads the model.
 * Illegal: another reader of the float table, beside which the codes would make the file grow.
 */
import { elementCount, type Model, type Node, nodeLabel } from '../../../ir/index.ts'
import type { Refusal } from '../../../report/index.ts'
import { type GraphEditor, perGraph, type Rule, runRules } from '../../../rewrite/index.ts'
import { dropUnread } from '../drop-unread.ts'
import { KEPT } from '../kept-as-asked.ts'
import { tieTurned } from '../products/tie-turned.ts'
import { StoredWeights, storeAsIntegers } from './stored-weights.ts'

/** Of smaller tables the bytes do not matter. */
const FEWEST_NUMBERS = 4096

interface TableOptions {
  /** Whether a node stays in float as asked. */
  readonly kept: (node: Node) => boolean
  /** Tables are stored; where omitted, they are named as what stays in float. */
  readonly tables?: 'stored' | undefined
}

/** A model with its tables in codes, and what became of the lookups in them. */
export interface TablesCoded {
  readonly model: Model
  readonly applied: number
  readonly refused: readonly Refusal[]
  /** The lookups that read codes from then on. */
  readonly stored: ReadonlySet<string>
}

/**
 * The rest of a scheme that has put the weights of products into codes: embedding tables, where these are asked for, and
 * one matrix in place of what `turnTables` laid twice. That is so before the tables have their turn, since what stays in
 * float keeps the table that it shares with lookups, and behind them, since codes of both sides may be the same.
 */
export function tablesCoded(products: Model, id: string, options: TableOptions): TablesCoded {
  const tied = tieTurned(products)
  const stored = new Set<string>()
  const { model, report } = runRules(tied, id, [tableRule(options, stored)])
  const { applied, refused } = report
  return { model: tieTurned(dropUnread(tied, model)), applied, refused, stored }
}

/** Stores embedding tables in codes, and notes each lookup that reads one in `storedLookups`. */
function tableRule({ kept, tables }: TableOptions, storedLookups: Set<string>): Rule {
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
      if (outcome === true) storedLookups.add(nodeLabel(node))
      return outcome
    },
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
