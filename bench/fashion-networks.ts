import { ints, tensorOf } from '../src/ir/index.ts'
import { CLASSES, encoder, NetworkWriter, type TrainedNetwork } from './train-networks.ts'

/**
 * Networks for Fashion-MNIST whose integers are known to be hard: inverted residuals with SiLU and squeeze-and-excite,
 * as EfficientNet has them, a small vision transformer over patches of 4×4, and depthwise and pointwise convolutions by
 * turns, as narrow as MobileNet at a quarter of its width, where no other channel makes up for one that is rounded.
 */
export const fashionNetworks = (): readonly TrainedNetwork[] => [
  invertedResiduals(),
  patchTransformer(),
  narrowDepthwise(),
]

function narrowDepthwise(): TrainedNetwork {
  const write = new NetworkWriter()
  let x = write.op('Relu', [write.conv('x', 1, 8, { stride: 2 })])
  for (const [from, to, stride] of [
    [8, 16, 1],
    [16, 32, 2],
    [32, 32, 1],
    [32, 64, 2],
    [64, 64, 1],
  ] as const) {
    x = write.op('Relu', [write.conv(x, from, from, { stride, group: from })])
    x = write.op('Relu', [write.conv(x, from, to, { kernel: 1 })])
  }
  const flat = write.op('Flatten', [write.op('GlobalAveragePool', [x])])
  return write.finish('narrow', write.linear(flat, 64, CLASSES), [1, 32, 32])
}

function invertedResiduals(): TrainedNetwork {
  const write = new NetworkWriter()
  const silu = (x: string) => write.op('Mul', [x, write.op('Sigmoid', [x])])
  const dense = (x: string, from: number, to: number) =>
    write.op('Conv', [x, write.weight([to, from, 1, 1], from), write.filled(to, 0)], { kernel_shape: ints([1, 1]) })
  let x = silu(write.conv('x', 1, 16, { stride: 2 }))
  for (const [from, to, stride] of [
    [16, 16, 1],
    [16, 24, 2],
    [24, 24, 1],
    [24, 40, 2],
    [40, 40, 1],
  ] as const) {
    const wide = 4 * from
    const expanded = silu(write.conv(x, from, wide, { kernel: 1 }))
    const seen = silu(write.conv(expanded, wide, wide, { stride, group: wide }))
    const squeezed = silu(dense(write.op('GlobalAveragePool', [seen]), wide, from / 2))
    const gated = write.op('Mul', [seen, write.op('Sigmoid', [dense(squeezed, from / 2, wide)])])
    const y = write.conv(gated, wide, to, { kernel: 1 })
    x = from === to ? write.op('Add', [x, y]) : y
  }
  const last = silu(write.conv(x, 40, 128, { kernel: 1 }))
  const flat = write.op('Flatten', [write.op('GlobalAveragePool', [last])])
  return write.finish('residuals', write.linear(flat, 128, CLASSES), [1, 32, 32])
}

function patchTransformer(): TrainedNetwork {
  const [write, tokens, width] = [new NetworkWriter(), 64, 64]
  const patches = write.op('Conv', ['x', write.weight([width, 1, 4, 4], 16), write.filled(width, 0)], {
    kernel_shape: ints([4, 4]),
    strides: ints([4, 4]),
  })
  const rows = write.op('Transpose', [write.op('Reshape', [patches, write.shape([0, width, tokens])])], {
    perm: ints([0, 2, 1]),
  })
  const places = write.keep(tensorOf('float32', [tokens, width], new Float32Array(tokens * width), ''))
  const seen = encoder(write, write.op('Add', [rows, places]), { tokens, width, layers: 3 })
  return write.finish('patches', write.linear(seen, width, CLASSES), [1, 32, 32])
}
