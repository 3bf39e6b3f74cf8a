import {
  type Call,
  floatOf,
  floatsOf,
  input,
  intOf,
  intsOf,
  type Kernels,
  made,
  stringsOf,
  tensorInputs,
  tensorOf,
  textOf,
} from './call.ts'
import { sigmoid } from './special-functions.ts'
import {
  cellsOf,
  EvaluationError,
  fromFloat64,
  int64,
  listOf,
  type MapValue,
  type Nd,
  nd,
  numbersOf,
  type Value,
} from './value.ts'

/** Rows of features: [N, C], or one row. */
const rowsOf = (x: Nd): { rows: number; width: number; data: Float64Array } => {
  const width = x.dims.at(-1) ?? 1
  const data = numbersOf(x)
  return { rows: width === 0 ? 0 : data.length / width, width, data }
}

/** How the raw scores of a row become what is handed out. */
export function postTransformed(name: string, scores: readonly number[]): number[] {
  const top = Math.max(...scores)
  switch (name) {
    case 'NONE':
      return [...scores]
    case 'LOGISTIC':
      return scores.map(sigmoid)
    case 'SOFTMAX': {
      const powers = scores.map((score) => Math.exp(score - top))
      const sum = powers.reduce((a, b) => a + b, 0)
      return powers.map((power) => power / sum)
    }
    case 'SOFTMAX_ZERO': {
      const powers = scores.map((score) => (score === 0 ? 0 : Math.exp(score - top)))
      const sum = powers.reduce((a, b) => a + b, 0)
      return powers.map((power) => power / sum)
    }
    default:
      throw new EvaluationError(`post_transform ${name}`)
  }
}

/** Labels and scores of a classifier; with one score for two classes its sign, or one half, decides. */
export function classified(call: Call, raw: readonly (readonly number[])[], names: Labels): Nd[] {
  const transform = textOf(call, 'post_transform', 'NONE')
  const best = raw.map((scores) => {
    if (scores.length === 1) return scores[0]! > (names.binaryThreshold ?? 0) ? 1 : 0
    return scores.reduce((top, score, i) => (score > scores[top]! ? i : top), 0)
  })
  const scores = raw.map((row) => {
    if (row.length > 1) return postTransformed(transform, row)
    const [score] = row as [number]
    if (transform === 'LOGISTIC') return [1 - sigmoid(score), sigmoid(score)]
    return names.binaryThreshold === undefined ? [-score, score] : [1 - score, score]
  })
  const labels = names.strings
    ? nd(
        'string',
        [raw.length],
        best.map((i) => names.strings![i]!),
      )
    : int64(best.map((i) => names.ints?.[i] ?? i))
  return [labels, made(call, 'float32', [raw.length, scores[0]?.length ?? 0], Float64Array.from(scores.flat()))]
}

interface Labels {
  readonly strings: readonly string[] | undefined
  readonly ints: readonly number[] | undefined
  /** For one probability that stands for two classes. */
  readonly binaryThreshold?: number
}

/** The labels of a classifier: an empty list of strings says that they are numbers, in the attribute of this name. */
export function labelsOf(call: Call, ints: string): Labels {
  const texts = stringsOf(call, 'classlabels_strings')
  return { strings: texts && texts.length > 0 ? texts : undefined, ints: intsOf(call, ints) }
}

function linearScores(call: Call, targets: number): number[][] {
  const { rows, width, data } = rowsOf(input(call, 0))
  const coefficients = floatsOf(call, 'coefficients') ?? []
  const intercepts = floatsOf(call, 'intercepts') ?? []
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: targets }, (_, target) => {
      let sum = intercepts[target] ?? 0
      for (let i = 0; i < width; i++) sum += data[row * width + i]! * coefficients[target * width + i]!
      return sum
    }),
  )
}

function labelEncoder(call: Call): Nd[] {
  const x = input(call, 0)
  const listFor = (side: string): readonly (string | number)[] | undefined => {
    const tensor = tensorOf(call, `${side}_tensor`)
    if (tensor) return tensor.dtype === 'string' ? (tensor.data as readonly string[]) : listOf(tensor)
    return stringsOf(call, `${side}_strings`) ?? intsOf(call, `${side}_int64s`) ?? floatsOf(call, `${side}_floats`)
  }
  const classes = stringsOf(call, 'classes_strings')
  const keys = listFor('keys') ?? (x.dtype === 'string' ? classes : classes?.map((_, i) => i))
  const values = listFor('values') ?? (x.dtype === 'string' ? classes?.map((_, i) => i) : classes)
  if (!keys || !values) throw new EvaluationError('a LabelEncoder without keys or values')
  const target =
    tensorOf(call, 'values_tensor')?.dtype ??
    (typeof values[0] === 'string' ? 'string' : call.node.attributes.has('values_floats') ? 'float32' : 'int64')
  const map = new Map(keys.map((key, i) => [Number.isNaN(key) ? 'NaN' : key, values[i]!]))
  const tensor = tensorOf(call, 'default_tensor')
  const fallback: string | number =
    tensor?.dtype === 'string'
      ? (tensor.data as readonly string[])[0]!
      : tensor
        ? listOf(tensor)[0]!
        : target === 'string'
          ? textOf(call, 'default_string', '_Unused')
          : target === 'float32'
            ? floatOf(call, 'default_float', -0)
            : intOf(call, 'default_int64', -1)
  const source: readonly (string | number)[] = x.dtype === 'string' ? (x.data as readonly string[]) : listOf(x)
  const found = source.map((key) => map.get(Number.isNaN(key) ? 'NaN' : key) ?? fallback)
  if (target === 'string') return [nd('string', x.dims, found as string[])]
  return [fromFloat64(target, x.dims, Float64Array.from(found as number[]))]
}

const perFeature =
  (fn: (value: number, i: number) => number) =>
  (call: Call, x: Nd): Nd[] => {
    const { width, data } = rowsOf(x)
    return [
      made(
        call,
        'float32',
        x.dims,
        Float64Array.from(data, (v, i) => fn(v, i % width)),
      ),
    ]
  }

function normalizer(call: Call): Nd[] {
  const x = input(call, 0)
  const { width, data } = rowsOf(x)
  const norm = textOf(call, 'norm', 'MAX')
  const out = new Float64Array(data.length)
  for (let start = 0; start < data.length; start += width) {
    const row = data.subarray(start, start + width)
    const size =
      norm === 'L1'
        ? row.reduce((sum, v) => sum + Math.abs(v), 0)
        : norm === 'L2'
          ? Math.sqrt(row.reduce((sum, v) => sum + v * v, 0))
          : row.reduce((most, v) => Math.max(most, v), Number.NEGATIVE_INFINITY)
    for (let i = 0; i < width; i++) out[start + i] = size === 0 ? row[i]! : row[i]! / size
  }
  return [made(call, 'float32', x.dims, out)]
}

function zipMap(call: Call): Value[] {
  const { rows, width, data } = rowsOf(input(call, 0))
  const keys: readonly (string | number)[] =
    stringsOf(call, 'classlabels_strings') ?? intsOf(call, 'classlabels_int64s') ?? []
  const items = Array.from(
    { length: rows },
    (_, row): MapValue => ({
      kind: 'map',
      entries: new Map(keys.map((key, i) => [key, data[row * width + i]!])),
    }),
  )
  return [{ kind: 'sequence', items }]
}

export const machineLearning: Kernels = {
  'ai.onnx.ml.ArrayFeatureExtractor': (call) => {
    const [x, at] = [input(call, 0), listOf(input(call, 1))]
    const width = x.dims.at(-1)!
    if (at.some((index) => !(index >= 0 && index < width))) throw new EvaluationError('a feature that is not there')
    const rows = x.data.length / width
    const source = cellsOf(x)
    const cells = Array.from(
      { length: rows * at.length },
      (_, i) => source[Math.floor(i / at.length) * width + at[i % at.length]!]!,
    )
    const dims = x.dims.length === 1 ? [1, at.length] : [...x.dims.slice(0, -1), at.length]
    if (x.dtype === 'string') return [nd('string', dims, cells as string[])]
    if (x.dtype === 'int64') return [nd('int64', dims, BigInt64Array.from(cells as bigint[]))]
    return [nd(x.dtype, dims, Float64Array.from(cells as number[]))]
  },
  'ai.onnx.ml.Binarizer': (call) => {
    const x = input(call, 0)
    const threshold = floatOf(call, 'threshold', 0)
    return [
      nd(
        x.dtype,
        x.dims,
        numbersOf(x).map((v) => (v > threshold ? 1 : 0)),
      ),
    ]
  },
  'ai.onnx.ml.FeatureVectorizer': (call) => {
    const parts = tensorInputs(call).map(rowsOf)
    const widths = intsOf(call, 'inputdimensions') ?? parts.map((part) => part.width)
    const rows = parts[0]?.rows ?? 0
    const out: number[] = []
    for (let row = 0; row < rows; row++)
      for (const [p, { width, data }] of parts.entries())
        for (let i = 0; i < widths[p]!; i++) out.push(i < width ? data[row * width + i]! : 0)
    return [made(call, 'float32', [rows, widths.reduce((a, b) => a + b, 0)], Float64Array.from(out))]
  },
  'ai.onnx.ml.Imputer': (call) => {
    const x = input(call, 0)
    const values = floatsOf(call, 'imputed_value_floats') ?? intsOf(call, 'imputed_value_int64s') ?? []
    const missing =
      x.dtype === 'int64' ? intOf(call, 'replaced_value_int64', 0) : floatOf(call, 'replaced_value_float', 0)
    const { width, data } = rowsOf(x)
    const out = data.map((v, i) =>
      v === missing || (Number.isNaN(v) && Number.isNaN(missing)) ? values[values.length === 1 ? 0 : i % width]! : v,
    )
    return [fromFloat64(x.dtype, x.dims, out)]
  },
  'ai.onnx.ml.LabelEncoder': labelEncoder,
  'ai.onnx.ml.LinearClassifier': (call) => {
    const labels = labelsOf(call, 'classlabels_ints')
    const targets = floatsOf(call, 'intercepts')?.length ?? (labels.strings ?? labels.ints ?? []).length
    return classified(call, linearScores(call, targets), labels)
  },
  'ai.onnx.ml.LinearRegressor': (call) => {
    const targets = intOf(call, 'targets', 1)
    const scores = linearScores(call, targets).map((row) =>
      postTransformed(textOf(call, 'post_transform', 'NONE'), row),
    )
    return [made(call, 'float32', [scores.length, targets], Float64Array.from(scores.flat()))]
  },
  'ai.onnx.ml.Normalizer': normalizer,
  'ai.onnx.ml.OneHotEncoder': (call) => {
    const x = input(call, 0)
    const classes: readonly (string | number)[] = stringsOf(call, 'cats_strings') ?? intsOf(call, 'cats_int64s') ?? []
    const source: readonly (string | number)[] = x.dtype === 'string' ? (x.data as readonly string[]) : listOf(x)
    const out = new Float64Array(source.length * classes.length)
    for (const [i, value] of source.entries()) {
      const at = classes.indexOf(value)
      if (at >= 0) out[i * classes.length + at] = 1
      else if (!intOf(call, 'zeros', 1)) throw new EvaluationError(`${value} is no category`)
    }
    return [made(call, 'float32', [...x.dims, classes.length], out)]
  },
  'ai.onnx.ml.Scaler': (call) => {
    const [offset, scale] = [floatsOf(call, 'offset') ?? [0], floatsOf(call, 'scale') ?? [1]]
    const pick = (list: readonly number[], i: number) => list[list.length === 1 ? 0 : i]!
    return perFeature((v, i) => (v - pick(offset, i)) * pick(scale, i))(call, input(call, 0))
  },
  'ai.onnx.ml.ZipMap': zipMap,
}
