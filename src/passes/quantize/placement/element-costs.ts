import { operatorName } from '../../../ir/index.ts'
import { unevenWindows } from '../kernels/convolve-averages.ts'
import { standIn, takesNoKernel, type Unit } from '../units/unit.ts'
import { CALL, type UnitCost } from './kernel-costs.ts'

/** What tells the cost of a unit other than a product. */
export interface ElementSizes {
  /** Elements of all that it reads, and of all that it makes. */
  readonly inputs: number
  readonly outputs: number
  /** Values that it reads. */
  readonly values: number
  /** Channels of what it makes; 1 where that is not known. */
  readonly channels: number
  /** A Mul whose other side is one number a channel, as the gate of squeeze-and-excitation is. */
  readonly overChannels: boolean
  /** In float a part of the convolution in front, or of the product of a gate behind. */
  readonly fused: boolean
  /** The product of a value with its own sigmoid, which is one kernel with it in float. */
  readonly gate: boolean
  /** Whether the gate of HardSwish is held between two limits; see `PlanOptions.curves`. */
  readonly limits: boolean
}

/** Nanoseconds of an output element in float and in integers; see `UnitCost`. */
const elementCosts: Readonly<Record<string, UnitCost>> = {
  Add: { float: 0.16, integer: 0.16 },
  Mul: { float: 0.15, integer: 0.2 },
  Max: { float: 0.5, integer: 0.12 },
  Min: { float: 0.5, integer: 0.12 },
  AveragePool: { float: 0.6, integer: 0.4 },
  LeakyRelu: { float: 0.2, integer: 0.25 },
  Sigmoid: { float: 0.33, integer: 0.25 },
  Softmax: { float: 0.37, integer: 2.4 },
  MaxPool: { float: 1, integer: 0.55 },
  Resize: { float: 0.4, integer: 0.2 },
  Gather: { float: 0.13, integer: 0.1 },
  Split: { float: 0.12, integer: 0.1 },
  Pad: { float: 0.4, integer: 0.1 },
  Slice: { float: 0.85, integer: 1.1 },
  Transpose: { float: 0.2, integer: 0.15 },
}

/** An average that cannot be a convolution: see `convolveAverages`. */
const UNEVEN_AVERAGE: UnitCost = { float: 0.6, integer: 4 }

/** The float forms of Relu and HardSwish mostly vanish into the convolution in front of them. */
const standInCosts: Readonly<Record<string, UnitCost>> = {
  relu: { float: 0.1, integer: 0.25 },
  'hard-sigmoid': { float: 0.2, integer: 0.25 },
  tanh: { float: 0.5, integer: 0.25 },
  'hard-swish': { float: 0.2, integer: 0.46 },
  silu: { float: 0.31, integer: 0.46 },
}

/** The gate of HardSwish as codes between two limits, with its product, on x86-64 without VNNI. */
const LIMITED_GATE = 0.29

/** What an activation adds to the convolution that takes it in. */
const FUSED = 0.03
/** x times its own sigmoid. */
const GATE = 0.31

/** What a unit other than a product costs by formulas, in nanoseconds. */
export function elementwiseCost(unit: Unit, sizes: ElementSizes): UnitCost {
  const { inputs, outputs } = sizes
  const operator = operatorName(unit.node)
  if (takesNoKernel(unit))
    return { float: CALL.other.float + outputs * (elementCosts[operator]?.float ?? 0), integer: 0 }
  if (operator === 'Concat') return concatCost(sizes)
  if (operator === 'Mul' && sizes.overChannels) return channelProductCost(sizes)
  const special = standIn(unit.node)
  const uneven = operator === 'AveragePool' && unevenWindows(unit.node) !== undefined
  const cost = special ? standInCosts[special]! : uneven ? UNEVEN_AVERAGE : elementCosts[operator]
  if (cost) {
    const calls = special === 'hard-swish' || special === 'silu' ? 2 : 1
    const each = special === 'hard-swish' && sizes.limits ? LIMITED_GATE : cost.integer
    const integer = calls * CALL.other.integer + outputs * each
    if (sizes.fused) return { float: outputs * FUSED, integer }
    return { float: CALL.other.float + outputs * (sizes.gate ? GATE : cost.float), integer }
  }
  // Global pools read much and write little; what only changes a shape is free.
  if (unit.rule.kind === 'pool')
    return { float: CALL.other.float + inputs * 0.055, integer: CALL.other.integer + inputs * 0.04 + outputs * 0.85 }
  return { float: CALL.other.float, integer: CALL.other.float }
}

/** Parts are copied as they lie in float; channels last, each place of each part is a copy of its own. */
const concatCost = ({ outputs, channels, values }: ElementSizes): UnitCost => ({
  float: CALL.other.float + outputs * 0.085,
  integer: CALL.other.integer + (outputs / channels) * values * 2.3 + outputs * 0.01,
})

/**
 * In float a channel is a row with a factor; channels last, a place is one, and what is left of its sixteens is multiplied
 * one by one.
 */
const channelProductCost = ({ outputs, channels }: ElementSizes): UnitCost => ({
  float: CALL.other.float + outputs * 0.1 + channels * 8,
  integer: CALL.other.integer + (outputs / channels) * (10 + 0.2 * channels + 1.5 * (channels % 16)),
})
