/** Rounding of cosines, as a share of the largest weight. */
const ROUNDING = 1e-6

/** Rows of taps that are the same from behind, or that negated. */
interface Window {
  /** Taps in front that are 0 in all rows, and are left out: none or one, as periodic windows have. */
  readonly skip: number
  /** The others. */
  readonly taps: number
  /** How many rows the first part has. */
  readonly first: number
  /** Rows that are the same from behind, or that negated, one part behind the other: the first half of each. */
  readonly parts: readonly { readonly even: boolean; readonly matrix: Float32Array }[]
}

/** What is symmetric in weights of `rows` times `size` taps; undefined where nothing is, or both kinds of rows take turns. */
export function windowOf(values: Float32Array, rows: number, size: number): Window | undefined {
  const most = values.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0)
  const near = ROUNDING * most
  if (!(most > 0)) return undefined
  for (const skip of [0, 1]) {
    const taps = size - skip
    const at = (row: number, tap: number) => values[row * size + skip + tap]!
    const is = (row: number, sign: number) => {
      for (let tap = 0; 2 * tap < taps; tap++)
        if (Math.abs(at(row, tap) - sign * at(row, taps - 1 - tap)) > near) return false
      return skip === 0 || Math.abs(values[row * size]!) <= near
    }
    for (const even of [true, false]) {
      const [sign, other] = even ? [1, -1] : [-1, 1]
      let first = 0
      while (first < rows && is(first, sign)) first++
      let last = rows
      while (last > 0 && is(last - 1, other)) last--
      // Rows of zeros belong to either part.
      if (first === 0 || last > first) continue
      const border = 2 * first >= rows && 2 * last <= rows ? Math.floor(rows / 2) : first
      const matrix = (from: number, to: number, kind: boolean) => ({
        even: kind,
        matrix: halves(at, from, to, taps, kind),
      })
      const parts = [matrix(0, border, even), matrix(border, rows, !even)].filter((part) => part.matrix.length > 0)
      return { skip, taps, first: border, parts }
    }
  }
  return undefined
}

/** The first half of rows, each the mean of both; the tap in the middle meets itself. */
function halves(at: (row: number, tap: number) => number, from: number, to: number, taps: number, even: boolean) {
  const half = Math.ceil(taps / 2)
  const matrix = new Float32Array((to - from) * half)
  for (let row = from; row < to; row++)
    for (let tap = 0; tap < half; tap++) {
      const mean = (at(row, tap) + (even ? 1 : -1) * at(row, taps - 1 - tap)) / 2
      matrix[(row - from) * half + tap] = 2 * tap + 1 === taps ? mean / 2 : mean
    }
  return matrix
}
