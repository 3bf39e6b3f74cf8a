import { operatorName } from '../../../ir/index.ts'
import { unevenWindows } from '../kernels/convolve-averages.ts'
import { standIn, takesNoKernel, type Unit } from '../units/unit.ts'

/**
 * Nanoseconds on one thread, onnxruntime 1.30 on x86-64 with VNNI, fitted to profiles of seven networks. Only their
 * proportions matter: they decide where an integer island ends, and measuring decides whether it stands.
 */
export interface UnitCost {
  readonly float: number
  readonly integer: number
}

/** A border: the conversion itself and the change of layout that mostly comes with it, an element and a call. */
export const borderCosts = { convert: 0.35, call: 8000 } as const

/** Calling a kernel at all. */
const FLOAT_CALL = 4000
const INTEGER_CALL = 5000

/** Sizes of a product: output elements, output channels, multiply-accumulates an element, places of its window. */
export interface ProductSize {
  readonly outputs: number
  readonly channels: number
  readonly macs: number
  readonly window: number
  /** What is left of its time in integers where it makes several pixels at once (`tileOutputs`); all of it unless said. */
  readonly tiled?: number
  /** A transposed convolution of one channel a group. */
  readonly transposedDepthwise?: boolean
}

/** Kernels work on 16 channels at a time: fewer cost as much. */
const padding = (channels: number) => (Math.ceil(channels / 16) * 16) / channels

/**
 * Convolution in float: 0.0178 a multiply-accumulate. In integers: 0.0046, but each output place also costs about 8 for
 * packing its input, and each place of a window 0.7 more, so few channels make integers dear, unless tiles are made.
 */
export function convCost({ outputs, channels, macs, window, tiled = 1 }: ProductSize): UnitCost {
  const places = outputs / channels
  const gather = window > 1 ? 0.7 * window : 0
  return {
    float: FLOAT_CALL + outputs * (0.05 + 0.0178 * macs) * padding(channels),
    integer: INTEGER_CALL + tiled * (outputs * (0.1 + 0.0046 * macs) * padding(channels) + places * (8 + gather)),
  }
}

/**
 * Depthwise: the channels-last integer kernel loses to the blocked float one, most where channels are few or odd. But
 * behind integers a value is in plain order, and only fours of channels are put into blocks from there: others have a
 * float kernel that takes twelve times as long (58 channels of 16×16: 0.045 ms, 60 channels 0.007).
 */
export function depthwiseCost({ outputs, channels, macs }: ProductSize): UnitCost {
  const odd = channels % 16 !== 0
  const plain = channels % 4 !== 0
  return {
    float: FLOAT_CALL + outputs * macs * (plain ? 0.33 : channels < 16 ? 0.25 : 0.027),
    integer: INTEGER_CALL + outputs * ((0.1 + 0.035 * macs) * (odd ? 2.5 : 1) + 7 / channels),
  }
}

/**
 * A transposed convolution of one channel a group: the float kernel has no blocks; in integers its channels are copied for
 * every place of a tile, convolved, and the tiles laid side by side (8 to 256 channels, 2×2 and 4×4).
 */
export function transposedDepthwiseCost(size: ProductSize): UnitCost {
  const { outputs, macs } = size
  return {
    float: FLOAT_CALL + outputs * (0.6 + 0.27 * macs),
    integer: INTEGER_CALL + outputs * 0.2 + depthwiseCost(size).integer,
  }
}

/** A PRelu: two convolutions of one tap in float, one and the greater of two in integers (`slopesInCodes`). */
export function slopesCost(outputs: number, channels: number): UnitCost {
  const { integer } = depthwiseCost({ outputs, channels, macs: 1, window: 1 })
  return {
    float: 2 * FLOAT_CALL + outputs * 0.23 * padding(channels),
    integer: INTEGER_CALL + integer + outputs * 0.05,
  }
}

/** A matrix product: no window to pack, no block of channels to fill. */
export function matmulCost({ outputs, macs }: ProductSize): UnitCost {
  return {
    float: FLOAT_CALL + outputs * (0.05 + 0.017 * macs),
    integer: INTEGER_CALL + outputs * (0.15 + 0.0045 * macs),
  }
}

/** An output element in float and in integers, of operators other than products. */
const elementCosts: Readonly<Record<string, UnitCost>> = {
  Add: { float: 0.15, integer: 0.16 },
  Mul: { float: 0.15, integer: 0.28 },
  Concat: { float: 0.2, integer: 0.2 },
  Max: { float: 0.5, integer: 0.12 },
  Min: { float: 0.5, integer: 0.12 },
  AveragePool: { float: 0.6, integer: 0.4 },
  LeakyRelu: { float: 0.2, integer: 0.3 },
  Sigmoid: { float: 0.33, integer: 0.3 },
  Softmax: { float: 0.5, integer: 2.7 },
  MaxPool: { float: 1.5, integer: 1.3 },
  Resize: { float: 0.4, integer: 0.2 },
  Gather: { float: 0.1, integer: 0.1 },
  Pad: { float: 0.4, integer: 0.1 },
  Slice: { float: 0.85, integer: 1.1 },
  Transpose: { float: 0.4, integer: 0.4 },
}

/** An average that cannot be a convolution: see `convolveAverages`. */
const UNEVEN_AVERAGE: UnitCost = { float: 0.6, integer: 4 }

/** The float forms of Relu and HardSwish mostly vanish into the convolution in front of them. */
const standInCosts: Readonly<Record<string, UnitCost>> = {
  relu: { float: 0.03, integer: 0.3 },
  'hard-sigmoid': { float: 0.2, integer: 0.3 },
  tanh: { float: 0.5, integer: 0.3 },
  'hard-swish': { float: 0.2, integer: 0.6 },
  silu: { float: 0.35, integer: 0.6 },
}

/** What a unit other than a product costs; `inputs` and `outputs` count elements. */
export function elementwiseCost(unit: Unit, inputs: number, outputs: number): UnitCost {
  const special = standIn(unit.node)
  const uneven = operatorName(unit.node) === 'AveragePool' && unevenWindows(unit.node) !== undefined
  const cost = special ? standInCosts[special]! : uneven ? UNEVEN_AVERAGE : elementCosts[operatorName(unit.node)]
  if (cost && takesNoKernel(unit)) return { float: FLOAT_CALL + outputs * cost.float, integer: 0 }
  if (cost) return { float: FLOAT_CALL + outputs * cost.float, integer: INTEGER_CALL + outputs * cost.integer }
  // Global pools read much and write little; what only changes a shape is free.
  const read = unit.rule.kind === 'pool' ? inputs * 0.15 : 0
  return { float: FLOAT_CALL / 2 + read, integer: FLOAT_CALL / 2 + read }
}
