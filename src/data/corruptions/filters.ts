/** Convolutions and resampling of single planes; what lies outside a plane is its nearest border pixel. */
export interface Size {
  readonly height: number
  readonly width: number
}

/** Gaussian blur, separable, cut at 3 σ (4 σ costs a third more and changes less than one level of 255). */
export function gaussianBlur(plane: Float64Array, size: Size, sigma: number): Float64Array {
  if (sigma < 0.05) return plane
  const radius = Math.max(1, Math.ceil(3 * sigma))
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const kernel = Float64Array.from(weights, (weight) => weight / total)
  return alongColumns(alongRows(plane, size, kernel), size, kernel)
}

function alongRows(plane: Float64Array, { height, width }: Size, kernel: Float64Array): Float64Array {
  const radius = (kernel.length - 1) / 2
  const result = new Float64Array(plane.length)
  const padded = new Float64Array(width + 2 * radius)
  for (let y = 0; y < height; y++) {
    const row = y * width
    for (let i = 0; i < padded.length; i++) padded[i] = plane[row + Math.min(width - 1, Math.max(0, i - radius))]!
    for (let x = 0; x < width; x++) {
      let sum = 0
      for (let k = 0; k < kernel.length; k++) sum += kernel[k]! * padded[x + k]!
      result[row + x] = sum
    }
  }
  return result
}

function alongColumns(plane: Float64Array, { height, width }: Size, kernel: Float64Array): Float64Array {
  const radius = (kernel.length - 1) / 2
  const result = new Float64Array(plane.length)
  for (let y = 0; y < height; y++)
    for (let k = 0; k < kernel.length; k++) {
      const from = Math.min(height - 1, Math.max(0, y + k - radius)) * width
      const weight = kernel[k]!
      for (let x = 0; x < width; x++) result[y * width + x]! += weight * plane[from + x]!
    }
  return result
}

/** Weighted sum of copies of a plane, each moved by a fraction of pixels: any sparse convolution. */
export function shiftedSum(
  plane: Float64Array,
  { height, width }: Size,
  taps: readonly { readonly dx: number; readonly dy: number; readonly weight: number }[],
): Float64Array {
  const result = new Float64Array(plane.length)
  for (const { dx, dy, weight } of taps) {
    const x0 = Math.floor(dx)
    const y0 = Math.floor(dy)
    const corners = [
      [x0, y0, (1 - (dx - x0)) * (1 - (dy - y0))],
      [x0 + 1, y0, (dx - x0) * (1 - (dy - y0))],
      [x0, y0 + 1, (1 - (dx - x0)) * (dy - y0)],
      [x0 + 1, y0 + 1, (dx - x0) * (dy - y0)],
    ] as const
    for (const [left, top, share] of corners) {
      const factor = share * weight
      if (factor === 0) continue
      // Columns whose source lies inside need no border test.
      const inside = [Math.min(width, Math.max(0, -left)), Math.max(0, Math.min(width, width - left))] as const
      for (let y = 0; y < height; y++) {
        const from = Math.min(height - 1, Math.max(0, y + top)) * width
        const to = y * width
        for (let x = 0; x < inside[0]; x++) result[to + x]! += factor * plane[from]!
        for (let x = inside[0]; x < inside[1]; x++) result[to + x]! += factor * plane[from + x + left]!
        for (let x = Math.max(inside[0], inside[1]); x < width; x++)
          result[to + x]! += factor * plane[from + width - 1]!
      }
    }
  }
  return result
}

/** Bilinear value at a place between pixels. */
export function valueAt(plane: Float64Array, { height, width }: Size, y: number, x: number): number {
  const cy = Math.min(height - 1, Math.max(0, y))
  const cx = Math.min(width - 1, Math.max(0, x))
  const top = Math.floor(cy)
  const left = Math.floor(cx)
  const down = Math.min(height - 1, top + 1) * width
  const right = Math.min(width - 1, left + 1)
  const fy = cy - top
  const fx = cx - left
  return (
    (1 - fy) * ((1 - fx) * plane[top * width + left]! + fx * plane[top * width + right]!) +
    fy * ((1 - fx) * plane[down + left]! + fx * plane[down + right]!)
  )
}

/** The plane enlarged about its middle, at its own size. */
export function zoomed(plane: Float64Array, size: Size, factor: number): Float64Array {
  const { height, width } = size
  const [cy, cx] = [(height - 1) / 2, (width - 1) / 2]
  const result = new Float64Array(plane.length)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      result[y * width + x] = valueAt(plane, size, cy + (y - cy) / factor, cx + (x - cx) / factor)
  return result
}

/** Each pixel of the smaller image is the mean of the area that it covers. */
export function boxReduce(plane: Float64Array, from: Size, to: Size): Float64Array {
  const rows = coverage(from.height, to.height)
  const columns = coverage(from.width, to.width)
  const result = new Float64Array(to.height * to.width)
  for (const [y, row] of rows.entries())
    for (const [x, column] of columns.entries()) {
      let sum = 0
      for (const [sourceY, shareY] of row)
        for (const [sourceX, shareX] of column) sum += shareY * shareX * plane[sourceY * from.width + sourceX]!
      result[y * to.width + x] = sum
    }
  return result
}

function coverage(from: number, to: number): readonly (readonly (readonly [place: number, share: number])[])[] {
  const step = from / to
  return Array.from({ length: to }, (_, i) => {
    const [start, end] = [i * step, (i + 1) * step]
    const parts: [number, number][] = []
    for (let place = Math.floor(start); place < Math.min(from, Math.ceil(end - 1e-9)); place++)
      parts.push([place, (Math.min(end, place + 1) - Math.max(start, place)) / step])
    return parts
  })
}
