import { elementCount } from '../tensor.ts'
import { type Call, floatOf, input, intOf, type Kernels, made, optionalInput, tensorInputs, textOf } from './call.ts'
import { activations } from './elementwise.ts'
import { broadcastDims, broadcastStrides, broadcastTo, offsetsOf, stridesOf, transposed } from './layout.ts'
import { addMatMulLoss } from './saturate.ts'
import { alike, EvaluationError, type Nd, numbersOf, reshaped, sizeOf } from './value.ts'

/**
 * `out[c] += Σ factors[j]·rows[j·n + c]` for `depth` rows of `n` elements, each array from its own offset. Four rows at
 * once: the sums are loaded and stored a quarter as often. Zero factors are not skipped: they would hide NaN.
 */
export function addRows(
  out: Float64Array,
  outAt: number,
  n: number,
  factors: Float64Array,
  factorsAt: number,
  depth: number,
  rows: Float64Array,
  rowsAt: number,
): void {
  let j = 0
  for (; j + 3 < depth; j += 4) {
    const f0 = factors[factorsAt + j]!
    const f1 = factors[factorsAt + j + 1]!
    const f2 = factors[factorsAt + j + 2]!
    const f3 = factors[factorsAt + j + 3]!
    const r0 = rowsAt + j * n
    const r1 = r0 + n
    const r2 = r1 + n
    const r3 = r2 + n
    for (let c = 0; c < n; c++)
      out[outAt + c]! += f0 * rows[r0 + c]! + f1 * rows[r1 + c]! + f2 * rows[r2 + c]! + f3 * rows[r3 + c]!
  }
  for (; j < depth; j++) {
    const factor = factors[factorsAt + j]!
    const from = rowsAt + j * n
    for (let c = 0; c < n; c++) out[outAt + c]! += factor * rows[from + c]!
  }
}

/** numpy's matmul: vectors get an axis that goes away again, the leading axes broadcast. */
export function matmul(a: Nd, b: Nd): { dims: number[]; data: Float64Array } {
  if (a.dims.length === 0 || b.dims.length === 0) throw new EvaluationError('matmul of a scalar')
  const left = a.dims.length === 1 ? [1, ...a.dims] : a.dims
  const right = b.dims.length === 1 ? [...b.dims, 1] : b.dims
  const [m, k] = left.slice(-2) as [number, number]
  const [kb, n] = right.slice(-2) as [number, number]
  if (k !== kb) throw new EvaluationError(`[${a.dims.join(',')}] times [${b.dims.join(',')}]`)
  const batch = broadcastDims(left.slice(0, -2), right.slice(0, -2))
  const count = elementCount(batch)
  const starts = (dims: readonly number[]) => offsetsOf(batch, broadcastStrides(dims.slice(0, -2), batch))
  const [as, bs] = [starts(left), starts(right)]
  const [av, bv] = [numbersOf(a), numbersOf(b)]
  const data = new Float64Array(count * m * n)
  for (let i = 0; i < count; i++)
    for (let row = 0; row < m; row++)
      addRows(data, (i * m + row) * n, n, av, (as[i]! * m + row) * k, k, bv, bs[i]! * k * n)
  const dims = [...batch]
  if (a.dims.length > 1) dims.push(m)
  if (b.dims.length > 1) dims.push(n)
  return { dims, data }
}

const swapLast = (value: Nd): Nd => {
  const order = value.dims.map((_, axis) => axis)
  return transposed(value, [...order.slice(0, -2), order.length - 1, order.length - 2])
}

/** alpha·A·B + beta·C, C broadcast to the result. */
function gemm(call: Call, a: Nd, b: Nd, c: Nd | undefined): { dims: number[]; data: Float64Array } {
  const left = intOf(call, 'transA', 0) ? swapLast(a) : a
  const right = intOf(call, 'transB', 0) ? swapLast(b) : b
  const { dims, data } = matmul(left, right)
  const [alpha, beta] = [floatOf(call, 'alpha', 1), floatOf(call, 'beta', 1)]
  const added = c && numbersOf(broadcastTo(c, dims))
  for (let i = 0; i < data.length; i++) data[i] = alpha * data[i]! + (added ? beta * added[i]! : 0)
  return { dims, data }
}

/** Elements less their zero points: a scalar, one a row of `A`, or one a column of `B`. */
export function centred(x: Nd, zero: Nd | undefined, side: 'left' | 'right'): Nd {
  const values = numbersOf(x)
  if (!zero) return { ...x, dtype: 'float64', data: values }
  const zeros = numbersOf(zero)
  const shape =
    zero.dims.length === 1 && zeros.length > 1 ? (side === 'left' ? [zeros.length, 1] : [zeros.length]) : zero.dims
  const offsets = sizeOf(zero) === 1 ? undefined : offsetsOf(x.dims, broadcastStrides(shape, x.dims))
  return { ...x, dtype: 'float64', data: values.map((v, i) => v - zeros[offsets ? offsets[i]! : 0]!) }
}

/** The letters of each operand's axes and of the result's, and the size of each letter, of an equation of sums. */
function axesOfSum(call: Call, operands: readonly Nd[]) {
  const [lhs = '', rhs] = textOf(call, 'equation', '').replace(/\s/g, '').split('->') as [string, string?]
  const terms = lhs.split(',')
  if (terms.length !== operands.length) throw new EvaluationError(`equation for ${terms.length} operands`)
  const sizes = new Map<string, number>()
  const widest = Math.max(
    0,
    ...terms.map((term, i) => (term.includes('...') ? operands[i]!.dims.length - term.replace('...', '').length : 0)),
  )
  // The ellipsis becomes the digits of its axes, counted from the end: 0 is the last.
  const letters = terms.map((term, i) => {
    const own = operands[i]!.dims.length - term.replace('...', '').length
    const dots = Array.from({ length: own }, (_, d) => String.fromCharCode(0x100 + widest - own + d))
    const list = term.includes('...')
      ? [...term.slice(0, term.indexOf('...')), ...dots, ...term.slice(term.indexOf('...') + 3)]
      : [...term]
    if (list.length !== operands[i]!.dims.length)
      throw new EvaluationError(`term ${term} for rank ${operands[i]!.dims.length}`)
    for (const [axis, letter] of list.entries()) {
      const size = operands[i]!.dims[axis]!
      const known = sizes.get(letter) ?? 1
      if (known !== 1 && size !== 1 && known !== size)
        throw new EvaluationError(`sizes ${known} and ${size} of ${letter}`)
      sizes.set(letter, Math.max(known, size))
    }
    return list
  })
  const dots = Array.from({ length: widest }, (_, d) => String.fromCharCode(0x100 + d))
  const all = letters.flat()
  const once = [...new Set(all)].filter(
    (letter) => all.indexOf(letter) === all.lastIndexOf(letter) && letter < '\u0100',
  )
  const result =
    rhs === undefined
      ? [...dots, ...once.sort()]
      : rhs.includes('...')
        ? [...rhs.slice(0, rhs.indexOf('...')), ...dots, ...rhs.slice(rhs.indexOf('...') + 3)]
        : [...rhs]
  return { letters, result, sizes }
}

/** Einstein summation: each letter is an axis; letters that are not in the result are summed over. */
function einsum(call: Call): Nd[] {
  const operands = tensorInputs(call)
  const { letters, result, sizes } = axesOfSum(call, operands)
  const summed = [...sizes.keys()].filter((letter) => !result.includes(letter))
  const strideFor = (list: readonly string[], own: readonly number[], dims: readonly number[], letter: string) =>
    list.reduce((sum, other, axis) => sum + (other === letter && dims[axis] !== 1 ? own[axis]! : 0), 0)
  const views = operands.map((operand, i) => {
    const own = stridesOf(operand.dims)
    const to = (list: readonly string[]) =>
      offsetsOf(
        list.map((letter) => sizes.get(letter)!),
        list.map((letter) => strideFor(letters[i]!, own, operand.dims, letter)),
      )
    return { data: numbersOf(operand), outer: to(result), inner: to(summed) }
  })
  const dims = result.map((letter) => sizes.get(letter)!)
  const out = new Float64Array(elementCount(dims))
  const inner = elementCount(summed.map((letter) => sizes.get(letter)!))
  for (let o = 0; o < out.length; o++) {
    let sum = 0
    for (let s = 0; s < inner; s++) {
      let product = 1
      for (const view of views) product *= view.data[view.outer[o]! + view.inner[s]!]!
      sum += product
    }
    out[o] = sum
  }
  return [made(call, operands[0]!.dtype, dims, out)]
}

/** Determinants by elimination with partial pivoting. */
function det(call: Call): Nd[] {
  const x = input(call, 0)
  const n = x.dims.at(-1)!
  const data = numbersOf(x).slice()
  const count = elementCount(x.dims.slice(0, -2))
  const out = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    const m = data.subarray(i * n * n, (i + 1) * n * n)
    let value = 1
    for (let column = 0; column < n && value !== 0; column++) {
      let pivot = column
      for (let row = column + 1; row < n; row++)
        if (Math.abs(m[row * n + column]!) > Math.abs(m[pivot * n + column]!)) pivot = row
      if (pivot !== column) {
        value = -value
        for (let c = 0; c < n; c++) {
          const kept = m[pivot * n + c]!
          m[pivot * n + c] = m[column * n + c]!
          m[column * n + c] = kept
        }
      }
      const head = m[column * n + column]!
      value *= head
      for (let row = column + 1; row < n && head !== 0; row++) {
        const factor = m[row * n + column]! / head
        for (let c = column; c < n; c++) m[row * n + c]! -= factor * m[column * n + c]!
      }
    }
    out[i] = value
  }
  return [made(call, x.dtype, x.dims.slice(0, -2), out)]
}

export const matrix: Kernels = {
  MatMul: (call) => {
    const [a, b] = [input(call, 0), input(call, 1)]
    alike(a, b)
    const { dims, data } = matmul(a, b)
    return [made(call, a.dtype, dims, data)]
  },
  Gemm: (call) => {
    const a = input(call, 0)
    alike(a, input(call, 1), optionalInput(call, 2))
    const { dims, data } = gemm(call, a, input(call, 1), optionalInput(call, 2))
    return [made(call, a.dtype, dims, data)]
  },
  MatMulInteger: (call) => {
    const a = centred(input(call, 0), optionalInput(call, 2), 'left')
    const { dims, data } = matmul(a, centred(input(call, 1), optionalInput(call, 3), 'right'))
    addMatMulLoss(call, input(call, 0), input(call, 1), data)
    return [made(call, 'int32', dims, data)]
  },
  Einsum: einsum,
  Det: det,
  'com.microsoft.FusedMatMul': (call) => {
    const batchFirst = (value: Nd, name: string) => {
      if (!intOf(call, name, 0)) return value
      const rank = value.dims.length
      return transposed(value, [...Array.from({ length: rank - 2 }, (_, i) => i + 1), 0, rank - 1])
    }
    const side = (index: number, trans: string, batch: string) => {
      const value = batchFirst(input(call, index), batch)
      return intOf(call, trans, 0) && value.dims.length > 1 ? swapLast(value) : value
    }
    const { dims, data } = matmul(side(0, 'transA', 'transBatchA'), side(1, 'transB', 'transBatchB'))
    const alpha = floatOf(call, 'alpha', 1)
    return [made(call, input(call, 0).dtype, dims, alpha === 1 ? data : data.map((v) => v * alpha))]
  },
  'com.microsoft.FusedGemm': (call) => {
    const a = input(call, 0)
    const { dims, data } = gemm(call, a, input(call, 1), optionalInput(call, 2))
    return [made(call, a.dtype, dims, fused(call, data))]
  },
  'com.microsoft.TransposeMatMul': (call) => matrix['com.microsoft.FusedMatMul']!(call),
  'com.microsoft.MatMulIntegerToFloat': (call) => {
    const a = centred(input(call, 0), optionalInput(call, 4), 'left')
    const { dims, data } = matmul(a, centred(input(call, 1), optionalInput(call, 5), 'right'))
    addMatMulLoss(call, input(call, 0), input(call, 1), data)
    return [scaledSum(call, dims, data, input(call, 2), input(call, 3), optionalInput(call, 6))]
  },
}

/** The activation of a fused operator, on raw sums. */
export function fused(call: Call, data: Float64Array): Float64Array {
  const name = textOf(call, 'activation', '')
  if (name === '') return data
  const attribute = call.node.attributes.get('activation_params')
  const params = attribute?.type === 'floats' ? attribute.value : []
  const one = (key: string) => (call.node.attributes.has(key) ? floatOf(call, key, 0) : undefined)
  const make = activations[name]
  if (!make) throw new EvaluationError(`activation ${name}`)
  return data.map(make(params[0] ?? one('activation_alpha'), params[1] ?? one('activation_beta')))
}

/** sums · aScale · bScale + bias, b's scale a scalar or one a column. */
export function scaledSum(call: Call, dims: number[], sums: Float64Array, a: Nd, b: Nd, bias: Nd | undefined): Nd {
  const columns = dims.at(-1)!
  const [as, bs, added] = [numbersOf(a), numbersOf(b), bias && numbersOf(bias)]
  const out = sums.map(
    (sum, i) => sum * as[0]! * bs[bs.length === 1 ? 0 : i % columns]! + (added ? added[i % columns]! : 0),
  )
  return reshaped(made(call, a.dtype, dims, out), dims)
}
