import { type Call, floatOf, input, intOf, type Kernels, made, optionalInput, wants } from './call.ts'
import { broadcastStrides, concatenated, offsetsOf, transposed } from './layout.ts'
import { EvaluationError, type Nd, numbersOf, reshaped } from './value.ts'

/** [batch, length, heads·size] as [batch, heads, length, size]; four dimensions are that already. */
function headed(x: Nd, heads: number): Nd {
  if (x.dims.length === 4) return x
  const [batch, length, width] = x.dims as [number, number, number]
  if (heads < 1 || width % heads !== 0) throw new EvaluationError(`${width} features in ${heads} heads`)
  return transposed(reshaped(x, [batch, length, heads, width / heads]), [0, 2, 1, 3])
}

/** The mask as a value to add to each score: a boolean one forbids where it is false. */
function maskFor(mask: Nd | undefined, dims: readonly number[]): ((i: number) => number) | undefined {
  if (!mask) return undefined
  const at = offsetsOf(dims, broadcastStrides(mask.dims, dims))
  const values = numbersOf(mask)
  return mask.dtype === 'bool' ? (i) => (values[at[i]!] ? 0 : Number.NEGATIVE_INFINITY) : (i) => values[at[i]!]!
}

/**
 * softmax(Q·Kᵀ·scale + mask)·V for groups of query heads that share a key head, with a cache in front of the keys and
 * values. Source: ONNX Attention 23. The second to fourth outputs are the caches and the raw, masked, capped or
 * normalised scores.
 */
function attention(call: Call): Nd[] {
  const flat = input(call, 0).dims.length === 3
  const q = headed(input(call, 0), intOf(call, 'q_num_heads', 0))
  let k = headed(input(call, 1), intOf(call, 'kv_num_heads', 0))
  let v = headed(input(call, 2), intOf(call, 'kv_num_heads', 0))
  const [pastK, pastV] = [optionalInput(call, 4), optionalInput(call, 5)]
  if (pastK) k = concatenated([pastK, k], 2)
  if (pastV) v = concatenated([pastV, v], 2)
  const [batch, heads, length, size] = q.dims as [number, number, number, number]
  const [, keyHeads, total] = k.dims as [number, number, number]
  const width = v.dims[3]!
  if (keyHeads === 0 || heads % keyHeads !== 0) throw new EvaluationError(`${heads} query and ${keyHeads} key heads`)
  if (k.dims[3] !== size || v.dims[2] !== total)
    throw new EvaluationError('keys and values that do not fit the queries')
  const scale = floatOf(call, 'scale', 1 / Math.sqrt(size))
  const cap = floatOf(call, 'softcap', 0)
  const causal = intOf(call, 'is_causal', 0) === 1
  const mode = intOf(call, 'qk_matmul_output_mode', 0)
  const mask = maskFor(optionalInput(call, 3), [batch, heads, length, total])
  const past = pastK ? pastK.dims[2]! : 0
  const [qv, kv, vv] = [numbersOf(q), numbersOf(k), numbersOf(v)]
  const out = new Float64Array(batch * heads * length * width)
  const kept = new Float64Array(batch * heads * length * total)
  const scores = new Float64Array(total)
  for (let head = 0; head < batch * heads; head++) {
    const shared = Math.floor(head / heads) * keyHeads + Math.floor((head % heads) / (heads / keyHeads))
    for (let row = 0; row < length; row++) {
      const from = (head * length + row) * total
      for (let t = 0; t < total; t++) {
        let score = 0
        for (let i = 0; i < size; i++)
          score += qv[(head * length + row) * size + i]! * kv[(shared * total + t) * size + i]!
        score *= scale
        if (mode === 0) kept[from + t] = score
        score += mask ? mask(from + t) : 0
        if (causal && t > row + past) score = Number.NEGATIVE_INFINITY
        if (mode === 1) kept[from + t] = score
        if (cap > 0) score = cap * Math.tanh(score / cap)
        if (mode === 2) kept[from + t] = score
        scores[t] = score
      }
      const top = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
      let sum = 0
      for (let t = 0; t < total; t++) sum += scores[t] = Math.exp(scores[t]! - top)
      for (let t = 0; t < total; t++) {
        const weight = scores[t]! / sum
        if (mode === 3) kept[from + t] = weight
        for (let i = 0; i < width; i++)
          out[(head * length + row) * width + i]! += weight * vv[(shared * total + t) * width + i]!
      }
    }
  }
  const value = made(call, q.dtype, [batch, heads, length, width], out)
  const y = flat ? reshaped(transposed(value, [0, 2, 1, 3]), [batch, length, heads * width]) : value
  const outputs = [y, k, v]
  return wants(call, 3) ? [...outputs, made(call, q.dtype, [batch, heads, length, total], kept)] : outputs
}

/**
 * Turns pairs of features by the angle of their position: halves of a head, or neighbours where interleaved.
 * X is [batch, length, heads·size] or [batch, heads, length, size]; the caches are [positions, size/2] with positions,
 * or [batch, length, size/2] without.
 */
function rotary(call: Call, x: Nd, positions: Nd | undefined, cos: Nd, sin: Nd): Nd[] {
  const flat = x.dims.length === 3
  const half = cos.dims.at(-1)!
  const dimension = intOf(call, 'rotary_embedding_dim', 0) || half * 2
  const heads = intOf(call, 'num_heads', 0) || (flat ? x.dims[2]! / dimension : 1)
  const source = headed(x, heads)
  const [batch, count, length, size] = source.dims as [number, number, number, number]
  const interleaved = intOf(call, 'interleaved', 0) === 1
  const [data, cv, sv] = [numbersOf(source), numbersOf(cos), numbersOf(sin)]
  const at = positions && numbersOf(positions)
  // One position is where all rows of a batch start.
  const placeOf = (b: number, t: number) => (at ? (at.length === 1 ? at[0]! + t : at[b * length + t]!) : b * length + t)
  const out = data.slice()
  for (let b = 0; b < batch; b++)
    for (let head = 0; head < count; head++)
      for (let t = 0; t < length; t++) {
        const from = ((b * count + head) * length + t) * size
        const angle = placeOf(b, t) * half
        for (let i = 0; i < dimension / 2; i++) {
          const [first, second] = interleaved ? [from + 2 * i, from + 2 * i + 1] : [from + i, from + i + dimension / 2]
          const [c, s] = [cv[angle + i]!, sv[angle + i]!]
          out[first] = c * data[first]! - s * data[second]!
          out[second] = s * data[first]! + c * data[second]!
        }
      }
  const turned = made(call, x.dtype, source.dims, out)
  return [flat ? reshaped(transposed(turned, [0, 2, 1, 3]), x.dims) : turned]
}

export const attentions: Kernels = {
  Attention: attention,
  RotaryEmbedding: (call) => rotary(call, input(call, 0), optionalInput(call, 3), input(call, 1), input(call, 2)),
  'com.microsoft.RotaryEmbedding': (call) =>
    rotary(call, input(call, 0), input(call, 1), input(call, 2), input(call, 3)),
}
