import { describe, expect, test } from 'vitest'
import type { TensorValue } from '../../engine/index.ts'
import { checkedMetric } from './checked-metric.ts'
import { matchImage, meanAveragePrecision } from './detection/average-precision.ts'
import { type Box, overlap, suppress } from './detection/boxes.ts'
import { decoders, detectionsOf } from './detection.ts'
import type { MetricRow } from './metric.ts'
import { metricNamed } from './metrics.ts'

const floats = (dims: readonly number[], data: readonly number[]): TensorValue => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(data),
})
const rowOf = (outputs: MetricRow['outputs'], boxes: readonly (readonly number[])[] = []): MetricRow => ({
  outputs,
  label: Float64Array.from(boxes.flat()),
  row: 0,
})
const near = (box: Box) => box.map((value) => expect.closeTo(value, 3))

test('overlap and suppression by class', () => {
  expect(overlap([0, 0, 2, 2], [1, 0, 3, 2])).toBeCloseTo(1 / 3, 12)
  expect(overlap([0, 0, 2, 2], [0, 1, 2, 3])).toBeCloseTo(1 / 3, 12)
  expect(overlap([0, 0, 0.5, 0.5], [0.25, 0, 0.75, 0.5])).toBeCloseTo(1 / 3, 12)
  // Apart in one direction, in both, and side by side.
  const apart = [
    [0, 3, 2, 4],
    [3, 0, 4, 2],
    [3, 3, 4, 4],
    [2, 0, 4, 2],
    [2, 2, 4, 4],
  ] as const
  for (const box of apart) expect(overlap([0, 0, 2, 2], box)).toBe(0)
  const boxes = [
    { box: [0, 0, 10, 10] as const, label: 0, score: 0.9 },
    { box: [0, 0, 10, 9] as const, label: 0, score: 0.8 },
    { box: [0, 0, 10, 9] as const, label: 1, score: 0.7 },
    { box: [20, 20, 30, 30] as const, label: 0, score: Number.NaN },
  ]
  expect(suppress(boxes, 0.5, 100).map(({ score }) => score)).toEqual([0.9, 0.7])
  expect(suppress(boxes.toReversed(), 0.5, 100).map(({ score }) => score)).toEqual([0.9, 0.7])
  // By more than the limit, and 9 of 10 are not more than that.
  expect(suppress(boxes.slice(0, 2), 0.9, 100)).toHaveLength(2)
  expect(suppress([{ box: [0, 0, Number.NaN, 1], label: 0, score: 1 }], 0.5, 100)).toEqual([])
  // So many of each class, as COCO counts them.
  expect(suppress(boxes, 1, 1).map(({ score }) => score)).toEqual([0.9, 0.7])
})

describe('mean average precision', () => {
  const truth = [
    { box: [0, 0, 10, 10] as const, label: 0 },
    { box: [20, 0, 30, 10] as const, label: 0 },
  ]
  const of = (found: readonly (readonly [Box, number])[]) =>
    meanAveragePrecision([
      matchImage(
        found.map(([box, score]) => ({ box, score, label: 0 })),
        truth,
      ),
    ])
  test('all right, none, no boxes at all', () => {
    expect(
      of([
        [[0, 0, 10, 10], 0.9],
        [[20, 0, 30, 10], 0.8],
      ]),
    ).toBe(1)
    expect(of([])).toBe(0)
    expect(meanAveragePrecision([matchImage([], [])])).toBeNaN()
  })
  test('a mistake above the second hit: 51 recalls at 1, 50 at 2/3', () => {
    expect(
      of([
        [[0, 0, 10, 10], 0.9],
        [[50, 50, 60, 60], 0.8],
        [[20, 0, 30, 10], 0.7],
      ]),
    ).toBeCloseTo((51 + 50 * (2 / 3)) / 101, 12)
  })
  test('a box that overlaps by 0.8 counts at the overlaps up to 0.8; a second hit on a box does not', () => {
    // 7 of 10 overlaps find both; at the other 3 the second box is missed.
    expect(
      of([
        [[0, 0, 10, 10], 0.9],
        [[20, 0, 30, 8], 0.8],
      ]),
    ).toBeCloseTo((7 * 1 + 3 * (51 / 101)) / 10, 12)
    expect(
      of([
        [[0, 0, 10, 10], 0.9],
        [[0, 0, 10, 10], 0.8],
        [[20, 0, 30, 10], 0.7],
      ]),
    ).toBeCloseTo((51 + 50 * (2 / 3)) / 101, 12)
  })
  test('a detection takes the box that it overlaps most, if it is of its class; the best score chooses first', () => {
    const two = [truth[0]!, { box: [3, 0, 13, 10] as const, label: 0 }]
    // The second overlaps the second box by 7/13 and the first by 4/16; the others are of another class, or too late.
    const found = [
      { box: [0, 0, 10, 10] as const, label: 0, score: 0.1 },
      { box: [6, 0, 16, 10] as const, label: 0, score: 0.8 },
      { box: [0, 0, 10, 10] as const, label: 0, score: 0.9 },
      { box: [0, 0, 10, 10] as const, label: 1, score: 0.95 },
    ]
    const { truths, detections } = matchImage(found, two)
    expect([...truths]).toEqual([[0, 2]])
    expect(detections.map(({ score, right }) => [score, right])).toEqual([
      [0.95, 0],
      [0.9, 0b1111111111],
      [0.8, 0b1],
      [0.1, 0],
    ])
  })
  test('boxes of all images count: one of two found is right at 51 recalls', () => {
    const image = (found: readonly Box[]) =>
      matchImage(
        found.map((box) => ({ box, label: 0, score: 0.9 })),
        truth.slice(0, 1),
      )
    expect(meanAveragePrecision([image([[0, 0, 10, 10]]), image([])])).toBeCloseTo(51 / 101, 12)
  })
  test('recalls are those of COCO, which are doubles: 7 of 10 boxes do not reach the 70th', () => {
    const many = Array.from({ length: 10 }, (_, i) => ({ box: [20 * i, 0, 20 * i + 10, 10] as const, label: 0 }))
    const found = many.slice(0, 7).map(({ box }) => ({ box, label: 0, score: 0.9 }))
    expect(meanAveragePrecision([matchImage(found, many)])).toBeCloseTo(70 / 101, 12)
  })
  test('of two boxes that a detection overlaps alike it takes the later one, as COCO does', () => {
    const two = [
      { box: [0, 0, 10, 10] as const, label: 0 },
      { box: [4, 0, 14, 10] as const, label: 0 },
    ]
    // The first detection lies between both (8/12 each), the second on the first of them alone.
    const found = [
      { box: [2, 0, 12, 10] as const, label: 0, score: 0.9 },
      { box: [0, 0, 10, 10] as const, label: 0, score: 0.8 },
    ]
    const [between, alone] = matchImage(found, two).detections
    expect([between!.right, alone!.right]).toEqual([0b1111, 0b1111111111])
  })
  test('a metric of rows: images are ranked together, a class with no detection counts 0', () => {
    const metric = metricNamed('detection:boxes,score=0.05')
    const one = rowOf({ found: floats([1, 6], [0, 0, 10, 10, 0.9, 0]) }, [
      [0, 0, 0, 10, 10],
      [1, 5, 5, 9, 9],
      [-1, 0, 0, 0, 0],
    ])
    const other = rowOf({ found: floats([1, 6], [0, 0, 10, 10, 0.95, 0]) })
    expect(metric.score(one)).toBeCloseTo(0.5, 12)
    expect(metric.score(other)).toBe(0)
    for (const [sure, right] of [
      [0.45, 1],
      [0.5, 0],
    ] as const)
      expect(metric.score(rowOf({ found: floats([2, 6], [0, 0, 9, 9, 0.2, 0, 0, 0, 5, 5, sure, 0]) }))).toBe(right)
    // The wrong box of the second image ranks first: precision 1/2 at every recall of class 0.
    expect(metric.aggregate!([metric.summary!(one), metric.summary!(other)])).toBeCloseTo(0.25, 12)
    expect(metric.aggregate!([metric.summary!(one)])).toBeCloseTo(0.5, 12)
    // One of two boxes of class 3 and the only one of class 7.
    const found = floats([2, 6], [0, 0, 10, 10, 0.9, 3, 20, 0, 30, 10, 0.8, 7])
    const several = rowOf({ found }, [
      [3, 0, 0, 10, 10],
      [3, 40, 0, 50, 10],
      [7, 20, 0, 30, 10],
    ])
    expect(metric.aggregate!([metric.summary!(several)])).toBeCloseTo((51 / 101 + 1) / 2, 12)
  })
  test('pieces: of each class that has boxes, the share of them that is found, over the ten overlaps', () => {
    // Of class 3 one of two is found, and the other by 8 of 10: at the overlaps to 0.8, as of COCO's ten there are seven.
    const found = [0, 0, 10, 10, 0.9, 3, 40, 0, 50, 8, 0.8, 3, 20, 0, 30, 10, 0.7, 5]
    const boxes = [
      [3, 0, 0, 10, 10],
      [3, 40, 0, 50, 10],
      [7, 20, 0, 30, 10],
    ]
    const metric = metricNamed('detection:boxes')
    const pieces = metric.pieces!(metric.summary!(rowOf({ found: floats([3, 6], found) }, boxes)))
    expect([...pieces]).toEqual([
      [3, expect.closeTo((1 + 0.7) / 2, 12)],
      [7, 0],
    ])
  })
})

describe('decoders', () => {
  test('yolox: cells of strides 8, 16, 32, row by row', () => {
    const data = new Array<number>(21 * 6).fill(0)
    // Input 32 × 32: 16 + 4 + 1 places. Place 6 is row 1, column 2 of stride 8; place 20 that of stride 32.
    data.splice(6 * 6, 6, 0.5, 0.25, Math.log(2), 0, 0.8, 0.5)
    data.splice(20 * 6, 6, 0.5, 0.5, 0, 0, 1, 0.9)
    // Place 19 is row 1, column 1 of stride 16.
    data.splice(19 * 6, 6, 0, 0, 0, 0, 1, 0.5)
    // What is no matrix of numbers is passed over.
    const others = {
      map: floats([2, 3, 6], Array(36).fill(1)),
      line: floats([6], Array(6).fill(1)),
      whole: { dtype: 'int64', dims: [1, 6], data: new BigInt64Array(6) } as TensorValue,
    }
    const found = detectionsOf(rowOf({ ...others, output: floats([1, 21, 6], data) }), decoders.yolox!)
    expect(found).toEqual([
      { box: near([0, 0, 32, 32]), label: 0, score: expect.closeTo(0.9, 6) },
      { box: near([8, 8, 24, 24]), label: 0, score: expect.closeTo(0.5, 6) },
      { box: near([12, 6, 28, 14]), label: 0, score: expect.closeTo(0.4, 6) },
    ])
    expect(() => detectionsOf(rowOf({ output: floats([20, 6], new Array(120).fill(0)) }), decoders.yolox!)).toThrow(
      /no square input has 20 places/,
    )
    expect(() => detectionsOf(rowOf(others), decoders.yolox!)).toThrow(/no output is \[places, 5 \+ classes\]/)
    // 3 × 3 cells of 8 and 2 × 2 of 16: a side that is no multiple of the larger.
    const places = floats([13, 6], Array(13 * 6).fill(0))
    const strides = [8, 16]
    expect(detectionsOf(rowOf({ places }), decoders.yolox!, { strides })).toEqual([])
    expect(() => detectionsOf(rowOf({ places }), decoders.yolox!, { strides, size: [8, 24] })).toThrow(
      /an input of 8×24 has 5 places, and the model answers for 13/,
    )
  })
  test('yolox: several classes, and an input that is no multiple of the stride', () => {
    const data = new Array<number>(6 * 7).fill(0)
    // 12 × 20 pixels are 2 × 3 cells of 8. The last is row 1, column 2; 16 wide and 24 high.
    data.splice(5 * 7, 7, 0.5, 0.25, Math.log(2), Math.log(3), 0.8, 0.5, 0.25)
    // The one before it begins at (8, 8), which is its middle.
    data.splice(4 * 7, 7, 0, 0, 0, 0, 0.5, 0.3, 0.1)
    const box = near([12, -2, 28, 22])
    const options = { size: [12, 20], strides: [8] } as const
    const found = (more: object) => detectionsOf(rowOf({ y: floats([6, 7], data) }), decoders.yolox!, more)
    const all = [
      { box, label: 0, score: expect.closeTo(0.4, 6) },
      { box, label: 1, score: expect.closeTo(0.2, 6) },
      { box: near([4, 4, 12, 12]), label: 0, score: expect.closeTo(0.15, 6) },
      { box: near([4, 4, 12, 12]), label: 1, score: expect.closeTo(0.05, 6) },
    ]
    expect(found(options)).toEqual(all)
    expect(found({ ...options, score: 0.1 })).toEqual(all.slice(0, 3))
  })
  test('anchors: shares of the input, and offsets to anchors', () => {
    const scores = floats([1, 2, 2], [0.1, 0.9, 0.95, 0.05])
    const boxes = floats([1, 2, 4], [0.25, 0.125, 0.5, 1, 0, 0, 1, 1])
    const found = detectionsOf(rowOf({ scores, boxes }), decoders.anchors!, { size: [240, 320], score: 0.1 })
    expect(found).toEqual([{ box: near([80, 30, 160, 240]), label: 0, score: expect.closeTo(0.9, 6) }])
    expect(() => detectionsOf(rowOf({ scores, boxes }), decoders.anchors!)).toThrow(/size is not known/)
    // Probabilities of a Softmax in 8 bits need not add up to 1; they are probabilities all the same.
    const rounded = floats([1, 2, 2], [0.1, 0.89, 0.95, 0.05])
    const same = detectionsOf(rowOf({ scores: rounded, boxes }), decoders.anchors!, { size: [240, 320], score: 0.1 })
    expect(same).toEqual([{ box: near([80, 30, 160, 240]), label: 0, score: expect.closeTo(0.89, 6) }])
    const offsets = floats([2, 4], [1, 0, Math.log(2) / 0.2, 0, 0, 0, 0, 0])
    const shifted = detectionsOf(rowOf({ scores, boxes: offsets }), decoders.anchors!, {
      strides: [16],
      anchors: [[10, 20]],
      size: [16, 16],
      score: 0.1,
    })
    // The first anchor: middle (8, 8), side 10, moved right by 0.1 · 10 and twice as wide.
    expect(shifted[0]!.box).toEqual(near([-1, 3, 19, 13]))
  })
  test('anchors: a class is told by its scores or by what makes them, and each place has a box of its own', () => {
    // Softmax of (ln 8, 0, 0) is 8, 1 and 1 of 10, of (0, ln 3, 0) 1, 3 and 1 of 5.
    const [first, second] = [
      [Math.log(8), 0, 0],
      [0, Math.log(3), 0],
    ] as const
    const outputs = {
      scores: floats([1, 2, 3], [...first, ...second]),
      boxes: floats([1, 2, 4], [0, 0, 1, 1, 0.25, 0.5, 0.5, 1]),
    }
    const box = near([80, 120, 160, 240])
    expect(detectionsOf(rowOf(outputs), decoders.anchors!, { size: [240, 320], score: 0.15 })).toEqual([
      { box, label: 0, score: expect.closeTo(0.6, 6) },
      { box, label: 1, score: expect.closeTo(0.2, 6) },
    ])
    for (const name of ['scores', 'boxes'] as const)
      expect(() => detectionsOf(rowOf({ [name]: outputs[name] }), decoders.anchors!)).toThrow(
        /no outputs are \[places, 4\] and \[places, 1 \+ classes\]/,
      )
  })
  test('anchors: scores of three classes and the background are no boxes, though they stand first', () => {
    const outputs = {
      scores: floats([1, 2, 4], [0.1, 0.8, 0.05, 0.05, 0.97, 0.01, 0.01, 0.01]),
      boxes: floats([1, 2, 4], [0.25, 0.5, 0.5, 1, 0, 0, 1, 1]),
    }
    expect(detectionsOf(rowOf(outputs), decoders.anchors!, { size: [240, 320], score: 0.5 })).toEqual([
      { box: near([80, 120, 160, 240]), label: 0, score: expect.closeTo(0.8, 6) },
    ])
  })
  test('anchors of two heads, on an input that is wider than high, and on a square that nobody told', () => {
    // 16 × 24 pixels are 2 × 3 cells of 8 with a side of 10, and 1 × 2 cells of 16 with sides of 20 and 30.
    const anchored = (places: number, at: Readonly<Record<number, readonly number[]>>) => ({
      scores: floats([places, 2], Array.from({ length: places }, (_, place) => (place in at ? [0, 1] : [1, 0])).flat()),
      boxes: floats([places, 4], Array.from({ length: places }, (_, place) => at[place] ?? [0, 0, 0, 0]).flat()),
    })
    const found = (outputs: MetricRow['outputs'], settings: object) =>
      detectionsOf(rowOf(outputs), decoders.anchors!, { strides: [8, 16], suppression: 1, ...settings }).map(
        ({ box }) => box,
      )
    // Place 4 is row 1, column 1: from (12, 12) by 0.1 and −0.2 sides, twice as high.
    const places = { 3: [0, 0, 0, 0], 4: [1, -2, 0, Math.log(2) / 0.2], 9: [0, 0, 0, 0] }
    const anchors = [[10], [20, 30]]
    expect(found(anchored(10, places), { size: [16, 24], anchors })).toEqual([
      near([-1, 7, 9, 17]),
      near([8, 0, 18, 20]),
      near([9, -7, 39, 23]),
    ])
    // 2 × 2 and 1 cells of two sides each are 10 as well: place 7 is the last of the first head.
    const pairs = [
      [10, 12],
      [20, 24],
    ]
    expect(found(anchored(10, { 7: [0, 0, 0, 0] }), { anchors: pairs })).toEqual([near([6, 6, 18, 18])])
    expect(() => found(anchored(9, {}), { size: [16, 24], anchors })).toThrow(/10 anchors, and the model answers for 9/)
    expect(() => found(anchored(10, {}), { anchors: [[10]] })).toThrow(/1 lists of anchors for 2 strides/)
    const named = metricNamed('detection:anchors,size=16x24,strides=8/16,anchors=10/20-30,nms=1')
    expect(named.score(rowOf(anchored(10, { 9: [0, 0, 0, 0] }), [[0, 9, -7, 39, 23]]))).toBe(1)
  })
  test('points: score is the root of class times objectness', () => {
    const place = (value: number, at: number, count: number) =>
      Array.from({ length: count }, (_, i) => (i === at ? value : 0))
    const outputs = {
      cls_8: floats([1, 4, 1], place(0.81, 3, 4)),
      obj_8: floats([1, 4, 1], place(1, 3, 4)),
      bbox_8: floats([1, 4, 4], [...new Array(12).fill(0), 0.5, 0.5, Math.log(2), Math.log(2)]),
    }
    expect(detectionsOf(rowOf(outputs), decoders.points!, { score: 0.1 })).toEqual([
      { box: near([4, 4, 20, 20]), label: 0, score: expect.closeTo(0.9, 6) },
    ])
  })
  test('points: several classes, on an input that is wider than high', () => {
    const outputs = {
      // Shares that are a little more than all are all.
      cls_8: floats([2, 2], [1.44, 0, 0.81, 0.16]),
      obj_8: floats([2, 1], [0.25, 0.64]),
      bbox_8: floats([2, 4], [0.5, 0.5, 0, 0, 0.5, 0.25, Math.log(2), Math.log(3)]),
    }
    const box = near([4, -10, 20, 14])
    expect(detectionsOf(rowOf(outputs), decoders.points!, { size: [8, 16], score: 0.1 })).toEqual([
      { box, label: 0, score: expect.closeTo(0.72, 6) },
      { box: near([0, 0, 8, 8]), label: 0, score: expect.closeTo(0.5, 6) },
      { box, label: 1, score: expect.closeTo(0.32, 6) },
    ])
    const { obj_8: _, bbox_8, ...lacking } = outputs
    const short = { ...outputs, bbox_8: floats([1, 4], [0, 0, 0, 0]) }
    for (const apart of [{ ...lacking, bbox_8 }, { ...outputs, bbox_8: undefined as never }, short])
      expect(() => detectionsOf(rowOf(apart), decoders.points!)).toThrow(/outputs of stride 8 do not belong together/)
    expect(() => detectionsOf(rowOf(outputs), decoders.points!)).toThrow(/2 places are no square/)
    const odd = { ...outputs, cls_8: floats([3], [1, 1, 1]) }
    expect(() => detectionsOf(rowOf(odd), decoders.points!, { size: [8, 16] })).toThrow(/2 places are no square/)
    expect(() => detectionsOf(rowOf({ y: bbox_8 }), decoders.points!)).toThrow(/no outputs are named cls_8/)
  })
  test('points: strides in any order; whole numbers are no scores', () => {
    const head = (stride: number, score: number) => ({
      [`cls_${stride}`]: floats([1, 1], [score]),
      [`obj_${stride}`]: floats([1, 1], [1]),
      [`bbox_${stride}`]: floats([1, 4], [0.5, 0.5, 0, 0]),
    })
    const outputs = { ...head(16, 0.49), ...head(8, 0.81), ...head(32, 0.25) }
    expect(detectionsOf(rowOf(outputs), decoders.points!, { suppression: 1 })).toEqual([
      { box: near([0, 0, 8, 8]), label: 0, score: expect.closeTo(0.9, 6) },
      { box: near([0, 0, 16, 16]), label: 0, score: expect.closeTo(0.7, 6) },
      { box: near([0, 0, 32, 32]), label: 0, score: expect.closeTo(0.5, 6) },
    ])
    for (const kind of ['cls', 'obj', 'bbox']) {
      const whole = { dtype: 'int64', dims: outputs[`${kind}_8`]!.dims, data: new BigInt64Array(4) } as TensorValue
      expect(() => detectionsOf(rowOf({ ...outputs, [`${kind}_8`]: whole }), decoders.points!)).toThrow(
        /outputs of stride 8 do not belong together/,
      )
    }
  })
  test('boxes: three outputs of a model that suppresses for itself', () => {
    const outputs = {
      boxes: floats([2, 4], [0, 0, 4, 4, 1, 1, 9, 9]),
      scores: floats([2], [0.3, 0.6]),
      labels: { dtype: 'int64', dims: [2], data: new BigInt64Array([7n, 3n]) } as TensorValue,
    }
    expect(detectionsOf(rowOf(outputs), decoders.boxes!)).toEqual([
      { box: [1, 1, 9, 9], label: 3, score: expect.closeTo(0.6, 6) },
      { box: [0, 0, 4, 4], label: 7, score: expect.closeTo(0.3, 6) },
    ])
    const { scores: _, labels, ...unscored } = outputs
    expect(() => detectionsOf(rowOf({ ...unscored, labels }), decoders.boxes!)).toThrow(/cannot be decoded/)
    const { boxes: __, ...unplaced } = outputs
    expect(() => detectionsOf(rowOf(unplaced), decoders.boxes!)).toThrow(/cannot be decoded/)
    // A number of another length is no score of theirs, and without labels there is one class.
    const limit = {
      score_limit: floats([1], [0.9]),
      class: { dtype: 'string', dims: [2], data: ['a', 'b'] } as TensorValue,
    }
    expect(
      detectionsOf(rowOf({ ...limit, ...unscored, scores: outputs.scores }), decoders.boxes!).map(
        ({ label, score }) => [label, score],
      ),
    ).toEqual([
      [0, expect.closeTo(0.6, 6)],
      [0, expect.closeTo(0.3, 6)],
    ])
    // One find, whose first axis was taken for the batch; none at all.
    const one = detectionsOf(rowOf({ found: floats([6], [1, 2, 3, 4, 0.5, 9]) }), decoders.boxes!)
    expect(one).toEqual([{ box: [1, 2, 3, 4], label: 9, score: 0.5 }])
    expect(detectionsOf(rowOf({ found: floats([0, 6], []) }), decoders.boxes!)).toEqual([])
  })
})

test('settings say what is found', () => {
  const found = floats([2, 6], [0, 0, 10, 10, 0.9, 0, 0, 2.5, 10, 12.5, 0.8, 0])
  // Both boxes are there, and share 75 of 125; one of two is right at 51 recalls of 101.
  const both = rowOf({ found }, [
    [0, 0, 0, 10, 10],
    [0, 0, 2.5, 10, 12.5],
  ])
  const half = expect.closeTo(51 / 101, 12)
  const score = (settings: string) => metricNamed(`detection:boxes${settings}`).score(both)
  expect(['', ',score=0', ',nms=0.5', ',nms=0.7,most=2', ',most=1', ',score=0.85', ',score=1'].map(score)).toEqual([
    1,
    1,
    half,
    1,
    half,
    half,
    0,
  ])
  // Unless told otherwise, more than 0.65 are the same box: of 100 and 70 the second goes, of 100 and 60 it stays.
  const under = (height: number) =>
    metricNamed('detection:boxes').score(
      rowOf({ found: floats([2, 6], [0, 0, 10, 10, 0.9, 0, 0, 0, 10, height, 0.8, 0]) }, [
        [0, 0, 0, 10, 10],
        [0, 0, 0, 10, height],
      ]),
    )
  expect([under(7), under(6)]).toEqual([half, 1])
  // Scores below 0.01 are not looked at, and a hundred boxes of a class count.
  const scored = (scores: readonly number[]) =>
    detectionsOf(
      rowOf({
        found: floats(
          [scores.length, 6],
          scores.flatMap((score, i) => [20 * i, 0, 20 * i + 10, 10, score, 0]),
        ),
      }),
      decoders.boxes!,
    ).length
  expect([scored([0.011, 0.009]), scored(Array(102).fill(0.5))]).toEqual([1, 100])
  // Height and width: the second of two places is the right one, in 8 × 16 pixels.
  const places = floats([2, 6], [0, 0, 0, 0, 0, 0, 0.5, 0.5, 0, 0, 1, 1])
  const wide = metricNamed('detection:yolox,size=8x16,strides=8')
  expect(wide.score(rowOf({ places }, [[0, 8, 0, 16, 8]]))).toBe(1)
  expect(wide.score(rowOf({ places }, [[0, 0, 8, 8, 16]]))).toBe(0)
  expect([wide.higherIsBetter, wide.rightOrWrong === true, wide.bounds]).toEqual([true, false, [0, 1]])
})

test.each([
  ...['size=416', 'size=0x8', 'size=8x8x8', 'size=8.5x8', 'strides=8/0', 'strides=', 'score=', 'score=2', 'score=-1'],
  ...['nms=1.1', 'most=0', 'most=1.5', 'anchors=', 'anchors=10-x', 'anchors=10/0'],
])('a setting that says nothing is refused: %s', (setting) => {
  expect(() => metricNamed(`detection:yolox,${setting}`)).toThrow(`no detection setting "${setting}"`)
})

test('bad settings and labels are named', () => {
  expect(() => metricNamed('detection:yolo')).toThrow(/no detection decoder "yolo"/)
  expect(() => metricNamed('detection:toString')).toThrow(/no detection decoder "toString"/)
  expect(() => metricNamed('detection:yolox,sise=4x4')).toThrow(/no detection setting "sise=4x4"/)
  const metric = metricNamed('detection:boxes')
  const outputs = { found: floats([1, 6], [0, 0, 1, 1, 1, 0]) }
  expect(() => metric.score({ outputs, label: 3, row: 5 })).toThrow(/the label of row 5 holds no boxes/)
  expect(() => metric.score({ outputs, label: new Float32Array(6), row: 5 })).toThrow(/has 6 numbers, not five a box/)
  expect(() => metric.score({ outputs, label: Float32Array.from([0, 5, 0, 1, 1]), row: 5 })).toThrow(
    /has the box 0, 5, 0, 1, 1/,
  )
  for (const box of [
    [0, 0, 5, 1, 1],
    [0, 0, 0, Number.NaN, 1],
  ])
    expect(() => metric.score({ outputs, label: Float32Array.from(box), row: 5 })).toThrow(
      `has the box ${box.join(', ')}`,
    )
})

test('images have as many boxes as they have: a summary of one is not as long as another’s', () => {
  const metric = checkedMetric(metricNamed('detection:boxes,size=100x100'))
  const image = (boxes: readonly (readonly number[])[]) =>
    rowOf(
      {
        y: floats(
          [boxes.length, 6],
          boxes.flatMap(([label, ...corners]) => [...corners, 0.9, label!]),
        ),
      },
      boxes,
    )
  const one = image([[0, 10, 10, 30, 30]])
  const two = image([
    [0, 10, 10, 30, 30],
    [1, 40, 40, 60, 60],
  ])
  expect(metric.aggregate!([one, two, one].map((seen) => metric.summary!(seen)))).toBe(1)
})
