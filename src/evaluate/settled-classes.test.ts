import { afterAll, expect, test } from 'vitest'
import { memoryDataset } from '../data/index.ts'
import { ortNode, type Session } from '../engine/index.ts'
import { parseModel } from '../ir/index.ts'
import { compare } from './compare.ts'

/** Where no answer changes a pass needs 268 rows; a metric's value shows on fewer, and far fewer to resample. */
const ROWS = 400
const SOME = 70
const x = Float32Array.from({ length: ROWS * 2 }, (_, i) => Math.sin(i * 1.7) * 2)
const opened: Session[] = []
afterAll(() => Promise.all(opened.map((session) => session.close())))

async function open(body: string): Promise<Session> {
  const session = await ortNode.open(
    parseModel(`<ir_version: 8, opset_import: ["" : 15, "ai.onnx.ml" : 2]>
g (float[n,2] x) => (int64[n] label, float[n,3] scores) ${body}`),
  )
  opened.push(session)
  return session
}

/** As scikit-learn's are exported: three classes by their own numbers, and scores in their order. */
const linear = (classes: string) =>
  open(`{ label, scores = ai.onnx.ml.LinearClassifier<classlabels_ints: ints = [${classes}],
    coefficients: floats = [1.0, 0.0, -1.0, 1.0, 0.0, -1.0], intercepts: floats = [0.0, 0.1, 0.0],
    multi_class: int = 1, post_transform: string = "SOFTMAX">(x) }`)

/** The first rows, as a model takes them. */
const first = (rows: number) => ({ dtype: 'float32', dims: [rows, 2], data: x.subarray(0, 2 * rows) }) as const

const answersOf = async (session: Session, rows = ROWS): Promise<number[]> => {
  const { label } = await session.run({ x: first(rows) })
  return Array.from(label!.data as BigInt64Array, Number)
}

const rowsWith = (labels: readonly (number | string)[], session: Session) =>
  memoryDataset(
    {
      x: first(labels.length),
      labels: labels.some((label) => typeof label === 'string')
        ? { dtype: 'string', dims: [labels.length], data: labels.map(String) }
        : { dtype: 'int64', dims: [labels.length], data: BigInt64Array.from(labels, BigInt) },
    },
    { inputs: session.inputs },
  )

test.each(['1, 2, 3', '5, 7, 100', '-1, 0, 1', '0, 1, 2'])(
  'classes that a model numbers itself (%s) are held against labels by these numbers',
  async (classes) => {
    const session = await linear(classes)
    const answers = await answersOf(session)
    // Every tenth label is another class of the model's.
    const known = [...new Set(answers)]
    const labels = answers.map((one, i) => (i % 10 === 0 ? known[(known.indexOf(one) + 1) % known.length]! : one))
    for (const metric of [undefined, 'top1']) {
      const report = await compare(session, session, await rowsWith(labels, session), metric ? { metric } : {})
      expect(report).toMatchObject({ metric: 'top1', base: { value: 0.9 }, verdict: 'pass' })
      expect(report.classes?.map(({ name }) => Number(name)).sort((a, b) => a - b)).toEqual(known.sort((a, b) => a - b))
      // Whether probabilities mean what they say can be asked, for the model tells which score is whose.
      expect(report.confidence?.base.ece).toBeGreaterThan(0)
    }
    const macro = await compare(session, session, await rowsWith(answers.slice(0, SOME), session), {
      metric: 'macro-f1',
    })
    expect(macro.base.value).toBe(1)
  },
)

test('what a model settles on is its answer, also where another class has the best score', async () => {
  const session = await open(`<int64[3] classes = {2, 0, 1}, float minus = {-1}> {
    logits = ai.onnx.ml.LinearRegressor<coefficients: floats = [1.0, 0.0, -1.0, 1.0, 0.0, -1.0], targets: int = 3>(x)
    scores = Identity(logits)
    place = ArgMax<axis = 1, keepdims = 0>(logits)
    label = Gather(classes, place) }`)
  const report = await compare(session, session, await rowsWith(await answersOf(session), session))
  expect(report).toMatchObject({ metric: 'top1', base: { value: 1 } })
})

test('an integer beside scores that no classifier made is no answer', async () => {
  const session = await open(`<int64[1] axes = {1}> {
    scores = ai.onnx.ml.LinearRegressor<coefficients: floats = [1.0, 0.0, -1.0, 1.0, 0.0, -1.0], targets: int = 3>(x)
    sum = ReduceSum<keepdims = 0>(x, axes)
    label = Cast<to = 7>(sum) }`)
  const { scores } = await session.run({ x: first(ROWS) })
  const best = Array.from({ length: ROWS }, (_, row) => {
    const own = Array.from((scores!.data as Float32Array).subarray(3 * row, 3 * row + 3))
    return own.indexOf(Math.max(...own))
  })
  const report = await compare(session, session, await rowsWith(best, session))
  expect(report).toMatchObject({ metric: 'top1', base: { value: 1 } })
})

const baseValue = async (session: Session, labels: readonly (number | string)[], metric: string) =>
  (await compare(session, session, await rowsWith(labels, session), { metric })).base.value

test.each(['nll', 'ece', 'top2'])(
  '%s reads the score of a label in the place that the model gives its class',
  async (metric) => {
    const counted = await linear('0, 1, 2')
    const numbered = await linear('1, 2, 0')
    const listed = await open(`{ _, scores = ai.onnx.ml.LinearClassifier<classlabels_ints: ints = [0, 1, 2],
      coefficients: floats = [1.0, 0.0, -1.0, 1.0, 0.0, -1.0], intercepts: floats = [0.0, 0.1, 0.0],
      multi_class: int = 1, post_transform: string = "SOFTMAX">(x)
    names = Constant<value_ints: ints = [1, 2, 0]>()
    place = ArgMax<axis: int = 1, keepdims: int = 0>(scores)
    label = Gather(names, place) }`)
    // Some labels are wrong. Two of three classes have rows, and the number of each is the place of another.
    const places = (await answersOf(counted, SOME)).map((one, i) => (i % 7 === 0 ? 1 : Math.max(1, one)))
    const wanted = await baseValue(counted, places, metric)
    expect(wanted).not.toBeNull()
    const numbers = places.map((place) => [1, 2, 0][place]!)
    for (const session of [numbered, listed]) expect(await baseValue(session, numbers, metric)).toBe(wanted)
    // By the places of scores, where the labels are none of the model's numbers.
    const shifted = await linear('5, 6, 7')
    expect(await baseValue(shifted, places, metric)).toBe(wanted)
  },
)

test.each(['nll', 'balanced-accuracy', 'macro-f1'])('%s of classes that a model names', async (metric) => {
  const counted = await linear('0, 1, 2')
  const named = await ortNode.open(
    parseModel(`<ir_version: 8, opset_import: ["" : 15, "ai.onnx.ml" : 2]>
g (float[n,2] x) => (string[n] label, float[n,3] scores) {
  label, scores = ai.onnx.ml.LinearClassifier<classlabels_strings: strings = ["owl", "ant", "bee"],
    coefficients: floats = [1.0, 0.0, -1.0, 1.0, 0.0, -1.0], intercepts: floats = [0.0, 0.1, 0.0],
    multi_class: int = 1, post_transform: string = "SOFTMAX">(x) }`),
  )
  opened.push(named)
  const places = (await answersOf(counted, SOME)).map((one, i) => (i % 7 === 0 ? 1 : one))
  const wanted = await baseValue(counted, places, metric)
  const names = places.map((place) => ['owl', 'ant', 'bee'][place]!)
  expect(wanted).not.toBeNull()
  expect(await baseValue(named, names, metric)).toBe(wanted)
})

test.each(['balanced-accuracy', 'macro-f1', 'top1'])('%s asks the output that a caller names', async (metric) => {
  const named = await ortNode.open(
    parseModel(`<ir_version: 8, opset_import: ["" : 15, "ai.onnx.ml" : 2]>
g (float[n,2] x) => (string[n] label, float[n,3] scores) {
  _, scores = ai.onnx.ml.LinearClassifier<classlabels_strings: strings = ["owl", "ant", "bee"],
    coefficients: floats = [1.0, 0.0, -1.0, 1.0, 0.0, -1.0], intercepts: floats = [0.0, 0.1, 0.0],
    multi_class: int = 1, post_transform: string = "SOFTMAX">(x)
  minus = Neg(x)
  label, _2 = ai.onnx.ml.LinearClassifier<classlabels_strings: strings = ["owl", "ant", "bee"],
    coefficients: floats = [1.0, 0.0, -1.0, 1.0, 0.0, -1.0], intercepts: floats = [0.0, 0.1, 0.0],
    multi_class: int = 1, post_transform: string = "SOFTMAX">(minus) }`),
  )
  opened.push(named)
  const names = (await answersOf(await linear('0, 1, 2'), SOME)).map((place) => ['owl', 'ant', 'bee'][place]!)
  const valueBy = async (metricOptions: { readonly output?: string }) =>
    (await compare(named, named, await rowsWith(names, named), { metric, metricOptions })).base.value
  expect(await valueBy({ output: 'scores' })).toBe(1)
  expect(await valueBy({})).toBeLessThan(0.5)
})
