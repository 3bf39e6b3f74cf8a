import { type ByteTensor, inOne, readStrings } from '../../engine/index.ts'
import { type DType, type Tensor, tensorValues, toNumbers } from '../../ir/index.ts'

/** What a model said of one row: a class, a number or a text; null where its outputs give none of these. */
type RowAnswer = number | bigint | string | null

export interface Answer {
  /** By the first output that gives one. */
  readonly rows: readonly RowAnswer[]
  /** Whether numbers are classes, which are right or wrong, or quantities, which are near or far. */
  readonly classes: boolean
}

/** Numbers that differ by less than this share of their norm are the same answer: a signal 25 dB above the noise. */
const NEAR = 10 ** (-25 / 20)

/**
 * Share of the rows with another answer in any output. Integers, texts and truth values must be equal; a float output of
 * shape [rows, 2 or more] is a choice of a class, its greatest element; other floats must be near.
 */
export function disagreementOf(base: readonly ByteTensor[], candidate: readonly ByteTensor[]): number {
  const others = new Map(candidate.map((tensor) => [tensor.name, tensor]))
  let rows = 1
  const differing = new Set<number>()
  for (const tensor of base) {
    const other = others.get(tensor.name)
    if (!other || other.dtype !== tensor.dtype || other.dims.join() !== tensor.dims.join()) return 1
    rows = Math.max(rows, tensor.dims[0] ?? 1)
    const [a, b] = [exactElementsOf(tensor), exactElementsOf(other)]
    const width = a.length / Math.max(1, tensor.dims[0] ?? 1)
    for (let row = 0; row * width < a.length; row++) if (!sameRow(tensor, a, b, row, width)) differing.add(row)
  }
  return differing.size / rows
}

/** The answers that a label is held against, from the first output that has one for each row. */
export function answerOf(outputs: readonly ByteTensor[]): Answer | null {
  for (const tensor of outputs) {
    const values = exactElementsOf(tensor)
    const rows = tensor.dims[0] ?? 1
    if (rows === 0) continue
    if (isChoice(tensor)) {
      const width = tensor.dims[1]!
      return {
        rows: Array.from({ length: rows }, (_, row) => greatest(values as Float64Array, row, width)),
        classes: true,
      }
    }
    if (values.length === rows) return { rows: [...values], classes: !isFloat(tensor.dtype) }
  }
  return null
}

/**
 * Loss of an answer against its label, 0 … 1, mean over the rows: wrong or right for classes and texts, for quantities
 * the distance over the label's size (at least 1), at most 1. null where the two cannot be compared.
 */
export function lossOf(answer: Answer, labels: readonly (number | string)[]): number | null {
  if (labels.length !== answer.rows.length) return null
  let sum = 0
  for (const [row, label] of labels.entries()) {
    const said = answer.rows[row]!
    if (answer.classes || typeof said === 'string') sum += String(said) === String(label) ? 0 : 1
    else if (typeof label !== 'number' || typeof said !== 'number') return null
    else sum += Number.isNaN(said) ? 1 : Math.min(1, Math.abs(said - label) / Math.max(1, Math.abs(label)))
  }
  return sum / labels.length
}

export const isFloat = (dtype: DType) => /^b?float/.test(dtype)
export const isChoice = ({ dtype, dims }: ByteTensor) => isFloat(dtype) && dims.length === 2 && dims[1]! >= 2

type Elements = Float64Array | readonly string[]
type ExactElements = Elements | BigInt64Array | BigUint64Array

/** The elements as numbers or texts. */
export function elementsOf(tensor: ByteTensor): Elements {
  return tensor.dtype === 'string' ? readStrings(inOne(tensor.pieces), tensor.name) : toNumbers(asTensor(tensor))
}

/** The same, with integers of 64 bits as they are: two that differ may be one float64. */
function exactElementsOf(tensor: ByteTensor): ExactElements {
  const { dtype } = tensor
  if (dtype !== 'int64' && dtype !== 'uint64') return elementsOf(tensor)
  return tensorValues(asTensor(tensor)) as BigInt64Array | BigUint64Array
}

function asTensor({ name, dtype, dims, pieces }: ByteTensor): Tensor {
  const bytes = inOne(pieces)
  return { name, dtype, dims, data: { form: 'raw', bytes: { byteLength: bytes.byteLength, read: () => bytes } } }
}

function sameRow(tensor: ByteTensor, a: ExactElements, b: ExactElements, row: number, width: number): boolean {
  const [from, to] = [row * width, (row + 1) * width]
  if (isChoice(tensor)) return greatest(a as Float64Array, row, width) === greatest(b as Float64Array, row, width)
  if (!isFloat(tensor.dtype)) {
    for (let i = from; i < to; i++) if (a[i] !== b[i]) return false
    return true
  }
  let [signal, noise] = [0, 0]
  for (let i = from; i < to; i++) {
    const [x, y] = [a[i] as number, b[i] as number]
    if (Object.is(x, y) || x === y) signal += Number.isFinite(x) ? x * x : 0
    else if (!Number.isFinite(x) || !Number.isFinite(y)) return false
    else {
      signal += x * x
      noise += (x - y) ** 2
    }
  }
  return noise <= NEAR ** 2 * signal
}

/** Index of the greatest element; NaN is greater than anything, so that it never passes for an answer like another. */
function greatest(values: Float64Array, row: number, width: number): number {
  let best = 0
  for (let i = 0; i < width; i++) {
    const value = values[row * width + i]!
    if (Number.isNaN(value)) return -1
    if (value > values[row * width + best]!) best = i
  }
  return best
}
