/**
 * Σ over the outputs of wᵀ · H · w, with W [inputs, outputs] and H [inputs, inputs] the mean of xxᵀ: the mean power of
 * what a product with these weights gives; with the error of the weights, what that costs at the outputs.
 */
export function outputPower(h: ArrayLike<number>, weights: Float32Array | Float64Array, inputs: number): number {
  const outputs = weights.length / inputs
  const line = new Float64Array(outputs)
  let power = 0
  for (let i = 0; i < inputs; i++) {
    line.fill(0)
    for (let j = 0; j < inputs; j++) {
      const factor = h[i * inputs + j]!
      if (factor === 0) continue
      for (let o = 0; o < outputs; o++) line[o]! += factor * weights[j * outputs + o]!
    }
    for (let o = 0; o < outputs; o++) power += line[o]! * weights[i * outputs + o]!
  }
  return power
}
