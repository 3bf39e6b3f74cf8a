/** The lower triangle L of H = L · Lᵀ, `size`×`size`, row-major; null where H is not positive definite. */
function cholesky(h: Float64Array, size: number): Float64Array | null {
  const l = new Float64Array(size * size)
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      let sum = h[i * size + j]!
      const [a, b] = [i * size, j * size]
      for (let k = 0; k < j; k++) sum -= l[a + k]! * l[b + k]!
      if (i !== j) l[a + j] = sum / l[b + j]!
      else if (sum > 0) l[a + i] = Math.sqrt(sum)
      else return null
    }
  return l
}

/**
 * The upper triangle U of H⁻¹ = Uᵀ · U, which a sequential elimination of weights needs row by row; null where H is not
 * positive definite. With the rows and columns of H in reverse order its Cholesky factor gives U by one inversion of a
 * triangle: for J the reversal and J·H·J = L·Lᵀ, H⁻¹ = (J·L⁻¹·J)ᵀ · (J·L⁻¹·J).
 */
export function inverseFactor(h: Float64Array, size: number): Float64Array | null {
  const turned = new Float64Array(size * size)
  for (let i = 0; i < size * size; i++) turned[i] = h[size * size - 1 - i]!
  const l = cholesky(turned, size)
  if (!l) return null
  const inverse = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    const row = i * size
    // Row i of L⁻¹: (unit_i − Σ_j<i L_ij · row_j) / L_ii.
    for (let j = 0; j < i; j++) {
      const factor = l[row + j]!
      if (factor === 0) continue
      for (let c = 0; c <= j; c++) inverse[row + c]! -= factor * inverse[j * size + c]!
    }
    inverse[row + i] = 1
    for (let c = 0; c <= i; c++) inverse[row + c]! /= l[row + i]!
  }
  return inverse.reverse()
}
