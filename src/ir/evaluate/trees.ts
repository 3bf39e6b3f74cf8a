import { type Call, floatsOf, input, intOf, intsOf, type Kernels, made, stringsOf, tensorOf, textOf } from './call.ts'
import { classified, labelsOf, postTransformed } from './machine-learning.ts'
import { EvaluationError, listOf, type Nd, numbersOf } from './value.ts'

/** A branch or a leaf. `accepts` sends a feature to `yes`; leaves add their weights. */
interface TreeNode {
  readonly feature: number
  readonly accepts: ((value: number) => boolean) | null
  yes: number
  no: number
  readonly weights: { readonly target: number; readonly weight: number }[]
}

interface Ensemble {
  readonly nodes: readonly TreeNode[]
  readonly roots: readonly number[]
}

const TESTS: Readonly<Record<string, (value: number, limit: number) => boolean>> = {
  BRANCH_LEQ: (v, t) => v <= t,
  BRANCH_LT: (v, t) => v < t,
  BRANCH_GTE: (v, t) => v >= t,
  BRANCH_GT: (v, t) => v > t,
  BRANCH_EQ: (v, t) => v === t,
  BRANCH_NEQ: (v, t) => v !== t,
}

/** A list in a tensor attribute that must be there. */
function listed(call: Call, name: string): number[] {
  const tensor = tensorOf(call, name)
  if (!tensor) throw new EvaluationError(`no tensor in attribute ${name}`)
  return listOf(tensor)
}

const numbers = (call: Call, name: string): readonly number[] | undefined => {
  const tensor = tensorOf(call, `${name}_as_tensor`)
  return tensor ? listOf(tensor) : floatsOf(call, name)
}

/** The trees of TreeEnsembleClassifier and -Regressor: nodes are named by (tree, node). */
function namedTrees(call: Call, prefix: 'class' | 'target'): Ensemble {
  const trees = intsOf(call, 'nodes_treeids') ?? []
  const ids = intsOf(call, 'nodes_nodeids') ?? []
  const modes = stringsOf(call, 'nodes_modes') ?? []
  const limits = numbers(call, 'nodes_values') ?? []
  const features = intsOf(call, 'nodes_featureids') ?? []
  const yes = intsOf(call, 'nodes_truenodeids') ?? []
  const no = intsOf(call, 'nodes_falsenodeids') ?? []
  const missing = intsOf(call, 'nodes_missing_value_tracks_true') ?? []
  const place = new Map(ids.map((id, i) => [`${trees[i]},${id}`, i]))
  const nodes = modes.map((mode, i): TreeNode => {
    const test = TESTS[mode]
    if (!test && mode !== 'LEAF') throw new EvaluationError(`tree node ${mode}`)
    const limit = limits[i] ?? 0
    const nanGoesYes = missing[i] === 1
    return {
      feature: features[i] ?? 0,
      accepts: test ? (v) => test(v, limit) || (nanGoesYes && Number.isNaN(v)) : null,
      yes: place.get(`${trees[i]},${yes[i]}`) ?? -1,
      no: place.get(`${trees[i]},${no[i]}`) ?? -1,
      weights: [],
    }
  })
  const weights = numbers(call, `${prefix}_weights`) ?? []
  const targets = intsOf(call, `${prefix}_ids`) ?? []
  const owners = intsOf(call, `${prefix}_treeids`) ?? []
  for (const [i, id] of (intsOf(call, `${prefix}_nodeids`) ?? []).entries())
    nodes[place.get(`${owners[i]},${id}`)!]?.weights.push({ target: targets[i]!, weight: weights[i]! })
  // The first node that is written of a tree is its root.
  return { nodes, roots: [...new Set(trees)].map((tree) => trees.indexOf(tree)) }
}

/** The trees of TreeEnsemble (ai.onnx.ml 5): branches and leaves in lists of their own. */
function indexedTrees(call: Call): Ensemble {
  const limits = listed(call, 'nodes_splits')
  const modes = listed(call, 'nodes_modes')
  const features = intsOf(call, 'nodes_featureids') ?? []
  const missing = intsOf(call, 'nodes_missing_value_tracks_true') ?? []
  const [yes, no] = [intsOf(call, 'nodes_trueleafs') ?? [], intsOf(call, 'nodes_falseleafs') ?? []]
  const [yesAt, noAt] = [intsOf(call, 'nodes_truenodeids') ?? [], intsOf(call, 'nodes_falsenodeids') ?? []]
  const [targets, weights] = [intsOf(call, 'leaf_targetids') ?? [], listed(call, 'leaf_weights')]
  const order = ['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT', 'BRANCH_EQ', 'BRANCH_NEQ']
  const sets = memberSets(call)
  const branches = modes.length
  const nodes = modes.map((mode, i): TreeNode => {
    const nanGoesYes = missing[i] === 1
    const members = mode === 6 ? sets.shift() : undefined
    const test = members ? (v: number) => members.has(v) : (v: number) => TESTS[order[mode]!]!(v, limits[i]!)
    return {
      feature: features[i]!,
      accepts: (v) => test(v) || (nanGoesYes && Number.isNaN(v)),
      yes: yesAt[i]! + (yes[i] ? branches : 0),
      no: noAt[i]! + (no[i] ? branches : 0),
      weights: [],
    }
  })
  for (const [i, target] of targets.entries())
    nodes.push({ feature: 0, accepts: null, yes: -1, no: -1, weights: [{ target, weight: weights[i]! }] })
  return { nodes, roots: intsOf(call, 'tree_roots') ?? [0] }
}

/** Values of BRANCH_MEMBER nodes, one set a node, divided by NaN. */
function memberSets(call: Call): Set<number>[] {
  const values = tensorOf(call, 'membership_values')
  const sets: Set<number>[] = []
  let current = new Set<number>()
  for (const value of values ? listOf(values) : []) {
    if (!Number.isNaN(value)) current.add(value)
    else {
      sets.push(current)
      current = new Set()
    }
  }
  if (current.size > 0) sets.push(current)
  return sets
}

/** Per row and target: how the weights of the leaves it ends in come together. */
function scored(x: Nd, { nodes, roots }: Ensemble, targets: number, how: string, base: readonly number[]): number[][] {
  const width = x.dims.at(-1)!
  const data = numbersOf(x)
  const ends: Readonly<Record<string, (a: number, b: number) => number>> = { MIN: Math.min, MAX: Math.max }
  return Array.from({ length: data.length / width }, (_, row) => {
    const sums = new Array<number | undefined>(targets).fill(undefined)
    for (const root of roots) {
      let at = nodes[root]
      while (at?.accepts) at = nodes[at.accepts(data[row * width + at.feature]!) ? at.yes : at.no]
      for (const { target, weight } of at?.weights ?? []) {
        const old = sums[target]
        sums[target] = old === undefined ? weight : (ends[how] ?? ((a, b) => a + b))(old, weight)
      }
    }
    return sums.map((sum, i) => (sum === undefined ? 0 : how === 'AVERAGE' ? sum / roots.length : sum) + (base[i] ?? 0))
  })
}

function classifier(call: Call): Nd[] {
  const labels = labelsOf(call, 'classlabels_int64s')
  const classes = (labels.strings ?? labels.ints ?? []).length
  const base = numbers(call, 'base_values') ?? []
  const used = new Set(intsOf(call, 'class_ids'))
  const raw = scored(input(call, 0), namedTrees(call, 'class'), classes, 'SUM', base)
  if (classes !== 2 || used.size > 1) return classified(call, raw, labels)
  // Trees for one of two classes: a sum of probabilities when no weight is negative, else a margin.
  const only = [...used][0] ?? 0
  const probability = (numbers(call, 'class_weights') ?? []).every((weight) => weight >= 0)
  const binary = probability ? { ...labels, binaryThreshold: 0.5 } : labels
  return classified(
    call,
    raw.map((row) => [row[only]!]),
    binary,
  )
}

function regressed(call: Call, ensemble: Ensemble, how: string, dtype: Nd['dtype']): Nd[] {
  const targets = intOf(call, 'n_targets', 1)
  const base = numbers(call, 'base_values') ?? []
  const transform = textOf(call, 'post_transform', 'NONE')
  const rows = scored(input(call, 0), ensemble, targets, how, base).map((row) => postTransformed(transform, row))
  return [made(call, dtype, [rows.length, targets], Float64Array.from(rows.flat()))]
}

export const trees: Kernels = {
  'ai.onnx.ml.TreeEnsembleClassifier': classifier,
  'ai.onnx.ml.TreeEnsembleRegressor': (call) =>
    regressed(call, namedTrees(call, 'target'), textOf(call, 'aggregate_function', 'SUM'), 'float32'),
  'ai.onnx.ml.TreeEnsemble': (call) => {
    const how = ['AVERAGE', 'SUM', 'MIN', 'MAX'][intOf(call, 'aggregate_function', 1)]!
    if (intOf(call, 'post_transform', 0) !== 0) throw new EvaluationError('a TreeEnsemble with post_transform')
    return regressed(call, indexedTrees(call), how, input(call, 0).dtype)
  },
}
