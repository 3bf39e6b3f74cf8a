/** A kernel that a pass planned and the runtime does not run that often. */
export interface KernelMismatch {
  readonly kernel: string
  readonly planned: number
  readonly found: number
  readonly reason: string
}

/**
 * Kernels that stand for one another: the runtime picks among them by what surrounds a product, all of them multiply
 * integers.
 */
const FAMILIES: readonly (readonly string[])[] = [
  ['QLinearMatMul', 'QGemm', 'MatMulIntegerToFloat', 'MatMulInteger'],
  ['MaxPool', 'NhwcMaxPool'],
]

/** Operators that only move values: cancelled, merged or turned into others by the runtime, so their count says nothing. */
const MOVEMENTS = new Set([
  'Reshape',
  'Flatten',
  'Transpose',
  'Slice',
  'Squeeze',
  'Unsqueeze',
  'Split',
  'DepthToSpace',
  'Expand',
  'Tile',
  'Resize',
])

const REASONS: Readonly<Record<string, string>> = {
  QLinearConv: 'a convolution runs in float when its output does not go straight into one QuantizeLinear',
  QGemm: 'a matrix product runs in float when its bias is not an int32 DequantizeLinear',
  DynamicQuantizeMatMul: 'the product must read the codes of a DynamicQuantizeLinear of its own',
  MatMulNBits: 'the runtime refused the block size or the type of the scales',
}

/**
 * Planned against counted kernels, by bare operator name. More than planned is no mismatch: the runtime quantizes
 * some float nodes between integer ones by itself.
 */
export function compareKernels(
  planned: Readonly<Record<string, number>>,
  kernels: Readonly<Record<string, number>>,
): readonly KernelMismatch[] {
  const mismatches: KernelMismatch[] = []
  const judged = new Set<string>()
  for (const kernel of Object.keys(planned)) {
    if (MOVEMENTS.has(kernel) || judged.has(kernel)) continue
    const family = FAMILIES.find((names) => names.includes(kernel)) ?? [kernel]
    for (const name of family) judged.add(name)
    const sum = (counts: Readonly<Record<string, number>>) =>
      family.reduce((total, name) => total + (counts[name] ?? 0), 0)
    const [wanted, found] = [sum(planned), sum(kernels)]
    if (found >= wanted) continue
    const why = REASONS[kernel] ?? 'the pattern around it did not fuse'
    mismatches.push({
      kernel,
      planned: wanted,
      found,
      reason: `${wanted - found} of ${wanted} planned ${kernel} did not become integer kernels: ${why}`,
    })
  }
  return mismatches
}
