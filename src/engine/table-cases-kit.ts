import type { DType } from '../ir/index.ts'
import type { Case, Spec } from './operator-case-kit.ts'

/** Two trees: a root with a leaf and a branch of two leaves, and a root with two leaves. */
const TREES = `nodes_treeids = [0, 0, 0, 0, 0, 1, 1, 1], nodes_nodeids = [0, 1, 2, 3, 4, 0, 1, 2],
  nodes_featureids = [0, 0, 1, 0, 0, 1, 0, 0], nodes_values = [0.5, 0.0, 1.5, 0.0, 0.0, 1.0, 0.0, 0.0],
  nodes_truenodeids = [1, 0, 3, 0, 0, 1, 0, 0], nodes_falsenodeids = [2, 0, 4, 0, 0, 2, 0, 0]`

/** Rows on, below and above the limits of both. */
const FEATURES: Spec = ['float32', [6, 2], [0.5, 1, 0.4, 2, 0.6, 1.5, 0.5, 1.5, 0.2, 0.3, 0.9, 0.9]]

/** What is learned from tables, as scikit-learn's models are exported. */
export const TABLE_CASES: readonly Case[] = [
  ...['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO'].map((transform) => ({
    call: `ai.onnx.ml.LinearClassifier<classlabels_ints = [7, 5, 9], coefficients = [0.5, -1.5, 0.25, 1.25, -0.75, 0.1], intercepts = [0.1, -0.2, 0.3], post_transform = "${transform}">(x)`,
    inputs: { x: ['float32', [6, 2]] as Spec },
    results: ['int64', 'float32'] as const,
  })),
  {
    call: 'ai.onnx.ml.LinearRegressor<targets = 2, coefficients = [0.5, -1.5, 0.25, 1.25], intercepts = [0.1, -0.2]>(x)',
    inputs: { x: ['float32', [6, 2]] },
  },
  ...['MAX', 'L1', 'L2'].map((norm) => ({
    call: `ai.onnx.ml.Normalizer<norm = "${norm}">(x)`,
    inputs: { x: ['float32', [4, 3]] as Spec },
  })),
  {
    call: 'ai.onnx.ml.Scaler<offset = [0.5, -1.5, 0.25], scale = [2.5, 0.5, 1.5]>(x)',
    inputs: { x: ['float32', [4, 3]] },
  },
  { call: 'ai.onnx.ml.Scaler<offset = [0.5], scale = [2.5]>(x)', inputs: { x: ['float32', [4, 3]] } },
  {
    call: 'ai.onnx.ml.Imputer<imputed_value_floats = [0.5, 1.5, 2.5], replaced_value_float = 3.0>(x)',
    inputs: { x: ['float32', [2, 3], [3, 1, 3, 2, 3, 0]] },
  },
  { call: 'ai.onnx.ml.OneHotEncoder<cats_int64s = [3, 5, 4]>(x)', inputs: { x: ['int64', [4], [4, 3, 9, 5]] } },
  {
    call: 'ai.onnx.ml.FeatureVectorizer<inputdimensions = [2, 3]>(a, b)',
    inputs: { a: ['float32', [4, 2]], b: ['float32', [4, 3]] },
  },
  { call: 'ai.onnx.ml.Binarizer<threshold = 0.5>(x)', inputs: { x: ['float32', [4], [0.4, 0.5, 0.6, -1]] } },
  ...['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT', 'BRANCH_EQ', 'BRANCH_NEQ'].map((mode) => ({
    call: `ai.onnx.ml.TreeEnsembleClassifier<${TREES}, nodes_modes = ["${mode}", "LEAF", "${mode}", "LEAF", "LEAF", "${mode}", "LEAF", "LEAF"],
      classlabels_int64s = [4, 8, 6], class_treeids = [0, 0, 0, 1, 1], class_nodeids = [1, 3, 4, 1, 2], class_ids = [0, 1, 2, 1, 0],
      class_weights = [0.7, 0.2, 0.4, 0.3, 0.6], base_values = [0.05, 0.1, 0.15]>(x)`,
    inputs: { x: FEATURES },
    results: ['int64', 'float32'] as const,
  })),
  ...['SUM', 'AVERAGE', 'MIN', 'MAX'].flatMap((how) =>
    [
      ['n_targets = 2, target_ids = [0, 1, 0, 1, 0]', ''],
      ['n_targets = 1, target_ids = [0, 0, 0, 0, 0]', ', base_values = [0.5]'],
    ].map(([targets, base]) => ({
      call: `ai.onnx.ml.TreeEnsembleRegressor<${TREES}, nodes_modes = ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"],
      ${targets}, target_treeids = [0, 0, 0, 1, 1], target_nodeids = [1, 3, 4, 1, 2],
      target_weights = [0.7, -0.2, 0.4, 0.3, 0.6], aggregate_function = "${how}"${base}>(x)`,
      inputs: { x: FEATURES },
    })),
  ),
  ...['int64', 'float32'].map((dtype) => ({
    call: 'ai.onnx.ml.ArrayFeatureExtractor(x, i)',
    inputs: { x: [dtype, [3, 4], [-9, 9]] as unknown as Spec, i: ['int64', [2], [3, 1]] as Spec },
    result: dtype as DType,
  })),
  {
    call: 'ai.onnx.ml.LabelEncoder<keys_int64s = [3, 5], values_floats = [0.5, -1.5], default_float = 9.5>(x)',
    inputs: { x: ['int64', [4], [5, 3, 4, 5]] },
  },
  {
    call: 'ai.onnx.ml.LabelEncoder<keys_int64s = [3, 5], values_int64s = [7, 8]>(x)',
    inputs: { x: ['int64', [4], [5, 3, 4, 5]] },
    result: 'int64',
  },
  {
    call: 'ai.onnx.ml.LabelEncoder<keys_floats = [0.5, 1.5], values_int64s = [7, 8], default_int64 = 3>(x)',
    inputs: { x: ['float32', [3], [1.5, 0.5, 9]] },
    result: 'int64',
  },
  {
    call: 'ai.onnx.ml.LinearClassifier<classlabels_ints = [3, 9], coefficients = [-0.5, 1.25, 0.5, -1.25], intercepts = [0.1, -0.1], post_transform = "LOGISTIC">(x)',
    inputs: { x: ['float32', [6, 2]] },
    results: ['int64', 'float32'],
  },
  // Two classes by one score, in the forms in which the runtime does as the specification says.
  {
    call: 'ai.onnx.ml.LinearClassifier<classlabels_ints = [3, 9], coefficients = [-0.5, 1.25], intercepts = [0.1], post_transform = "LOGISTIC">(x)',
    inputs: { x: ['float32', [6, 2]] },
    results: ['int64', 'float32'],
  },
  ...['NONE', 'LOGISTIC'].flatMap((transform) =>
    ['0.7, 0.25, 0.4, 0.3, 0.6', '0.7, -0.9, 0.4, -0.3, -0.6'].map((weights) => ({
      call: `ai.onnx.ml.TreeEnsembleClassifier<${TREES}, nodes_modes = ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"],
      classlabels_int64s = [4, 8], class_treeids = [0, 0, 0, 1, 1], class_nodeids = [1, 3, 4, 1, 2], class_ids = [0, 0, 0, 0, 0],
      class_weights = [${weights}], post_transform = "${transform}">(x)`,
      inputs: { x: FEATURES },
      results: ['int64', 'float32'] as const,
    })),
  ),
  ...[0, 1].map((yes) => ({
    call: `ai.onnx.ml.TreeEnsembleRegressor<${TREES}, nodes_modes = ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"],
      nodes_missing_value_tracks_true = [${Array(8).fill(yes)}], n_targets = 1, target_ids = [0, 0, 0, 0, 0],
      target_treeids = [0, 0, 0, 1, 1], target_nodeids = [1, 3, 4, 1, 2], target_weights = [0.7, -0.2, 0.4, 0.3, 0.6]>(x)`,
    inputs: { x: ['float32', [2, 2], [Number.NaN, 0.5, 0.25, Number.NaN]] as Spec },
  })),
  ...['MAX', 'L1', 'L2'].map((norm) => ({
    call: `ai.onnx.ml.Normalizer<norm = "${norm}">(x)`,
    inputs: { x: ['float32', [2, 2], [0, 0, 0.5, 2]] as Spec },
  })),
  {
    call: 'ai.onnx.ml.LinearRegressor<targets = 2, coefficients = [0.5, 1.5, 1.0, -1.0], post_transform = "LOGISTIC">(x)',
    inputs: { x: ['float32', [6, 2]] },
  },
]
