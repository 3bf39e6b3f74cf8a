import { describe, expect, test } from 'vitest'
import type { TensorValue } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import { randomSource } from '../../statistics/index.ts'
import { expectedCalibrationError, reliabilityBins, riskCoverageArea } from './calibration-error.ts'
import { checkedMetric } from './checked-metric.ts'
import { tokenAgreement, tokenScoresName } from './language.ts'
import type { Metric, MetricRow, RowLabel } from './metric.ts'
import { asMetric, defaultMetric, metricNamed } from './metrics.ts'
import { ctcDecode } from './text.ts'

const floats = (dims: readonly number[], data: readonly number[]): TensorValue => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(data),
})
const row = (outputs: MetricRow['outputs'], label: RowLabel, at = 0): MetricRow => ({ outputs, label, row: at })
const logits = (data: readonly number[], label: RowLabel) => row({ y: floats([data.length], data) }, label)
const textOf = (text: string): TensorValue => ({ dtype: 'string', dims: [], data: [text] })
/** The metric over rows, as the comparison adds it up. */
const over = (metric: Metric, rows: readonly MetricRow[]) => {
  const read = rows.map((one) => (metric.summary ? metric.summary(one) : [metric.score(one)]))
  const summaries = metric.summarizeAll?.(read, read) ?? read
  return metric.aggregate
    ? metric.aggregate(summaries)
    : summaries.reduce((sum, [score]) => sum + score!, 0) / summaries.length
}

describe('classification', () => {
  test('top1 and top5, ties to the lower class, NaN is wrong', () => {
    const top1 = metricNamed('top1')
    expect(top1.score(logits([0.1, 0.7, 0.2], 1))).toBe(1)
    expect(top1.score(logits([0.1, 0.7, 0.2], 2))).toBe(0)
    expect(top1.score(logits([0.5, 0.5], 0))).toBe(1)
    expect(top1.score(logits([0.5, 0.5], 1))).toBe(0)
    expect(top1.score(logits([0.5, Number.NaN], 0))).toBe(0)
    const seven = [7, 6, 5, 4, 3, 2, 1]
    expect(metricNamed('top5').score(logits(seven, 4))).toBe(1)
    expect(metricNamed('top5').score(logits(seven, 5))).toBe(0)
  })
  test('labels by name, integer answers, scores before answers', () => {
    const named = metricNamed('top1', { classNames: ['cat', 'dog'] })
    expect(named.score(logits([0, 1], 'dog'))).toBe(1)
    expect(() => named.score(logits([0, 1], 'cow'))).toThrow(/"cow" of row 0 is none of the class names/)
    expect(() => metricNamed('top1').score(logits([0, 1], 'dog'))).toThrow(/class names are unknown/)
    const forest = { label: { dtype: 'int64', dims: [], data: new BigInt64Array([4n]) } as TensorValue }
    expect([4, 3].map((label) => metricNamed('top1').score(row(forest, label)))).toEqual([1, 0])
    const text = { kind: { dtype: 'string', dims: [], data: ['dog'] } as TensorValue }
    expect(metricNamed('top1').score(row(text, 'dog'))).toBe(1)
  })
  test('labels by name beside scores: the name that the model answers with, where nobody lists them in order', () => {
    const both = (label: string) => row({ label: textOf('dog'), probabilities: floats([2], [0.9, 0.1]) }, label)
    const top1 = metricNamed('top1')
    expect([top1.score(both('dog')), top1.score(both('cat')), top1.answer!(both('cat'))]).toEqual([1, 0, 'dog'])
    const turned = row({ probabilities: floats([2], [0.9, 0.1]), label: textOf('dog') }, 'dog')
    expect(top1.score(turned)).toBe(1)
    expect(() => metricNamed('top1', { output: 'probabilities' }).score(turned)).toThrow(/class names are unknown/)
    expect(metricNamed('top1', { classNames: ['cat', 'dog'] }).score(both('cat'))).toBe(1)
    expect(() => metricNamed('top2').score(both('dog'))).toThrow(/class names are unknown/)
  })
  test('a number that is text is not taken for a name', () => {
    const message = 'the label "1" of row 0 is text and not a number'
    expect(() => metricNamed('top1').score(logits([0, 1], '1'))).toThrow(message)
  })
  test('a name without a number says where names are listed', () => {
    const unnamed = metricNamed('top1')
    const hint = expect.stringMatching(/--label; names .* "classNames" of a dataset\.json/)
    expect(() => unnamed.score(logits([0, 1], 'dog'))).toThrow(expect.objectContaining({ hint }))
    expect(() => unnamed.score(logits([0, 1], 2))).not.toThrow(expect.objectContaining({ hint }))
  })
  test.each([Number.NaN, ''])('a row without a label (%j) is told to be that', (label) => {
    const act = () => metricNamed('top1', { classNames: ['a', 'b'] }).score({ ...logits([0, 1], label), row: 17 })
    expect(act).toThrow('row 17 (counted from 0) has no label')
  })
  test('a label out of range names its row', () => {
    const act = () => metricNamed('top1').score({ ...logits([0, 1, 2], 3), row: 17 })
    expect(act).toThrow(UserError)
    expect(act).toThrow('the label 3 of row 17 is not a class from 0 to 2')
    const one = expect.objectContaining({ hint: expect.stringContaining('labels count from 0') })
    expect(act).toThrow(one)
    expect(() => metricNamed('top1').score(logits([0, 1, 2], 4))).not.toThrow(one)
    expect(() => metricNamed('top1').score(logits([0, 1], -1))).toThrow(/not a class/)
    const left = expect.objectContaining({ hint: expect.stringMatching(/^-100 .* leave such rows out/) })
    expect(() => metricNamed('top1').score(logits([0, 1], -100))).toThrow(left)
    expect(() => metricNamed('top1').score(logits([0, 1], -1))).not.toThrow(left)
    expect(() => metricNamed('top1').score(logits([0, 1], 0.5))).toThrow(/not a class/)
  })
  test('balanced accuracy and macro F1 equal scikit-learn', () => {
    // y_true = [0,0,0,0,1,1,2], y_pred = [0,0,0,1,1,0,3]
    const pairs = [
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 1],
      [1, 1],
      [1, 0],
      [2, 3],
    ] as const
    const rows = pairs.map(([label, answer]) =>
      logits(
        [0, 1, 2, 3].map((c) => (c === answer ? 1 : 0)),
        label,
      ),
    )
    expect(over(metricNamed('balanced-accuracy'), rows)).toBeCloseTo((3 / 4 + 1 / 2 + 0) / 3, 12)
    // F1 of the classes 0, 1, 2, 3: 0.75, 0.5, 0, 0.
    expect(over(metricNamed('macro-f1'), rows)).toBeCloseTo((0.75 + 0.5) / 4, 12)
  })
})

test('regression', () => {
  const rows = [
    [1, 2],
    [2, 2],
    [4, 1],
  ].map(([truth, answer]) => row({ y: floats([1], [answer!]) }, truth!))
  expect(over(metricNamed('mae'), rows)).toBeCloseTo(4 / 3, 12)
  expect(over(metricNamed('rmse'), rows)).toBeCloseTo(Math.sqrt(10 / 3), 12)
  // Σ(y − ȳ)² = 14/3, so 1 − 10 / (14/3).
  expect(over(metricNamed('r2'), rows)).toBeCloseTo(1 - 30 / 14, 9)
  expect(over(metricNamed('r2'), rows.slice(0, 1))).toBeNaN()
  const doubles = (truth: number, answer: number) =>
    row({ y: { dtype: 'float64', dims: [1], data: Float64Array.of(answer) } }, truth)
  // Far from zero, as times and years are, the labels spread as much as near it; equal ones not at all.
  const times = [
    [1, 2],
    [2, 2],
    [4, 1],
  ].map(([truth, answer]) => doubles(1.7e12 + truth!, 1.7e12 + answer!))
  expect(over(metricNamed('r2'), times)).toBeCloseTo(1 - 30 / 14, 6)
  expect(over(metricNamed('r2'), [doubles(0.1, 0), doubles(0.1, 1), doubles(0.1, 0)])).toBeNaN()
  // Of several numbers a row, by numpy: 1 − 0.05 / 5 and 1 − 1000 / 50000, and one that is the same in all labels.
  const several = [
    [1, 100, 7, 1.1, 110, 7],
    [2, 300, 7, 1.9, 290, 7],
    [3, 200, 7, 3.1, 220, 8],
    [4, 400, 7, 4.1, 380, 7],
  ].map((all) =>
    row(
      { y: { dtype: 'float64', dims: [3], data: Float64Array.from(all.slice(3)) } },
      Float64Array.from(all.slice(0, 3)),
    ),
  )
  expect(over(metricNamed('r2'), several)).toBeCloseTo((0.992 + 0.98) / 2, 12)
  expect(metricNamed('mae').score(row({ y: floats([2], [1, 3]) }, new Float32Array([0, 0])))).toBe(2)
  expect(() => metricNamed('mae').score(row({ y: floats([2], [1, 3]) }, 1))).toThrow(
    /no output of the model has 1 number/,
  )
  expect(() => metricNamed('mae').score(row({ y: floats([1], [1]) }, Number.NaN))).toThrow(/row 0 is not a number/)
  const half = Float32Array.of(1, Number.NaN)
  expect(() => metricNamed('mae').score(row({ y: floats([2], [1, 3]) }, half))).toThrow(/row 0 is not a number/)
})

test('which way is better, and what a row can only get right or wrong', () => {
  const facts = (names: readonly string[]) =>
    names.map((name) => [name, metricNamed(name).higherIsBetter, metricNamed(name).rightOrWrong === true])
  const [counted, good, bad] = [
    ['top1', 'top5', 'exact-match'],
    ['r2', 'miou', 'dice', 'auroc', 'aupr', 'spearman'],
    ['mae', 'rmse', 'cer', 'wer', 'perplexity', 'brier', 'nll', 'ece', 'eer'],
  ] as const
  expect(facts(counted)).toEqual(counted.map((name) => [name, true, true]))
  expect(facts(good)).toEqual(good.map((name) => [name, true, false]))
  expect(facts(bad)).toEqual(bad.map((name) => [name, false, false]))
})

test('segmentation: mIoU over pixels, class axis first or last, 255 ignored', () => {
  const label = new Uint8Array([0, 0, 1, 255])
  const first = floats([2, 2, 2], [1, 0, 0, 1, 0, 1, 1, 0])
  // First: answers 0, 1, 1, 0. Class 0: 1 of 2; class 1: 1 of 2.
  expect(over(metricNamed('miou'), [row({ y: first }, label)])).toBeCloseTo(0.5, 12)
  for (const none of [-1, 9])
    expect(over(metricNamed('miou'), [row({ y: first }, Int32Array.of(0, 0, 1, none))])).toBeCloseTo(0.5, 12)
  expect(over(metricNamed('miou'), [row({ y: floats([4], [0, 1, 1, 0]) }, label)])).toBeCloseTo(0.5, 12)
  // Answers 0, 1, 2, 1 of four pixels, which the other layout would read as 0, 1, 2, 0.
  const pixels = [5, 1, 2, 1, 5, 2, 0, 1, 3, 0, 1.5, 1]
  const planes = [0, 1, 2].flatMap((c) => pixels.filter((_, i) => i % 3 === c))
  for (const y of [floats([2, 2, 3], pixels), floats([3, 2, 2], planes)])
    expect(over(metricNamed('miou'), [row({ y }, Uint8Array.of(0, 1, 2, 0))])).toBeCloseTo((1 / 2 + 1 / 2 + 1) / 3, 12)
  const random = randomSource(5)
  const scores = Array.from({ length: 6 * 5 }, () => random.uniform())
  const answers = [0, 1, 2, 3, 4, 5].map((pixel) => {
    const own = scores.slice(5 * pixel, 5 * pixel + 5)
    return own.indexOf(Math.max(...own))
  })
  const turned = [0, 1, 2, 3, 4].flatMap((c) => scores.filter((_, i) => i % 5 === c))
  for (const y of [floats([2, 3, 5], scores), floats([5, 2, 3], turned)])
    expect(over(metricNamed('miou'), [row({ y }, Uint8Array.from(answers))])).toBe(1)
  // Where both axes are as long as there are classes, they come first.
  const square = floats([3, 1, 3], [9, 9, 0, 0, 0, 9, 0, 1, 0])
  expect(over(metricNamed('miou'), [row({ y: square }, Uint8Array.of(0, 0, 1))])).toBe(1)
})

test('segmentation: one score a pixel is that of class 1, and NaN is no answer', () => {
  const label = new Uint8Array([0, 0, 1, 1])
  const miou = (scores: readonly number[], dims = [scores.length]) =>
    over(metricNamed('miou'), [row({ y: floats(dims, scores) }, label)])
  expect(miou([0.2, 0.4, 0.9, 0.5])).toBe(1)
  expect(miou([0.8, 0.9, 0.1, 0.2])).toBe(0)
  // As logits: 0, 1, 1, 1.
  expect(miou([-3, 0.4, 2, 0.1])).toBeCloseTo((1 / 2 + 2 / 3) / 2, 12)
  // Whole numbers below 0 are logits as well.
  expect(miou([-3, -1, 2, 1])).toBe(1)
  expect(miou([0.2, Number.NaN, 0.9, 0.5])).toBeNaN()
  expect(miou(new Array(8).fill(Number.NaN), [2, 4])).toBeNaN()
  expect(metricNamed('dice').score(row({ y: floats([2, 4], new Array(8).fill(Number.NaN)) }, label))).toBeNaN()
})

test('segmentation: what one number a pixel is, all rows tell together', () => {
  const label = new Uint8Array([0, 1, 1, 1])
  const miou = (...rows: (readonly number[])[]) => {
    const metric = checkedMetric(metricNamed('miou'))
    return over(
      metric,
      rows.map((scores) => row({ y: floats([4], scores) }, label)),
    )
  }
  // Probabilities that a row has rounded to 0 and 1: answers 0, 1, 1, 1 and 0, 1, 0, 0.
  expect(miou([0.1, 0.9, 0.6, 1], [0, 1, 0, 0])).toBeCloseTo((2 / 4 + 4 / 6) / 2, 12)
  // Logits, and a row that is 0 throughout, or between 0 and 1: class 1 everywhere.
  expect(miou([-2, 3, 0.5, 1.5], [0, 0, 0, 0])).toBeCloseTo((1 / 2 + 6 / 7) / 2, 12)
  expect(miou([-2, 3, 0.5, 1.5], [0.1, 0.2, 0.3, 0.4])).toBeCloseTo((1 / 2 + 6 / 7) / 2, 12)
  // Class numbers as floats; 300 is no class.
  expect(miou([0, 2, 1, 1], [300, 1, 1, 1])).toBeCloseTo((1 / 2 + 5 / 6 + 0) / 3, 12)
})

test('segmentation: what one number a pixel is, the base says once for both models', () => {
  const label = new Uint8Array([0, 1, 1, 1])
  const metric = checkedMetric(metricNamed('miou'))
  const read = (...rows: (readonly number[])[]) =>
    rows.map((scores) => metric.summary!(row({ y: floats([4], scores) }, label)))
  const of = (base: ReturnType<typeof read>, candidate: ReturnType<typeof read>) =>
    metric.summarizeAll!(candidate, base)
  const logits = read([-2, 3, 0.5, 1.5], [0.1, 0.2, 0.3, 0.4])
  // A draw of the second row alone is of logits as well: class 1 everywhere.
  expect(metric.aggregate!([of(logits, logits)[1]!])).toBeCloseTo((0 + 3 / 4) / 2, 12)
  // Of a model of logits all of which are within 0 to 1, too.
  expect(metric.aggregate!(of(logits, read([0, 0.2, 0.3, 0.4])))).toBeCloseTo((0 + 3 / 4) / 2, 12)
  // Where the base rounds all to 0 and 1, another need not.
  expect(metric.aggregate!(of(read([0, 1, 1, 1]), read([0.1, 0.9, 0.8, 0.7])))).toBe(1)
})

test('language: a place whose scores are no numbers is no answer', () => {
  const label = new Int32Array([0, 1])
  const right = floats([2, 2], [2, 1, 1, 2])
  const broken = floats([2, 2], [Number.NaN, Number.NaN, 1, 2])
  expect(metricNamed('next-token').score(row({ logits: right }, label))).toBe(1)
  expect(metricNamed('next-token').score(row({ logits: broken }, label))).toBeNaN()
  expect(metricNamed('perplexity').score(row({ logits: broken }, label))).toBeNaN()
})

test('language: which output is read, and of how many places', () => {
  const label = new Int32Array([0, 1, 1])
  const [right, wrong] = [floats([3, 2], [2, 1, 1, 2, 3, 0]), floats([3, 2], [1, 2, 2, 1, 0, 3])]
  const share = (outputs: MetricRow['outputs'], options = {}, of: RowLabel = label) =>
    metricNamed('next-token', options).score(row(outputs, of))
  const twoOfThree = expect.closeTo(2 / 3, 12)
  expect(share({ other: wrong, logits: right })).toEqual(twoOfThree)
  expect(share({ scores: right, sizes: floats([4], [1, 2, 3, 4]), length: floats([], [3]) })).toEqual(twoOfThree)
  expect(share({ logits: right, other: wrong }, { output: 'other' })).toEqual(expect.closeTo(1 / 3, 12))
  // Every place weighs alike: two of three and none of one.
  const nextToken = metricNamed('next-token')
  const none = row({ logits: floats([1, 2], [0, 1]) }, new Int32Array([0]))
  expect(over(nextToken, [row({ logits: right }, label), none])).toBe(0.5)
  expect([nextToken.higherIsBetter, nextToken.rightOrWrong, nextToken.bounds]).toEqual([true, false, [0, 1]])
  // What comes behind the last place alone, as a row of scores or as a place of its own.
  const last = new Int32Array([-1, -1, 1])
  expect([share({ y: floats([2], [0, 1]) }, {}, last), share({ y: floats([1, 2], [1, 0]) }, {}, last)]).toEqual([1, 0])
  expect(share({ y: floats([2], [0, 1]) }, {}, 1)).toBe(1)
  const refused: readonly [MetricRow['outputs'], object?, RowLabel?][] = [
    [{ a: right, b: wrong }],
    [{ logits: right }, { output: 'scores' }],
    [{ y: floats([2], [0, 1]) }],
    [{ y: floats([2], [0, 1]) }, {}, new Int32Array([-1, 0, 1])],
    [{ y: floats([1], [1]) }, {}, last],
    [{ y: floats([], [1]) }, {}, last],
    [{ y: floats([3, 2, 1], [2, 1, 1, 2, 3, 0]) }],
    [{ y: { dtype: 'int64', dims: [3, 2], data: new BigInt64Array(6) } }],
  ]
  for (const one of refused)
    expect(() => share(...one), JSON.stringify(one[1])).toThrow(/no output scores the \d tokens/)
  expect(() => share({ logits: right }, {}, 'text')).toThrow(/the label of row 0 is no list of next tokens/)
  expect(() => share({ logits: right }, {}, new Int32Array([0, 2, 1]))).toThrow(/holds token 2, and the model knows 2/)
})

test('language: the output that scores every token of the vocabulary', () => {
  const label = new Int32Array([0, 1])
  const scores = floats([2, 5], Array(10).fill(0))
  expect(tokenScoresName({ y: scores }, label, 5)).toBe('y')
  expect(tokenScoresName({ vectors: floats([2, 3], Array(6).fill(0)), y: scores }, label, 5)).toBe('y')
  expect(tokenScoresName({ vectors: floats([2, 3], Array(6).fill(0)) }, label, 5)).toBeNull()
  // By that name they need not know all of them; by no name may they stand elsewhere.
  expect(tokenScoresName({ y: scores, logits: scores }, label, 6)).toBe('logits')
  expect(tokenScoresName({ y: scores, logits: floats([5], Array(5).fill(0)) }, label, 5)).toBe('y')
  expect(tokenScoresName({ y: scores }, 'text', 5)).toBeNull()
})

test('language: at how many places two models have the same top token', () => {
  const first = floats([3, 2], [1, 0, 0, 1, Number.NaN, Number.NaN])
  const of = (second: TensorValue) => tokenAgreement({ y: first }, { y: second }, 'y')
  expect(of(first)).toEqual({ places: 3, agreeing: 2 })
  expect(of(floats([3, 2], [0, 1, 0, 1, 0, 1]))).toEqual({ places: 3, agreeing: 1 })
  expect(of(floats([2, 3], [1, 0, 0, 1, 0, 0]))).toBeNull()
  expect(of(floats([2, 2], [1, 0, 0, 1]))).toBeNull()
  expect(of(floats([3, 1], [1, 0, 0]))).toBeNull()
  expect(of(floats([6], [1, 0, 0, 1, 0, 0]))).toBeNull()
  expect(tokenAgreement({ y: first }, {}, 'y')).toBeNull()
})

test('perplexity: e to the mean of −ln p over all tokens, whatever is added to their scores', () => {
  // p of the tokens: 1/2, 1/4 and 1/8 of their places, and 1/8 of a place in another row: 2^((1 + 2 + 3 + 3) / 4).
  const scores = (added: number, ...shares: readonly number[]) => shares.map((share) => Math.log(share) + added)
  const perplexity = metricNamed('perplexity')
  const three = [...scores(0, 0.5, 0.5), ...scores(-30, 0.75, 0.25), ...scores(40, 0.125, 0.875)]
  const rows = [
    row({ logits: floats([3, 2], three) }, new Int32Array([0, 1, 0])),
    row({ logits: floats([1, 2], scores(500, 0.875, 0.125)) }, new Int32Array([1])),
  ]
  expect(perplexity.score(rows[0]!)).toBeCloseTo((6 * Math.LN2) / 3, 5)
  expect(over(perplexity, rows)).toBeCloseTo(2 ** (9 / 4), 3)
})

test('calibration: bins by hand, and the risk of those the model is surest of', () => {
  // Of (0, 0.5]: 0 and 0.5 (which ends its bin), one of two right; of (0.5, 1]: 0.8 and 1, one of two right.
  const rows = { confidence: [0, 0.5, 0.8, 1], right: [false, true, false, true] }
  expect(reliabilityBins(rows, 2)).toEqual([
    { from: 0, to: 0.5, n: 2, confidence: 0.25, accuracy: 0.5 },
    { from: 0.5, to: 1, n: 2, confidence: 0.9, accuracy: 0.5 },
  ])
  expect(expectedCalibrationError(rows, 2)).toBeCloseTo(0.5 * 0.25 + 0.5 * 0.4, 12)
  // Surest first: right, wrong, right, wrong: (0 + 1/2 + 1/3 + 2/4) / 4.
  expect(riskCoverageArea(rows)).toBeCloseTo((1 / 2 + 1 / 3 + 1 / 2) / 4, 12)
  // Two that are equally sure stand for each other: half a mistake of one, one of two, and then one of three.
  expect(riskCoverageArea({ confidence: [0.9, 0.9, 0.1], right: [true, false, true] })).toBeCloseTo(
    (0.5 + 0.5 + 1 / 3) / 3,
    12,
  )
})

describe('text', () => {
  const characters = ['', 'a', 'b', 'c']
  const steps = (classes: readonly number[]) =>
    floats(
      [classes.length, 4],
      classes.flatMap((best) => [0, 1, 2, 3].map((c) => (c === best ? 1 : 0))),
    )
  test('CTC: repeats merge, blanks split and vanish', () => {
    expect(ctcDecode(steps([1, 1, 0, 1, 2, 2, 0, 3]), characters)).toBe('aabc')
    expect(ctcDecode(steps([0, 0, 0]), characters)).toBe('')
    // The blank's entry is not used, wherever it stands; the best of several that are better than the first.
    expect(ctcDecode(steps([1, 0, 1, 3, 2, 3]), ['a', 'b', 'c', '?'], 3)).toBe('babc')
    expect(ctcDecode(steps([0, 1, 0]), ['?', 'a', 'b', 'c'])).toBe('a')
    expect(ctcDecode(floats([1, 4], [0.1, 0.6, 0.3, 0.4]), characters)).toBe('a')
    expect(ctcDecode(floats([1, 4], [0.1, 0.2, 0.6, 0.6]), characters)).toBe('b')
  })
  test('CTC: a step with a number that is none answers nothing, whatever the blank is', () => {
    const broken = floats([2, 4], [Number.NaN, 0, 1, 0, 0, 0, 1, 0])
    expect(ctcDecode(broken, ['a', 'b', 'c', ''], 3)).toBe('c')
    expect(ctcDecode(floats([1, 4], Array(4).fill(Number.NaN)), ['a', 'b', 'c', ''], 3)).toBe('')
    expect(ctcDecode(floats([1, 4], [0.1, Number.NaN, 0.9, 0]), characters)).toBe('')
  })
  test('the named output, axes of 1, room around words, labels that are nothing or no text', () => {
    const y = steps([1, 2])
    const outputs = { sum: floats([1], [1]), y: { ...y, dims: [1, 2, 1, 4] }, z: steps([3, 0]) }
    const cer = (label: RowLabel, more = {}) => metricNamed('cer', { characters, ...more }).score(row(outputs, label))
    expect([cer('ab'), cer('ab', { output: 'z' }), cer('c', { output: 'z' }), cer('')]).toEqual([0, 1, 0, 2])
    expect(over(metricNamed('cer', { characters }), [row(outputs, '')])).toBe(2)
    expect(() => cer('ab', { output: 'sum' })).toThrow(/no output can be read as text/)
    expect(() => cer(new Int32Array(2))).toThrow(/the label of row 0 is no text/)
    expect(metricNamed('exact-match').score(row({ text: textOf('7') }, 7))).toBe(1)
    expect(metricNamed('wer').score(row({ text: textOf(' the  cat\n') }, 'the cat'))).toBe(0)
  })
  test('one step alone is a text where it has a number for each character, and only then', () => {
    const read = (outputs: Parameters<typeof row>[0], characters: readonly string[]) =>
      metricNamed('exact-match', { characters }).score(row(outputs, 'b'))
    expect(read({ sum: floats([3], [1, 2, 3]), y: steps([2]) }, characters)).toBe(1)
    expect(read({ y: { ...steps([2]), dims: [4] } }, ['a', 'b', 'c'])).toBe(1)
    expect(read({ y: steps([1]), z: steps([2, 0]) }, characters)).toBe(1)
    expect(() => read({ sum: floats([3], [1, 2, 3]) }, ['a', 'b', 'c', 'd'])).toThrow(/no output can be read as text/)
  })
  test('exact match, character and word error rates', () => {
    const options = { characters }
    const good = row({ y: steps([1, 2, 3]) }, 'abc')
    const bad = row({ y: steps([1, 3]) }, 'abcc')
    expect(metricNamed('exact-match', options).score(good)).toBe(1)
    expect(metricNamed('exact-match', options).score(bad)).toBe(0)
    expect(metricNamed('cer', options).score(bad)).toBe(0.5)
    expect(over(metricNamed('cer', options), [good, bad])).toBeCloseTo(2 / 7, 12)
    const words = { text: { dtype: 'string', dims: [], data: ['the cat sat'] } as TensorValue }
    expect(metricNamed('wer').score(row(words, 'the cat sat down'))).toBe(0.25)
    expect(() => metricNamed('cer').score(good)).toThrow(/characters of the classes are unknown/)
    // A recogniser's own dictionary leaves out the blank, and often the space at the end too.
    expect(metricNamed('cer', { characters: ['a', 'b', 'c'] }).score(good)).toBe(
      metricNamed('cer', options).score(good),
    )
    expect(metricNamed('cer', { characters: ['a', 'b'] }).score(good)).toBeCloseTo(1 / 3, 12)
    expect(() => metricNamed('cer', { characters: ['a'] }).score(good)).toThrow(/1 characters for 4 classes/)
  })
})

test('metrics by name, and a user’s own', () => {
  expect(() => metricNamed('top-1')).toThrow(/no metric "top-1"/)
  try {
    metricNamed('exactmatch')
  } catch (error) {
    expect((error as UserError).hint).toMatch(/did you mean "exact-match"/)
  }
  for (const name of ['accuracy', 'acuracy', 'Acc'])
    try {
      metricNamed(name)
      expect.unreachable()
    } catch (error) {
      expect((error as UserError).hint, name).toMatch(/^the name here is "top1"/)
    }
  expect(() => metricNamed('toString')).toThrow(UserError)
  const own = { name: 'mine', higherIsBetter: true, score: () => 1 }
  expect(asMetric(own, 'metric.mjs')).toBe(own)
  for (const broken of [null, undefined, 1])
    expect(() => asMetric(broken, 'metric.mjs')).toThrow('the metric lacks an object')
  expect(() => asMetric({ higherIsBetter: true }, 'metric.mjs')).toThrow('the metric lacks `name`')
  expect(() => asMetric({ name: 'x', score: () => 1 }, 'metric.mjs')).toThrow('the metric lacks `higherIsBetter`')
  expect(() => asMetric({ name: 'x', higherIsBetter: true }, 'metric.mjs')).toThrow('the metric lacks `score(')
})

test('the metric that labels suggest', () => {
  const outputs = { y: floats([3], [0, 1, 2]) }
  expect(defaultMetric(1, outputs, {}, 0).name).toBe('top1')
  expect(defaultMetric('dog', outputs, {}, 0).name).toBe('top1')
  // What TensorFlow calls the outputs of a saved model, which have nothing of a state.
  const scores = floats([3], [1, 2, 3])
  expect(defaultMetric(2, { 'StatefulPartitionedCall:0': scores }, {}, 0).name).toBe('top1')
  expect(() => defaultMetric(2, { 'hidden_state:0': scores }, {}, 0)).toThrow('fits none')
  expect(defaultMetric(1.5, { y: floats([1], [0]) }, {}, 0).name).toBe('mae')
  expect(defaultMetric(new Float32Array(3), outputs, {}, 0).name).toBe('mae')
  expect(defaultMetric(new Uint8Array(4), { y: floats([3, 2, 2], new Array(12).fill(0)) }, {}, 0).name).toBe('miou')
  const mask = { y: floats([3, 2, 2], new Array(12).fill(0)), z: floats([5], new Array(5).fill(0)) }
  expect(defaultMetric(new Uint8Array(4), mask, {}, 0).name).toBe('miou')
  const grid = { y: floats([5, 40], new Array(200).fill(0)) }
  expect(defaultMetric('dog', grid, { output: 'y' }, 0).name).toBe('top1')
  const hint = (label: RowLabel) => {
    try {
      return defaultMetric(label, grid, {}, 0).name
    } catch (error) {
      return (error as UserError).hint
    }
  }
  expect([hint('dog'), hint(1.5)]).toEqual([
    expect.stringMatching(/^write classes as numbers/),
    expect.stringMatching(/^correct the labels/),
  ])
  expect(() => defaultMetric('text', { y: floats([5, 40], new Array(200).fill(0)) }, {}, 7)).toThrow(
    'the label "text" of row 7 fits none',
  )
  expect(() => defaultMetric(Number.NaN, outputs, {}, 7)).toThrow('row 7 (counted from 0) has no label')
})
