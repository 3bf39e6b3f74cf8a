import { intAttribute, intsAttribute } from '../attribute.ts'
import type { DType } from '../dtype.ts'
import type { Dim } from '../model.ts'
import { type Call, dtypeOf, type Known, type Outputs, type Rule, type Rules, shapeOf, tensor } from './call.ts'
import { likeFirst } from './elementwise.ts'

/** Number of elements of a list attribute; 0 where it is absent. */
function lengthOf(call: Call, name: string): number {
  const value = call.node.attributes.get(name)
  return value && 'value' in value && Array.isArray(value.value) ? value.value.length : 0
}

/** One row a sample: a one-dimensional input is one sample. */
function rows(call: Call): Dim {
  const shape = shapeOf(call, 0)
  return shape?.length === 1 ? 1 : (shape?.[0] ?? null)
}

/** A label for each row, then a score for each class. SVMs may score pairs of classes instead. */
const classifier =
  (scored: boolean): Rule =>
  (call) => {
    const strings = Math.max(lengthOf(call, 'classlabels_strings'), lengthOf(call, 'classlabels_string'))
    const numbers = Math.max(lengthOf(call, 'classlabels_ints'), lengthOf(call, 'classlabels_int64s'))
    const classes = Math.max(strings, numbers)
    const width = scored && classes > 0 ? classes : null
    return [tensor(strings > 0 ? 'string' : 'int64', [rows(call)]), tensor('float32', [rows(call), width])]
  }

const regressor =
  (attribute: string): Rule =>
  (call) => [tensor('float32', [rows(call), intAttribute(call.node, attribute, 1)])]

const floats: Rule = (call) => [tensor('float32', shapeOf(call, 0))]

const labelEncoder: Rule = (call): Outputs => {
  const { attributes } = call.node
  const values = attributes.get('values_tensor')
  const dtype: DType | undefined =
    values?.type === 'tensor'
      ? values.value.dtype
      : attributes.has('values_strings')
        ? 'string'
        : attributes.has('values_int64s')
          ? 'int64'
          : attributes.has('values_floats')
            ? 'float32'
            : swapped(call)
  return [tensor(dtype, shapeOf(call, 0))]
}

/** The oldest form maps text to numbers and numbers to text. */
const swapped = (call: Call): DType | undefined =>
  dtypeOf(call, 0) === undefined ? undefined : dtypeOf(call, 0) === 'string' ? 'int64' : 'string'

const featureExtractor: Rule = (call) => {
  const [x, indices] = [shapeOf(call, 0), shapeOf(call, 1)]
  const count = indices ? call.symbols.product(indices) : null
  if (!x) return [tensor(dtypeOf(call, 0), null)]
  return [tensor(dtypeOf(call, 0), x.length === 1 ? [1, count] : [...x.slice(0, -1), count])]
}

const zipMap: Rule = (call): readonly Known[] => {
  const key: DType = call.node.attributes.has('classlabels_strings') ? 'string' : 'int64'
  const value = { kind: 'tensor', dtype: 'float32', shape: [] } as const
  return [{ type: { kind: 'sequence', elem: { kind: 'map', key, value } } }]
}

const oneHotEncoder: Rule = (call) => {
  const categories = Math.max(lengthOf(call, 'cats_int64s'), lengthOf(call, 'cats_strings'))
  const shape = shapeOf(call, 0)
  return [tensor('float32', shape && [...shape, categories])]
}

const featureVectorizer: Rule = (call) => {
  const sizes = intsAttribute(call.node, 'inputdimensions', undefined)
  return [tensor('float32', [rows(call), sizes ? sizes.reduce((a, b) => a + b, 0) : null])]
}

const rules: Rules = {
  TreeEnsembleClassifier: classifier(true),
  LinearClassifier: classifier(true),
  SVMClassifier: classifier(false),
  TreeEnsembleRegressor: regressor('n_targets'),
  TreeEnsemble: (call) => [tensor(dtypeOf(call, 0), [rows(call), intAttribute(call.node, 'n_targets', 1)])],
  LinearRegressor: regressor('targets'),
  SVMRegressor: (call) => [tensor('float32', [rows(call), 1])],
  Scaler: floats,
  Normalizer: floats,
  Imputer: likeFirst,
  Binarizer: likeFirst,
  LabelEncoder: labelEncoder,
  CategoryMapper: (call) => [tensor(swapped(call), shapeOf(call, 0))],
  ArrayFeatureExtractor: featureExtractor,
  ZipMap: zipMap,
  OneHotEncoder: oneHotEncoder,
  FeatureVectorizer: featureVectorizer,
  DictVectorizer: () => [tensor('float32', [1, null])],
}

/** Optimizers take step size and count, then groups of tensors; they hand back all groups but the gradients. */
const optimizer =
  (groups: number): Rule =>
  (call) => {
    const size = (call.inputs.length - 2) / groups
    const inputs = call.inputs.slice(2)
    return [...inputs.slice(0, size), ...inputs.slice(2 * size)].map((input) => input && { type: input.type })
  }

export const machineLearningRules: Rules = {
  ...Object.fromEntries(Object.entries(rules).map(([name, rule]) => [`ai.onnx.ml.${name}`, rule])),
  'ai.onnx.preview.training.Adagrad': optimizer(3),
  'ai.onnx.preview.training.Momentum': optimizer(3),
  'ai.onnx.preview.training.Adam': optimizer(4),
}
