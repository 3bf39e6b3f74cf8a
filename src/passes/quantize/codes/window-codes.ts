import {
  elementCount,
  intAttribute,
  type Model,
  type Node,
  operatorName,
  roundHalfEven,
  type Windows,
  windowsOf,
} from '../../../ir/index.ts'
import { GraphEditor } from '../../../rewrite/index.ts'
import { quantizeChannels } from './channel-weights.ts'
import { handOnErrors } from './hand-on-errors.ts'
import type { WindowMoments } from './moments.ts'

/** What the kernels of a convolution lie over, in parts of `size` numbers: whole channels with all their taps. */
export interface ReadWindows {
  readonly weight: string
  readonly value: string
  readonly windows: Windows
  readonly parts: number
  readonly size: number
}

/**
 * Numbers of a window that are looked at together. More of them cost the third power of their count and gain nothing
 * once means are corrected: 72, 144, 288 and 576 left 25.7, 28.4, 27.9 and 27.9 dB in a ResNet for Fashion-MNIST, and
 * 20.0, 20.6, 20.1 and 19.9 in one of 29 convolutions for faces.
 */
const MOST_TOGETHER = 144
/** Taps of one channel beyond which nothing is gathered. */
const MOST_TAPS = 1024

/** Convolutions of the main graph whose roundings can look at what they read: those with weights and a bias of their own. */
export function readWindows(model: Model): readonly ReadWindows[] {
  const editor = new GraphEditor(model.graph)
  return editor.nodes.flatMap((node) => readWindow(node, editor) ?? [])
}

function readWindow(node: Node, editor: GraphEditor): ReadWindows | undefined {
  const [value, weight, bias] = node.inputs
  const dims = operatorName(node) === 'Conv' ? editor.constant(weight!)?.dims : undefined
  if (!dims || dims.length < 3 || editor.soleConsumer(weight!) !== node) return undefined
  if (bias && editor.constant(bias)?.dtype !== 'float32') return undefined
  const windows = windowsOf(node, dims.slice(2))
  const taps = elementCount(dims.slice(2))
  if (!windows || taps > MOST_TAPS) return undefined
  const [outputs = 1, depth = 1] = dims
  const groups = groupsOf(node)
  if (outputs % groups !== 0) return undefined
  let width = Math.min(depth, Math.max(1, Math.floor(MOST_TOGETHER / taps)))
  while (depth % width !== 0) width--
  return { weight: weight!, value: value!, windows, parts: (groups * depth) / width, size: width * taps }
}

const groupsOf = (node: Node) => intAttribute(node, 'group', 1)

interface WindowCodes {
  readonly codes: Int8Array
  readonly scales: Float32Array
  /** What has to be added to each output, since the rounded weights give so much less on average. */
  readonly shift: Float64Array
}

/**
 * Codes of weights [M, C, k…], one scale an output channel, by which the outputs stay near: on average through `shift`,
 * and about that through the errors that weights of the same part make up for (`handOnErrors`). Undefined where the
 * moments are of other windows.
 */
export function codesByWindows(
  node: Node,
  values: Float32Array,
  dims: readonly number[],
  { mean, covariance }: WindowMoments,
  most: number,
): WindowCodes | undefined {
  const [outputs = 1, depth = 1] = dims
  const taps = elementCount(dims.slice(2))
  const groups = groupsOf(node)
  const size = covariance.length / mean.length
  const [width, made] = [size / taps, outputs / groups]
  if (mean.length !== groups * depth * taps || !Number.isInteger(depth / width)) return undefined
  const { codes, scales } = quantizeChannels(values, dims, 0, { most })
  const shift = new Float64Array(outputs)
  for (let part = 0; part < mean.length / size; part++) {
    const group = Math.floor((part * width) / depth)
    // From the weights of an output to those of its inputs in this part, which stand together.
    const place = (row: number, column: number) =>
      (group * made + column) * depth * taps + (part * width - group * depth) * taps + row
    const weights = new Float32Array(size * made)
    for (let k = 0; k < size; k++) for (let n = 0; n < made; n++) weights[k * made + n] = values[place(k, n)]!
    const gram = covariance.subarray(part * size * size, (part + 1) * size * size) as Float32Array
    handOnErrors({ weights, rows: size, columns: made, gram }, (value, row, column) => {
      const scale = scales[group * made + column]!
      const code = Math.min(most, Math.max(-most, roundHalfEven(value / scale)))
      codes[place(row, column)] = code
      return code * scale
    })
    for (let k = 0; k < size; k++)
      for (let n = 0; n < made; n++) {
        const error = values[place(k, n)]! - codes[place(k, n)]! * scales[group * made + n]!
        shift[group * made + n]! += error * Number(mean[part * size + k])
      }
  }
  return { codes, scales, shift }
}
