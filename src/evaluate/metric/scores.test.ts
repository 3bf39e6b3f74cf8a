import { describe, expect, test } from 'vitest'
import type { TensorValue } from '../../engine/index.ts'
import { randomSource } from '../../statistics/index.ts'
import { checkedMetric } from './checked-metric.ts'
import { levelsOf } from './levels.ts'
import type { Metric, MetricRow, RowLabel } from './metric.ts'
import { metricNamed } from './metrics.ts'
import { auroc, averagePrecision, equalErrorRate, falsePositiveRate, spearman } from './ranked-scores.ts'

const floats = (data: readonly number[], dims: readonly number[] = [data.length]): TensorValue => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(data),
})
const row = (data: readonly number[], label: RowLabel, at = 0): MetricRow => ({
  outputs: { y: floats(data) },
  label,
  row: at,
})
const over = (metric: Metric, rows: readonly MetricRow[]) => {
  const read = rows.map((one) => (metric.summary ? metric.summary(one) : [metric.score(one)]))
  if (metric.scoreAll) return metric.scoreAll(read, read).reduce((sum, score) => sum + score, 0) / rows.length
  const summaries = metric.summarizeAll?.(read, read) ?? read
  return metric.aggregate
    ? metric.aggregate(summaries)
    : summaries.reduce((sum, [score]) => sum + score!, 0) / rows.length
}

describe('ranking', () => {
  // scikit-learn's own example: y = [0, 0, 1, 1], scores = [0.1, 0.4, 0.35, 0.8].
  const scores = [0.1, 0.4, 0.35, 0.8]
  const positive = [false, false, true, true]
  test('as scikit-learn', () => {
    expect(auroc(levelsOf(scores, positive))).toBe(0.75)
    expect(averagePrecision(levelsOf(scores, positive))).toBeCloseTo(0.8333333333333333, 12)
    expect(falsePositiveRate(levelsOf(scores, positive))).toBe(0.5)
    expect(equalErrorRate(levelsOf(scores, positive))).toBe(0.5)
    // Ranks 1 2 3 4 5 against 2 1 4 3 5: 1 − 6 · 4 / (5 · 24).
    expect(spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])).toBeCloseTo(0.8, 12)
  })
  test('constant scores, one class, NaN', () => {
    const same = [1, 1, 1, 1]
    expect(auroc(levelsOf(same, positive))).toBe(0.5)
    expect(averagePrecision(levelsOf(same, positive))).toBe(0.5)
    expect(equalErrorRate(levelsOf(same, positive))).toBe(0.5)
    expect(falsePositiveRate(levelsOf(same, positive))).toBe(1)
    expect(spearman(same, scores)).toBeNaN()
    expect(auroc(levelsOf(scores, [true, true, true, true]))).toBeNaN()
    expect(averagePrecision(levelsOf(scores, [false, false, false, false]))).toBeNaN()
    expect(() => auroc(levelsOf([1, Number.NaN], [true, false]))).toThrow(/NaN/)
    expect(() => auroc(levelsOf([1], [true, false]))).toThrow(/1 scores for 2 rows/)
  })
  test('rates by hand, over several levels', () => {
    // Positives at 9, 7 and 3; negatives at 8, 6, 3 and 1.
    const levels = levelsOf([9, 8, 7, 6, 3, 3, 1], [true, false, true, false, true, false, false])
    expect(falsePositiveRate(levels)).toBe(3 / 4)
    // Below 6 two of four are let in, and one of three is refused until 3 is reached.
    expect(equalErrorRate(levels)).toBeCloseTo(1 / 3, 12)
    // 19 of 20 positives are 95 %: the last one, below a negative, is not asked for. 18 of 19 are less.
    const lastBelow = (positives: number) => {
      const places = Array.from({ length: positives + 1 }, (_, i) => i)
      return levelsOf(
        places,
        places.map((place) => place !== 1),
      )
    }
    expect([20, 19].map((positives) => falsePositiveRate(lastBelow(positives)))).toEqual([0, 1])
    const pair = (positive: number, negative: number) => equalErrorRate(levelsOf([positive, negative], [true, false]))
    expect([pair(2, 1), pair(1, 2), pair(1, 1)]).toEqual([0, 1, 0.5])
    for (const rate of [auroc, falsePositiveRate, equalErrorRate])
      for (const kind of [true, false]) expect(rate(levelsOf([1, 2], [kind, kind]))).toBeNaN()
  })
  test('a logit or a rounded probability a little beyond 0 to 1 breaks no metric’s word', () => {
    for (const name of ['auroc', 'aupr', 'eer', 'brier', 'ece', 'aurc'])
      for (const score of [-0.0009, 1.0009])
        for (const label of [0, 1]) {
          const { score: scored } = checkedMetric(metricNamed(name))
          expect(Number.isFinite(scored(row([score], label))), `${name} of ${score}`).toBe(true)
          expect(Number.isFinite(scored(row([1 - score, score], label)))).toBe(true)
        }
  })
  test('scores are one where they are equal, 0 and −0 among them, and infinite ones have their place', () => {
    expect(auroc(levelsOf([0, -0], [true, false]))).toBe(0.5)
    expect(averagePrecision(levelsOf([-0, 0, 1], [true, false, false]))).toBeCloseTo(1 / 3, 12)
    expect(auroc(levelsOf([Infinity, 0, -Infinity, -Infinity], [true, false, true, false]))).toBe(0.625)
  })
  test('as metrics: two classes, one score, several classes', () => {
    const two = scores.map((p, i) => row([1 - p, p], positive[i] ? 1 : 0))
    expect(over(metricNamed('auroc'), two)).toBe(0.75)
    expect(over(metricNamed('aupr'), two)).toBeCloseTo(0.8333333333333333, 6)
    const one = scores.map((p, i) => row([p], positive[i] ? 1 : 0))
    expect(over(metricNamed('auroc'), one)).toBe(0.75)
    expect(over(metricNamed('eer'), one)).toBe(0.5)
    expect(metricNamed('eer').higherIsBetter).toBe(false)
    const three = [row([0.7, 0.2, 0.1], 0), row([0.2, 0.5, 0.3], 1), row([0.4, 0.5, 0.1], 0), row([0.1, 0.6, 0.3], 1)]
    // Class 0: scores .7 .4 above .2 .1, 1; class 1: .6 above all, .5 beside .5 and above .2: (2 + 1.5) / 4.
    expect(over(metricNamed('auroc'), three)).toBeCloseTo((1 + 0.875) / 2, 12)
    expect(() => metricNamed('auroc').score(row([0.3], 2))).toThrow(/neither 0 nor 1/)
    expect(() =>
      metricNamed('auroc').score({
        outputs: { y: { dtype: 'int64', dims: [1], data: new BigInt64Array(1) } },
        label: 0,
        row: 0,
      }),
    ).toThrow(/scores no classes/)
  })
})

test.each([
  ['auroc', auroc],
  ['aupr', averagePrecision],
  ['eer', equalErrorRate],
] as const)('%s of a draw of rows is exactly that of the drawn rows put in order anew', (name, area) => {
  const random = randomSource(3)
  for (const [classes, n] of [
    [1, 30],
    [2, 30],
    [5, 40],
    [12, 30],
  ] as const) {
    const metric = checkedMetric(metricNamed(name))
    const columns = Math.max(2, classes)
    const labels = Array.from({ length: n }, (_, i) => (i < columns ? i : random.below(columns)))
    // Few different scores: most are tied, −0 and 0 among them.
    const scores = labels.map(() => Array.from({ length: classes }, () => random.below(9) - 4))
    const read = labels.map((label, i) => metric.summary!(row(scores[i]!, label)))
    const summaries = metric.summarizeAll!(read, read)
    const over = metric.overDraws!(summaries)
    for (let draw = 0; draw < 60; draw++) {
      const rows = Int32Array.from({ length: n }, () => random.below(n))
      const drawn = Array.from(rows, (place) => summaries[place]!)
      const kinds = [...new Set(Array.from(rows, (place) => labels[place]!))].sort((a, b) => a - b)
      const areas = (classes <= 2 ? [1] : kinds).map((kind) =>
        area(
          levelsOf(
            drawn.map((one) => one[classes === 1 ? 1 : 1 + kind]!),
            drawn.map(([label]) => label === kind),
          ),
        ),
      )
      expect(over(rows)).toBe(areas.reduce((sum, value) => sum + value, 0) / areas.length)
      expect(metric.aggregate!(drawn)).toBe(over(rows))
    }
  }
})

describe('logits or probabilities is a matter of all rows, not of one', () => {
  test('the base says it once for both models, and no draw of rows says otherwise', () => {
    // Three rows of logits, two that could be probabilities; the candidate's could all be.
    const base = [
      [2, -1],
      [0, 1],
      [3, 1],
      [1, 0],
      [-4, 2],
    ].map((scores, i) => row(scores, i % 2, i))
    const candidate = base.map(({ label }, i) => row([0.5, 0.5 + i / 100], label!, i))
    for (const name of ['brier', 'nll', 'ece', 'aurc']) {
      const metric = checkedMetric(metricNamed(name))
      const [first, second] = [base, candidate].map((rows) => rows.map((one) => metric.summary!(one)))
      const all = metric.summarizeAll!(second!, first!)
      const asLogits = base.map(({ label }, i) => row([100.5, 100.5 + i / 100], label!, i))
      expect(metric.aggregate!(all)).toBeCloseTo(over(metricNamed(name), asLogits), 5)
      // The two rows of the base that look like probabilities, alone.
      const own = metric.summarizeAll!(first!, first!)
      const shifted = [base[1]!, base[3]!].map((one) => {
        const { data } = one.outputs.y!
        return row([Number(data[0]) + 7, Number(data[1]) + 7], one.label!)
      })
      expect(metric.aggregate!([own[1]!, own[3]!])).toBeCloseTo(over(metricNamed(name), shifted), 5)
    }
  })

  const labels = [0, 1, 0, 1, 1]
  const of = (name: string, scores: readonly (readonly number[])[]) =>
    over(
      metricNamed(name),
      scores.map((one, i) => row(one, labels[i]!, i)),
    )
  test('one logit: what moves all alike moves no rank', () => {
    const logits = [-3, 0.4, 0.9, 0.2, 4].map((z) => [z])
    for (const name of ['auroc', 'aupr', 'eer'])
      expect(
        of(
          name,
          logits.map(([z]) => [z! + 5]),
        ),
      ).toBe(of(name, logits))
  })
  test('one logit is the second of two, the first of which is 0', () => {
    const logits = [-3, 0.4, 0.9, 0.2, 4]
    for (const name of ['brier', 'nll', 'ece', 'aurc', 'auroc', 'aupr', 'eer'])
      expect(
        of(
          name,
          logits.map((z) => [z]),
        ),
      ).toBeCloseTo(
        of(
          name,
          logits.map((z) => [0, z]),
        ),
        6,
      )
  })
  test('a row of logits that adds up to 1 is one of logits, rounded probabilities are probabilities', () => {
    const logits = [
      [2, -1, 0],
      [0, 1, 0],
      [3, 1, -2],
      [0, 0, 1],
      [-4, 2, 1],
    ]
    const shifted = logits.map((z) => z.map((value) => value + 7))
    for (const name of ['brier', 'nll', 'ece', 'aurc', 'auroc', 'aupr'])
      expect(of(name, logits)).toBeCloseTo(of(name, shifted), 6)
    const rounded = [
      [0.8, 0.15],
      [0.3, 0.7],
      [0.6, 0.4],
      [0.25, 0.75],
      [0.5, 0.5],
    ]
    expect(of('brier', rounded)).toBeCloseTo((0.0625 + 0.18 + 0.32 + 0.125 + 0.5) / 5, 6)
  })
})

test('what one kind of row alone says of an order is nothing', () => {
  const three = [row([1, 2, 0], 0), row([5, 0, 1], 0)]
  for (const name of ['auroc', 'aupr', 'eer']) expect(over(metricNamed(name), three)).toBeNaN()
})

test('the part of a row in an order is its place among those of the other kind', () => {
  const of = (scores: readonly number[]) => {
    const metric = checkedMetric(metricNamed('auroc'))
    const read = scores.map((value, i) => metric.summary!(row([value], i % 2)))
    return metric.parts!(metric.summarizeAll!(read, read))
  }
  expect(of([-3, 2, -1, 4])).toEqual([1, 1, 1, 1])
  expect(of([-2.5, 7, -4, 5])).toEqual([1, 1, 1, 1])
  expect(of([3, 2, -1, 4])).toEqual([0.5, 0.5, 1, 1])
  const ece = checkedMetric(metricNamed('ece'))
  const parts = (rows: readonly MetricRow[]) => {
    const read = rows.map((one) => ece.summary!(one))
    return ece.parts!(ece.summarizeAll!(read, read))
  }
  expect(parts([row([0.8, 0.2], 0), row([0.6, 0.4], 1)])).toEqual([1, 0])
  const rank = checkedMetric(metricNamed('spearman'))
  expect(rank.parts!([2, 1, 4].map((value) => rank.summary!(row([value], 1))))).toEqual([2, 1, 3])
})

test('Brier, log-loss and calibration error, from logits and from probabilities', () => {
  const rows = [row([0.8, 0.2], 0), row([0.3, 0.7], 0)]
  expect(over(metricNamed('brier'), rows)).toBeCloseTo((0.08 + 0.98) / 2, 6)
  expect(over(metricNamed('nll'), rows)).toBeCloseTo(-(Math.log(0.8) + Math.log(0.3)) / 2, 6)
  expect(over(metricNamed('ece'), rows)).toBeCloseTo((0.2 + 0.7) / 2, 6)
  const logits = [row([Math.log(4), 0], 0), row([0, Math.log(7 / 3)], 0)]
  for (const name of ['brier', 'nll', 'ece'])
    expect(over(metricNamed(name), logits)).toBeCloseTo(over(metricNamed(name), rows), 5)
})

test('Dice is twice the overlap over both areas', () => {
  const mask = (data: readonly number[]) => Uint8Array.from(data)
  const image = {
    outputs: { y: { dtype: 'uint8', dims: [4], data: mask([0, 1, 1, 1]) } as TensorValue },
    label: mask([0, 0, 1, 1]),
    row: 0,
  }
  // Class 0: 1 of 1 and 2; class 1: 2 of 3 and 2.
  expect(over(metricNamed('dice'), [image])).toBeCloseTo((2 / 3 + 4 / 5) / 2, 12)
  expect(over(metricNamed('miou'), [image])).toBeCloseTo((1 / 2 + 2 / 3) / 2, 12)
})

describe('embeddings', () => {
  const rows = [
    row([1, 0], 'cat', 0),
    row([0.9, 0.1], 'cat', 1),
    row([0.8, 0.5], 'dog', 2),
    row([0, 1], 'dog', 3),
    row([-1, 0], 'owl', 4),
  ]
  test('recall at k leaves the row itself out; a label that stands alone cannot be found', () => {
    expect(over(metricNamed('recall@1'), rows)).toBeCloseTo(3 / 5, 12)
    expect(over(metricNamed('recall@2'), rows)).toBeCloseTo(3 / 5, 12)
    expect(over(metricNamed('recall@5'), rows)).toBeCloseTo(4 / 5, 12)
  })
  test('one vector a row is the embedding, not the vectors of its tokens beside it', () => {
    const tokens = (data: readonly number[]): TensorValue => ({
      dtype: 'float32',
      dims: [2, 2],
      data: Float32Array.from(data),
    })
    // By their tokens, each row is nearest to one of another label.
    const words = [
      [9, 0, 0, 0],
      [0, 9, 0, 0],
      [9, 0, 0, 1],
      [0, 9, 0, 1],
      [0, 0, 9, 9],
    ].map(tokens)
    const pooled = rows.map((one, i) => ({
      ...one,
      outputs: { token_embeddings: words[i]!, sentence_embedding: one.outputs.y! },
    }))
    expect(over(metricNamed('recall@1'), pooled)).toBeCloseTo(3 / 5, 12)
    expect(over(metricNamed('recall@1', { output: 'token_embeddings' }), pooled)).toBe(0)
  })
  test('all rows equal: the earlier row wins', () => {
    const same = [row([1, 1], 'a', 0), row([1, 1], 'b', 1), row([1, 1], 'a', 2)]
    expect(over(metricNamed('recall@1'), same)).toBeCloseTo(1 / 3, 12)
  })
  test('an embedding that is none is no answer, and nobody’s neighbour', () => {
    const broken = [...rows.slice(0, 2), row([Number.NaN, 1], 'cat', 2), row([0.9, 0.2], 'dog', 3)]
    const metric = checkedMetric(metricNamed('recall@3'))
    const summaries = broken.map((one) => metric.summary!(one))
    expect(metric.scoreAll!(summaries, summaries)).toEqual([1, 1, Number.NaN, 0])
  })
  test('a rank correlation takes one number a row', () => {
    expect(
      over(
        metricNamed('spearman'),
        [2, 1, 4, 3, 5].map((value, i) => row([value], i + 1)),
      ),
    ).toBeCloseTo(0.8, 12)
    expect(
      over(
        metricNamed('spearman'),
        [1, 2, 3].map((label) => row([7], label)),
      ),
    ).toBeNaN()
    expect(() => metricNamed('spearman').summary!(row([1, 2], 1))).toThrow(/no output of the model is one number/)
  })
})

test('any k by name; an unknown name tells the nearest', () => {
  expect(metricNamed('top3').score(row([1, 2, 3, 4], 1))).toBe(1)
  for (const [asked, name] of [
    ['accuracy', 'top1'],
    ['F1_score', 'macro-f1'],
  ])
    expect(() => metricNamed(asked!)).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(`^the name here is "${name}"`) }),
    )
  expect(() => metricNamed('aurco')).toThrow(/there is no metric "aurco"/)
})
