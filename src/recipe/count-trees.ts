import { intsAttribute, type Node, stringsAttribute } from '../ir/index.ts'

/** How much the tree ensembles of a model hold. */
interface TreeCount {
  readonly trees: number
  /** Places where a tree asks a question of a row; ends of branches are none. */
  readonly splits: number
}

/** Trees and their splits in the tree ensembles among these nodes, of all versions of `ai.onnx.ml`; undefined for none. */
export function countTrees(nodes: Iterable<Node>): TreeCount | undefined {
  let found: TreeCount | undefined
  for (const node of nodes) {
    const count = node.domain === 'ai.onnx.ml' ? countOf(node) : undefined
    if (count) found = { trees: (found?.trees ?? 0) + count.trees, splits: (found?.splits ?? 0) + count.splits }
  }
  return found
}

function countOf(node: Node): TreeCount | undefined {
  // Since version 5 leaves have lists of their own; before, a leaf is a node in a mode of its own.
  if (node.opType === 'TreeEnsemble')
    return {
      trees: intsAttribute(node, 'tree_roots', []).length,
      splits: intsAttribute(node, 'nodes_featureids', []).length,
    }
  if (node.opType !== 'TreeEnsembleClassifier' && node.opType !== 'TreeEnsembleRegressor') return undefined
  return {
    trees: new Set(intsAttribute(node, 'nodes_treeids', [])).size,
    splits: stringsAttribute(node, 'nodes_modes', []).filter((mode) => mode !== 'LEAF').length,
  }
}
