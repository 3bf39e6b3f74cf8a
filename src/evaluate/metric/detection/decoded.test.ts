import { describe, expect, test } from 'vitest'
import type { TensorValue } from '../../../engine/index.ts'
import { decoders, detectionsOf } from '../detection.ts'
import { metricNamed } from '../metrics.ts'

const floats = (dims: readonly number[], numbers: readonly number[]): TensorValue => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(numbers),
})
const near = (numbers: readonly number[]) => numbers.map((number) => expect.closeTo(number, 4))
const found = (name: string, outputs: Readonly<Record<string, TensorValue>>, settings = {}) =>
  detectionsOf({ outputs, row: 0 }, decoders[name]!, { suppression: 1, ...settings })

describe('places joined with their scores', () => {
  /** Seven places; the third is 20 wide and 10 high around (30, 40). */
  const places = (behind: readonly number[]) =>
    Array.from({ length: 7 }, (_, place) =>
      place === 2 ? [30, 40, 20, 10, ...behind] : [5, 5, 4, 4, ...behind.map(() => 0)],
    )
  const box = [20, 35, 40, 45]

  test('yolov5: a score is objectness times class', () => {
    const output0 = floats([1, 7, 7], places([0.5, 0.8, 0.4]).flat())
    expect(found('yolov5', { output0 }, { score: 0.1 })).toEqual([
      { box: near(box), label: 0, score: expect.closeTo(0.4, 6) },
      { box: near(box), label: 1, score: expect.closeTo(0.2, 6) },
    ])
    expect(() => found('yolov5', { output0: floats([7, 5], places([0.5]).flat()) })).toThrow(
      /no output is \[places, 5 \+ classes\]/,
    )
  })

  test('yolov8: the columns of a place, across or down, are its box and its classes', () => {
    const rows = places([0.3, 0.9])
    const turned = rows[0]!.flatMap((_, column) => rows.map((row) => row[column]!))
    const expected = [
      { box: near(box), label: 1, score: expect.closeTo(0.9, 6) },
      { box: near(box), label: 0, score: expect.closeTo(0.3, 6) },
    ]
    expect(found('yolov8', { output0: floats([6, 7], turned) })).toEqual(expected)
    expect(found('yolov8', { output0: floats([7, 6], rows.flat()) })).toEqual(expected)
  })

  test('yolov5: the last place and a place without an object, across or down', () => {
    const rows = Array.from({ length: 8 }, (_, place) =>
      place === 7 ? [30, 40, 20, 10, 0.5, 0.8] : [5, 5, 4, 4, 0, 1],
    )
    const turned = rows[0]!.flatMap((_, column) => rows.map((row) => row[column]!))
    const expected = [{ box: near(box), label: 0, score: expect.closeTo(0.4, 6) }]
    expect(found('yolov5', { output0: floats([6, 8], turned) })).toEqual(expected)
    expect(found('yolov5', { output0: floats([8, 6], rows.flat()) })).toEqual(expected)
    // An objectness of no less than 0.5 is enough where 0.4 is asked for.
    expect(found('yolov5', { output0: floats([8, 6], rows.flat()) }, { score: 0.3 })).toEqual(expected)
  })

  test('yolov8: masks behind the classes are none, where their count is told', () => {
    const outputs = { proto: floats([2, 3, 3], Array(18).fill(9)), output0: floats([7, 6], places([0.9, 1.5]).flat()) }
    expect(found('yolov8', outputs, { classes: 1 })).toMatchObject([{ label: 0 }])
    expect(() => found('yolov8', outputs, { classes: 3 })).toThrow(/no output is \[places, 4 \+ 3\]/)
    const metric = metricNamed('detection:yolov8,classes=1')
    expect(metric.score({ outputs, label: Float32Array.from([0, ...box]), row: 0 })).toBe(1)
    for (const classes of ['0', '1.5', ''])
      expect(() => metricNamed(`detection:yolov8,classes=${classes}`)).toThrow(
        `no detection setting "classes=${classes}"`,
      )
    // The third column is no class, though it would rank first.
    const second = { output0: floats([7, 7], places([0.1, 0.9, 1.5]).flat()) }
    const named = metricNamed('detection:yolov8,classes=2,score=0.5')
    expect(named.score({ outputs: second, label: Float32Array.from([1, ...box]), row: 0 })).toBe(1)
    expect(named.score({ outputs: second, label: Float32Array.from([2, ...box]), row: 0 })).toBe(0)
    expect(found('yolov8', second, { classes: 2, score: 0.5 })).toMatchObject([{ label: 1 }])
  })
})

describe('queries', () => {
  const boxes = floats([1, 2, 4], [0.5, 0.25, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1])
  // Of an input of 200 high and 100 wide.
  const box = near([40, 40, 60, 60])
  const size = [200, 100] as const

  test('detr: the last class is nothing', () => {
    // Shares of 6, 2 and 2 of 10, and nothing at all.
    const logits = floats([1, 2, 3], [Math.log(6), Math.log(2), Math.log(2), 0, 0, 9])
    expect(found('detr', { logits, pred_boxes: boxes }, { size, score: 0.1 })).toEqual([
      { box, label: 0, score: expect.closeTo(0.6, 6) },
      { box, label: 1, score: expect.closeTo(0.2, 6) },
    ])
  })

  test('every query counts, each with its own logits, in order of its score', () => {
    const logits = floats([3, 2], [Math.log(3), -9, -9, Math.log(4), -9, 0])
    const three = floats([3, 4], [0.5, 0.25, 0.2, 0.1, 0.5, 0.5, 0.4, 0.2, 0.25, 0.5, 0.5, 1])
    expect(found('rtdetr', { logits, pred_boxes: three }, { size, score: 0.1 })).toEqual([
      { box: near([30, 80, 70, 120]), label: 1, score: expect.closeTo(0.8, 6) },
      { box, label: 0, score: expect.closeTo(0.75, 6) },
      { box: near([0, 0, 50, 200]), label: 1, score: expect.closeTo(0.5, 6) },
    ])
    // One class alone has a column of its own; what has other rows, or none, is no logit.
    const others = { masks: floats([2, 8], Array(16).fill(9)), logits: floats([3, 1], [Math.log(3), -9, -9]) }
    expect(found('rtdetr', { ...others, pred_boxes: three }, { size, score: 0.1 })).toEqual([
      { box, label: 0, score: expect.closeTo(0.75, 6) },
    ])
  })

  test('rtdetr: each class is asked for itself; four of them are no boxes', () => {
    const logits = floats([1, 2, 4], [Math.log(3), -9, -9, Math.log(4), -9, -9, -9, -9])
    expect(found('rtdetr', { logits, pred_boxes: boxes }, { size, score: 0.1 })).toEqual([
      { box, label: 3, score: expect.closeTo(0.8, 6) },
      { box, label: 0, score: expect.closeTo(0.75, 6) },
    ])
    expect(() => found('rtdetr', { logits, pred_boxes: boxes })).toThrow(/size is not known/)
    expect(() => found('rtdetr', { logits }, { size })).toThrow(
      /no outputs are \[queries, 4\] and \[queries, classes\]/,
    )
  })
})
