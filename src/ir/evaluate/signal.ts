import { type Call, input, intOf, type Kernels, made, optionalInput } from './call.ts'
import { around, axisOf } from './layout.ts'
import { EvaluationError, type Nd, numbersOf, scalarOf } from './value.ts'

/** Real and imaginary parts of one line transformed by the sum itself, O(n²). */
function transform(re: Float64Array, im: Float64Array, inverse: boolean): [Float64Array, Float64Array] {
  const n = re.length
  const [outRe, outIm] = [new Float64Array(n), new Float64Array(n)]
  const sign = inverse ? 1 : -1
  const [cos, sin] = [new Float64Array(n), new Float64Array(n)]
  for (let i = 0; i < n; i++) {
    cos[i] = Math.cos((2 * Math.PI * i) / n)
    sin[i] = sign * Math.sin((2 * Math.PI * i) / n)
  }
  for (let k = 0; k < n; k++) {
    let [sumRe, sumIm] = [0, 0]
    for (let t = 0; t < n; t++) {
      const at = (k * t) % n
      sumRe += re[t]! * cos[at]! - im[t]! * sin[at]!
      sumIm += re[t]! * sin[at]! + im[t]! * cos[at]!
    }
    outRe[k] = inverse ? sumRe / n : sumRe
    outIm[k] = inverse ? sumIm / n : sumIm
  }
  return [outRe, outIm]
}

/** [batch, …, length, …, 1 or 2] → the same with two parts a number. The axis moved to an input in opset 20. */
function dft(call: Call): Nd[] {
  const x = input(call, 0)
  const rank = x.dims.length
  const parts = x.dims[rank - 1]!
  const axisInput = call.opset >= 20 ? optionalInput(call, 2) : undefined
  const given = call.opset >= 20 ? (axisInput ? scalarOf(axisInput) : -2) : intOf(call, 'axis', 1)
  const axis = axisOf(given, rank)
  const [inverse, onesided] = [intOf(call, 'inverse', 0) === 1, intOf(call, 'onesided', 0) === 1]
  if (inverse && onesided) throw new EvaluationError('an inverse one-sided DFT')
  const wanted = optionalInput(call, 1)
  const length = wanted ? scalarOf(wanted) : x.dims[axis]!
  const kept = onesided ? Math.floor(length / 2) + 1 : length
  const { outer, size, inner } = around(x.dims.slice(0, -1), axis)
  const source = numbersOf(x)
  const dims = [...x.dims.slice(0, -1).map((dim, at) => (at === axis ? kept : dim)), 2]
  const out = new Float64Array(outer * kept * inner * 2)
  for (let o = 0; o < outer; o++)
    for (let n = 0; n < inner; n++) {
      const [re, im] = [new Float64Array(length), new Float64Array(length)]
      for (let t = 0; t < Math.min(length, size); t++) {
        const at = ((o * size + t) * inner + n) * parts
        re[t] = source[at]!
        im[t] = parts === 2 ? source[at + 1]! : 0
      }
      const [a, b] = transform(re, im, inverse)
      for (let k = 0; k < kept; k++) {
        const to = ((o * kept + k) * inner + n) * 2
        out[to] = a[k]!
        out[to + 1] = b[k]!
      }
    }
  return [made(call, x.dtype, dims, out)]
}

/** [batch, length, 1 or 2] → [batch, frames, bins, 2]. */
function stft(call: Call): Nd[] {
  const x = input(call, 0)
  const step = scalarOf(input(call, 1))
  const window = optionalInput(call, 2)
  const given = optionalInput(call, 3)
  const length = given ? scalarOf(given) : window ? window.dims[0]! : 0
  if (length < 1) throw new EvaluationError('an STFT without a frame length')
  const weights = window && numbersOf(window)
  const [batch, samples] = x.dims as [number, number]
  const parts = x.dims[2] ?? 1
  const frames = Math.floor((samples - length) / step) + 1
  const bins = intOf(call, 'onesided', 1) ? Math.floor(length / 2) + 1 : length
  const source = numbersOf(x)
  const out = new Float64Array(batch * frames * bins * 2)
  for (let b = 0; b < batch; b++)
    for (let frame = 0; frame < frames; frame++) {
      const at = (t: number) => (b * samples + frame * step + t) * parts
      const re = Float64Array.from({ length }, (_, t) => source[at(t)]! * (weights ? weights[t]! : 1))
      const im = Float64Array.from({ length }, (_, t) =>
        parts === 2 ? source[at(t) + 1]! * (weights ? weights[t]! : 1) : 0,
      )
      const [a, c] = transform(re, im, false)
      for (let k = 0; k < bins; k++) {
        const to = ((b * frames + frame) * bins + k) * 2
        out[to] = a[k]!
        out[to + 1] = c[k]!
      }
    }
  return [made(call, x.dtype, [batch, frames, bins, 2], out)]
}

export const signals: Kernels = { DFT: dft, STFT: stft }
