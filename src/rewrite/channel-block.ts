import type { ChannelBlock } from '../report/index.ts'

/** Channels that the runtime's blocked kernels compute at once where vectors are widest: what passes go by unless told. */
export const BLOCK: ChannelBlock = 16

/**
 * What it takes to bring one channel of a pixel out of its block, and back, in multiply-accumulates of a blocked kernel
 * (0.5 ns and 0.018; onnxruntime 1.30, x86-64).
 */
export const REORDER_MACS = 28

/** What the runtime makes a part of the convolution in front, whose channels stay in their blocks for it. */
export const CONV_ACTIVATIONS: ReadonlySet<string> = new Set([
  'Relu',
  'HardSwish',
  'HardSigmoid',
  'LeakyRelu',
  'Sigmoid',
  'Tanh',
  'Clip',
])
