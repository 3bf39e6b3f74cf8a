/** So much of the mean of H's diagonal is added to it, so that weights stay near those that were trained. */
const RIDGE = 1e-5

/**
 * The weights W [size, outputs] of a product y = Wᵀx + b while inputs of it are taken away, one after the other: those
 * left make up for what is missing as well as they can, by least squares. With H [size, size] the mean of xxᵀ (about the
 * mean of x where there is a b to take that up), H⁻¹ tells how: without input k,
 * W ← W − H⁻¹[:, k] · W[k, :] / H⁻¹[k, k] costs |W[k, :]|² / H⁻¹[k, k], and H⁻¹ ← H⁻¹ − H⁻¹[:, k] · H⁻¹[k, :] / H⁻¹[k, k].
 * Source: Hassibi and Stork 1993 (optimal brain surgeon); for whole channels Kurtic et al. 2023, 2302.04089 (ZipLM).
 */
export class MakeUp {
  readonly size: number
  readonly outputs: number
  readonly weights: Float64Array
  /** The lower triangle of H⁻¹, row by row in a whole square. */
  readonly #inverse: Float64Array
  readonly #left: Set<number>

  private constructor(weights: Float64Array, inverse: Float64Array) {
    this.size = Math.sqrt(inverse.length)
    this.outputs = weights.length / this.size
    this.weights = weights
    this.#inverse = inverse
    this.#left = new Set(Array.from({ length: this.size }, (_, i) => i))
  }

  /** null where H says nothing: inputs that are always zero, numbers that are not finite. */
  static of(h: ArrayLike<number>, weights: Float64Array): MakeUp | null {
    const size = Math.sqrt(h.length)
    let trace = 0
    for (let i = 0; i < size; i++) trace += h[i * size + i]!
    if (!(trace > 0) || !Number.isFinite(trace)) return null
    const damped = Float64Array.from(h)
    for (let i = 0; i < size; i++) damped[i * size + i]! += (RIDGE * trace) / size
    return invert(damped, size) ? new MakeUp(Float64Array.from(weights), damped) : null
  }

  /** The same with nothing taken in common; for a state from which nothing was taken yet. */
  copy(): MakeUp {
    return new MakeUp(Float64Array.from(this.weights), Float64Array.from(this.#inverse))
  }

  /** What taking these inputs away would cost: the mean of the squared change, all outputs together. */
  costOf(inputs: readonly number[]): number {
    const count = inputs.length
    const inverse = new Float64Array(count * count)
    const weights = new Float64Array(count * this.outputs)
    for (const [i, a] of inputs.entries()) {
      for (let j = 0; j <= i; j++) {
        const b = inputs[j]!
        inverse[i * count + j] = this.#inverse[Math.max(a, b) * this.size + Math.min(a, b)]!
      }
      weights.set(this.weights.subarray(a * this.outputs, (a + 1) * this.outputs), i * this.outputs)
    }
    const small = new MakeUp(weights, inverse)
    return inputs.reduce((sum, _, i) => sum + small.take(i), 0)
  }

  /** Takes one input away, for what it costs. */
  take(input: number): number {
    const { size, outputs, weights } = this
    const inverse = this.#inverse
    const pivot = inverse[input * size + input]!
    this.#left.delete(input)
    const line = lineOf(inverse, size, input)
    const own = weights.slice(input * outputs, (input + 1) * outputs)
    for (const i of this.#left) {
      const factor = line[i]! / pivot
      if (factor === 0) continue
      for (let o = 0; o < outputs; o++) weights[i * outputs + o]! -= factor * own[o]!
      for (let j = 0, at = i * size; j <= i; j++, at++) inverse[at]! -= factor * line[j]!
    }
    weights.fill(0, input * outputs, (input + 1) * outputs)
    let cost = 0
    for (const value of own) cost += value * value
    return cost / pivot
  }
}

/** A whole row of a symmetric matrix of which the lower triangle is kept. */
function lineOf(matrix: Float64Array, size: number, row: number): Float64Array {
  const line = new Float64Array(size)
  line.set(matrix.subarray(row * size, row * size + row + 1))
  for (let i = row + 1; i < size; i++) line[i] = matrix[i * size + row]!
  return line
}

/** Turns the lower triangle of a positive definite matrix into that of its inverse, by sweeping one row after the other. */
function invert(matrix: Float64Array, size: number): boolean {
  for (let k = 0; k < size; k++) {
    const pivot = matrix[k * size + k]!
    if (!(pivot > 0)) return false
    const line = lineOf(matrix, size, k)
    for (let i = 0; i < size; i++) {
      const factor = line[i]! / pivot
      if (i !== k && factor !== 0) for (let j = 0, at = i * size; j <= i; j++, at++) matrix[at]! -= factor * line[j]!
    }
    for (let i = 0; i < size; i++) matrix[Math.max(i, k) * size + Math.min(i, k)] = line[i]! / pivot
    matrix[k * size + k] = -1 / pivot
  }
  for (const [i, value] of matrix.entries()) matrix[i] = -value
  return true
}
