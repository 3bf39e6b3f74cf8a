/** A kernel that a pass planned and the runtime does not run that often. */
export interface KernelMismatch {
  readonly kernel: string
  readonly planned: number
  readonly found: number
  readonly reason: string
}

/**
 * Kernels that stand for one another: the runtime picks among them by what surrounds a product, all of them multiply
 * integers; and a mean over windows is a convolution where it can be one.
 */
const FAMILIES: readonly (readonly string[])[] = [
  ['QLinearMatMul', 'QGemm', 'MatMulIntegerToFloat', 'MatMulInteger'],
  ['MaxPool', 'NhwcMaxPool'],
  ['QLinearConv', 'QLinearAveragePool'],
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
  'Pad',
])

const REASONS: Readonly<Record<string, string>> = {
  QLinearConv: 'a convolution runs in float when its output does not go straight into one QuantizeLinear',
  QGemm: 'a matrix product runs in float when its bias is not an int32 DequantizeLinear',
  DynamicQuantizeMatMul: 'the product must read the codes of a DynamicQuantizeLinear of its own',
  MatMulNBits: 'the runtime refused the block size or the type of the scales',
}

/**
 * Planned against counted kernels, by bare operator name. More than planned is no mismatch: a node that costs alone left
 * in float the runtime may quantize between integer ones by itself; what must stay in float is kept apart from it.
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

/**
 * The plan under the names that the runtime gives its kernels. Which one of a family a product becomes hangs on shapes
 * that only a run shows, so a planned kernel that is missing goes by the name of a surplus one of its family. What did
 * not become an integer kernel at all keeps its planned name, but for what only moves values: where the runtime made a
 * Reshape of it, it is one, and where it took it away, nothing is to be found.
 */
export function namedAsFound(
  planned: Readonly<Record<string, number>>,
  kernels: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const named: Record<string, number> = { ...planned }
  for (const family of FAMILIES)
    for (const kernel of family)
      for (const other of family) {
        const missing = (named[kernel] ?? 0) - (kernels[kernel] ?? 0)
        const surplus = (kernels[other] ?? 0) - (named[other] ?? 0)
        const moved = Math.min(missing, surplus)
        if (moved <= 0) continue
        named[kernel] = named[kernel]! - moved
        named[other] = (named[other] ?? 0) + moved
        if (named[kernel] === 0) delete named[kernel]
      }
  for (const kernel of MOVEMENTS) {
    const missing = (named[kernel] ?? 0) - (kernels[kernel] ?? 0)
    if (missing <= 0) continue
    const reshapes = Math.min(missing, Math.max(0, (kernels.Reshape ?? 0) - (named.Reshape ?? 0)))
    named[kernel] = named[kernel]! - missing
    if (reshapes > 0) named.Reshape = (named.Reshape ?? 0) + reshapes
    if (named[kernel] === 0) delete named[kernel]
  }
  return named
}
