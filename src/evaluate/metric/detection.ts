import { didYouMean, UserError } from '../../platform/index.ts'
import { anchors } from './detection/anchors.ts'
import {
  type ImageMatches,
  matchImage,
  meanAveragePrecision,
  overlapsReached,
  type Truth,
} from './detection/average-precision.ts'
import { type Detection, suppress, USUAL_SUPPRESSION } from './detection/boxes.ts'
import type { Decoder, DecoderOptions } from './detection/decoder.ts'
import { finished } from './detection/finished.ts'
import { points } from './detection/points.ts'
import { detr, rtdetr } from './detection/queries.ts'
import { yolov5, yolov8 } from './detection/yolo.ts'
import { yolox } from './detection/yolox.ts'
import type { Metric, MetricRow } from './metric.ts'

/** How the outputs of a detector are read, by the name after `detection:`. */
export const decoders: Readonly<Record<string, Decoder>> = {
  yolox,
  yolov5,
  yolov8,
  detr,
  rtdetr,
  anchors,
  points,
  boxes: finished,
}

export interface DetectionOptions extends DecoderOptions {
  /** Boxes of a class that overlap a better one by more than this go; 1 keeps all. */
  readonly suppression: number
  /** Detections of a class in an image that count, best first. */
  readonly most: number
}

const USUAL: DetectionOptions = {
  score: 0.01,
  strides: [8, 16, 32],
  anchors: null,
  suppression: USUAL_SUPPRESSION,
  most: 100,
}
/** Without any box to find, an image is right where nothing is found with this score. */
const SURE = 0.5

/**
 * COCO's mean average precision. The label of a row is its boxes one after the other, five numbers each: class, left,
 * top, right, bottom in pixels of the model's input; a class below 0 pads. A row's own score is the same figure of that
 * image alone; for an image without boxes 1 where nothing is found with a score of 0.5, else 0.
 */
export function detectionPrecision(decoder: Decoder, given: Partial<DetectionOptions> = {}): Metric {
  const options = { ...USUAL, ...given }
  const of = (row: MetricRow): ImageMatches => matchImage(detectionsOf(row, decoder, options), truthOf(row))
  return {
    name: 'map',
    higherIsBetter: true,
    rightOrWrong: false,
    bounds: [0, 1],
    unit: 'points',
    score: (row) => {
      const matches = of(row)
      if (matches.truths.size > 0) return meanAveragePrecision([matches])
      return matches.detections.some(({ score }) => score >= SURE) ? 0 : 1
    },
    summary: (row) => packed(of(row)),
    ragged: true,
    pieces: (summary) => sharesFound(unpacked(summary)),
    aggregate: (summaries) => meanAveragePrecision(summaries.map(unpacked)),
  }
}

/** Boxes of one image after suppression, best first. */
export function detectionsOf(
  { outputs }: MetricRow,
  decoder: Decoder,
  given: Partial<DetectionOptions> = {},
): readonly Detection[] {
  const options = { ...USUAL, ...given }
  return suppress(decoder(outputs, options), options.suppression, options.most)
}

/** Numbers of an image: classes with boxes, each with its count, then class, score and matches of every detection. */
function packed({ truths, detections }: ImageMatches): readonly number[] {
  return [truths.size, ...[...truths].flat(), ...detections.flatMap(({ label, score, right }) => [label, score, right])]
}

function unpacked(numbers: readonly number[]): ImageMatches {
  const classes = numbers[0]!
  const truths = new Map<number, number>()
  for (let i = 0; i < classes; i++) truths.set(numbers[1 + 2 * i]!, numbers[2 + 2 * i]!)
  const detections = []
  for (let at = 1 + 2 * classes; at < numbers.length; at += 3)
    detections.push({ label: numbers[at]!, score: numbers[at + 1]!, right: numbers[at + 2]! })
  return { truths, detections }
}

/** By class the share of its boxes that is found, as the mean over all overlaps that are asked for. */
function sharesFound({ truths, detections }: ImageMatches): ReadonlyMap<number, number> {
  const found = new Map([...truths.keys()].map((label) => [label, 0]))
  for (const { label, right } of detections) {
    const count = truths.get(label)
    if (count) found.set(label, found.get(label)! + overlapsReached(right) / count)
  }
  return found
}

function truthOf({ label, row }: MetricRow): readonly Truth[] {
  const fail = (problem: string) =>
    new UserError('bad-data', `the label of row ${row} ${problem}`, {
      where: `row ${row}`,
      hint: 'boxes are [[class, left, top, right, bottom], …] in pixels of the model’s input, padded with a class of −1',
    })
  if (typeof label !== 'object') throw fail('holds no boxes')
  const numbers = Array.from(label, Number)
  if (numbers.length % 5 !== 0) throw fail(`has ${numbers.length} numbers, not five a box`)
  const truths: Truth[] = []
  for (let at = 0; at < numbers.length; at += 5) {
    const [name, x1, y1, x2, y2] = numbers.slice(at, at + 5) as [number, number, number, number, number]
    if (name < 0) continue
    if (![name, x1, y1, x2, y2].every(Number.isFinite) || x2 < x1 || y2 < y1)
      throw fail(`has the box ${numbers.slice(at, at + 5).join(', ')}`)
    truths.push({ label: name, box: [x1, y1, x2, y2] })
  }
  return truths
}

/**
 * The metric of `detection:DECODER[,key=value]…`: `size=416x416`, `strides=8/16/32`, `anchors=10-16-24/32-48`,
 * `classes=80`, `score=0.01`, `nms=0.65`, `most=100`.
 *
 * @throws UserError `bad-argument` for an unknown decoder or key, with the nearest known.
 */
export function detectionNamed(text: string): Metric {
  const [name, ...pairs] = text.split(',')
  const decoder = Object.hasOwn(decoders, name!) ? decoders[name!] : undefined
  if (!decoder) throw unknown('decoder', name!, Object.keys(decoders))
  const given: { -readonly [K in keyof DetectionOptions]?: DetectionOptions[K] } = {}
  for (const pair of pairs) {
    const [key, value = ''] = pair.split('=')
    const number = Number(value)
    const numbers = value.split(/[x/]/).map(Number)
    const whole = numbers.every((part) => Number.isInteger(part) && part > 0)
    const sides = value.split('/').map((head) => head.split('-').map(Number))
    const share = value !== '' && number >= 0 && number <= 1
    if (key === 'size' && numbers.length === 2 && whole) given.size = [numbers[0]!, numbers[1]!]
    else if (key === 'strides' && whole) given.strides = numbers
    else if (key === 'anchors' && sides.flat().every((side) => side > 0)) given.anchors = sides
    else if (key === 'score' && share) given.score = number
    else if (key === 'nms' && share) given.suppression = number
    else if (key === 'classes' && Number.isInteger(number) && number > 0) given.classes = number
    else if (key === 'most' && Number.isInteger(number) && number > 0) given.most = number
    else
      throw unknown('setting', pair, [
        'size=416x416',
        'strides=8/16/32',
        'anchors=10-16/32-48',
        'classes=80',
        'score=0.01',
        'nms=0.65',
        'most=100',
      ])
  }
  return detectionPrecision(decoder, given)
}

function unknown(what: string, given: string, known: readonly string[]): UserError {
  return new UserError('bad-argument', `there is no detection ${what} "${given}"`, {
    where: '--metric',
    hint: `${didYouMean(given, known)}known: ${known.join(', ')}`,
  })
}
