/**
 * Nanoseconds on one thread, onnxruntime 1.30 on x86-64 with VNNI, fitted to the least times of 1,500 kernels of twenty
 * networks (MobileNets, EfficientNet, GhostNet, ShuffleNet, ResNet, ConvNeXt, YOLO, small transformers; 112 to 224 pixels,
 * 8 to 196 tokens), each inside a whole run. Only their proportions matter: they decide where an integer island ends, and
 * measuring decides whether it stands.
 */
export interface UnitCost {
  readonly float: number
  readonly integer: number
}

/** Calling the kernel of a product, or of anything else. */
export const CALL = { product: { float: 4000, integer: 5000 }, other: { float: 2000, integer: 3000 } } as const

/** To fetch a weight, which each run does once: what few places or rows multiply is cheap beside it. */
const WEIGHT = { float: 0.06, integer: 0.03 } as const

/** Sizes of a product: output elements, output channels, multiply-accumulates an element, places of its window. */
export interface ProductSize {
  readonly outputs: number
  readonly channels: number
  readonly macs: number
  readonly window: number
  /** Elements of its right side; of two activations those of the right one. */
  readonly weights: number
  /**
   * What is left of its time in integers where it makes several pixels at once (`tileOutputs`); all of it by default.
   */
  readonly tiled?: number
  /** A transposed convolution of one channel a group. */
  readonly transposedDepthwise?: boolean
}

/** Channels that kernels work on at a time: fewer cost as much. */
const BLOCK = 16
const blocksOf = (channels: number) => Math.ceil(channels / BLOCK)

/** Integer kernels multiply four channels at a time. */
const inFours = (channels: number) => Math.ceil(channels / 4) * 4

/**
 * A convolution in float: to load and store a block of channels at a place, and 0.0168 a multiply-accumulate. In integers
 * 0.0042, 0.08 to bring an output to its codes, and 2 for a place; a window asks for pointers as well, 4 a place and 0.37
 * for each of its own. So few channels make integers dear, unless tiles are made.
 */
export function convCost({ outputs, channels, macs, window, weights, tiled = 1 }: ProductSize): UnitCost {
  const places = outputs / channels
  const computed = places * blocksOf(channels)
  const place = 2 + (window > 1 ? 4 + 0.37 * window : 0)
  const multiplied = BLOCK * inFours(macs / window) * window
  return {
    float: CALL.product.float + computed * (2.5 + 0.0168 * BLOCK * macs) + weights * WEIGHT.float,
    integer:
      CALL.product.integer +
      tiled * (places * place + computed * 0.0042 * multiplied) +
      outputs * 0.08 +
      weights * WEIGHT.integer,
  }
}

/**
 * One channel a group. In float blocks are as cheap as anywhere, but behind integers a value is in plain order, and only
 * fours of channels are put into blocks from there: others are convolved one after the other (58 channels of 16×16:
 * 0.045 ms, 60 channels 0.007). The integer kernel takes 16 channels at once, eight of what is left in three times the
 * time, and the rest one by one, twice as dear each as a block (12 channels of 64×64, 3×3: 0.18 ms, 24 of them 0.14).
 */
export function depthwiseCost({ outputs, channels, macs }: ProductSize): UnitCost {
  const places = outputs / channels
  const rest = channels % BLOCK
  const tap = 0.57 + 0.48 * Math.floor(channels / BLOCK) + (rest >= 8 ? 1.43 : 0) + 0.89 * (rest % 8)
  const plain = channels * 240 + outputs * macs * 0.2
  const blocked = places * blocksOf(channels) * BLOCK * macs * 0.031
  return {
    float: CALL.product.float + (channels % 4 === 0 ? blocked : plain),
    integer: CALL.product.integer + places * macs * tap + outputs * 0.084,
  }
}

/**
 * A transposed convolution of one channel a group: the float kernel has no blocks; in integers its channels are copied for
 * every place of a tile, convolved, and the tiles laid side by side (8 to 256 channels, 2×2 and 4×4).
 */
export function transposedDepthwiseCost(size: ProductSize): UnitCost {
  const { outputs, macs } = size
  return {
    float: CALL.product.float + outputs * (0.6 + 0.27 * macs),
    integer: CALL.product.integer + outputs * 0.2 + depthwiseCost(size).integer,
  }
}

/** A PRelu: two convolutions of one tap in float, one and the greater of two in integers (`slopesInCodes`). */
export function slopesCost(outputs: number, channels: number): UnitCost {
  const { integer } = depthwiseCost({ outputs, channels, macs: 1, window: 1, weights: channels })
  return {
    float: 2 * CALL.product.float + (outputs / channels) * blocksOf(channels) * BLOCK * 0.23,
    integer: CALL.other.integer + integer + outputs * 0.05,
  }
}

/**
 * A matrix product: no window, no block of channels to fill. In integers each element of the left side is packed, and each
 * output brought to its codes, or to float.
 */
export function matmulCost({ outputs, channels, macs, weights }: ProductSize): UnitCost {
  return {
    float: CALL.other.float + outputs * 0.0168 * macs + weights * WEIGHT.float,
    integer:
      CALL.product.integer +
      outputs * (0.23 + 0.0046 * macs) +
      (outputs / channels) * macs * 0.1 +
      weights * WEIGHT.integer,
  }
}
