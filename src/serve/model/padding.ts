import { type ByteTensor, inOne } from '../../engine/index.ts'
import { type DType, elementCount } from '../../ir/index.ts'
import { elementBytes } from '../protocol/datatype.ts'
import { bytesFromJson } from '../protocol/tensor-json.ts'

/** How requests of different lengths are brought to one length, so that they can share a run. */
export interface PaddingRule {
  /** By input, the axis that is lengthened and the value that is put there. Inputs that are not named stay as they are. */
  readonly inputs: Readonly<Record<string, { readonly axis: number; readonly value: number }>>
  /** A length is rounded up to a multiple of this, or to the next one of a list; what is longer runs as it is. */
  readonly to: number | readonly number[]
  /** By output, the axis that is cut back, to one element for every `per` of the request's own length, rounded up. */
  readonly outputs: Readonly<Record<string, { readonly axis: number; readonly per: number }>>
}

interface Padded {
  readonly inputs: readonly ByteTensor[]
  /** The outputs of the request itself. */
  cut(outputs: readonly ByteTensor[]): readonly ByteTensor[]
}

/** Matched inputs as the rule wants them; null where they stay as they are. */
export function padInputs(rule: PaddingRule, inputs: readonly ByteTensor[]): Padded | null {
  const lengths = new Set<number | undefined>()
  for (const { name, dims } of inputs) {
    const axis = rule.inputs[name]?.axis
    if (axis !== undefined) lengths.add(dims[axis])
  }
  const [length] = lengths
  // Inputs that disagree are the model's to judge.
  if (lengths.size !== 1 || !length) return null
  const target = targetOf(rule.to, length)
  if (target === null || target === length) return null
  return {
    inputs: inputs.map((tensor) => {
      const own = rule.inputs[tensor.name]
      return own ? resized(tensor, own.axis, target, own.value) : tensor
    }),
    cut: (outputs) =>
      outputs.map((tensor) => {
        const own = rule.outputs[tensor.name]
        const kept = own && Math.ceil(length / own.per)
        return own && kept! < (tensor.dims[own.axis] ?? 0) ? resized(tensor, own.axis, kept!, 0) : tensor
      }),
  }
}

function targetOf(to: PaddingRule['to'], length: number): number | null {
  if (typeof to === 'number') return Math.ceil(length / to) * to
  return to.reduce<number | null>((best, one) => (one >= length && (best === null || one < best) ? one : best), null)
}

/** A copy with `length` elements on the axis: the first ones, and as many of `value` as there are too few. */
function resized(tensor: ByteTensor, axis: number, length: number, value: number): ByteTensor {
  const { name, dtype, dims, pieces } = tensor
  const from = inOne(pieces)
  const resizedDims = dims.map((dim, i) => (i === axis ? length : dim))
  const step = elementCount(dims.slice(axis + 1)) * elementBytes(dtype)
  const [had, has] = [dims[axis]! * step, length * step]
  const bytes = new Uint8Array(elementCount(dims.slice(0, axis)) * has)
  if (has > had && value !== 0) Buffer.from(bytes.buffer).fill(elementOf(value, dtype, name))
  for (let block = 0; block * has < bytes.byteLength; block++)
    bytes.set(from.subarray(block * had, block * had + Math.min(had, has)), block * has)
  return { name, dtype, dims: resizedDims, pieces: [bytes] }
}

/** @throws ServeError for a value that the type does not have. */
const elementOf = (value: number, dtype: DType, name: string): Uint8Array =>
  bytesFromJson([dtype === 'bool' ? true : value], dtype, [1], name)

/** Why the rule does not fit a model's ports; null where it does. */
export function paddingObstacle(
  rule: PaddingRule,
  ports: { readonly inputs: readonly Port[]; readonly outputs: readonly Port[] },
): string | null {
  for (const [kind, known, named] of [
    ['input', ports.inputs, rule.inputs],
    ['output', ports.outputs, rule.outputs],
  ] as const)
    for (const [name, { axis }] of Object.entries(named)) {
      const port = known.find((one) => one.name === name)
      if (!port) return `the model has no ${kind} '${name}'`
      if (port.dtype === 'string') return `${kind} '${name}' holds strings`
      if (!port.shape || axis >= port.shape.length) return `${kind} '${name}' has no axis ${axis}`
      if (kind === 'input' && typeof port.shape[axis] === 'number')
        return `axis ${axis} of input '${name}' has a fixed length`
    }
  for (const { name, dtype } of ports.inputs)
    try {
      const value = rule.inputs[name]?.value ?? 0
      if (value !== 0) elementOf(value, dtype, name)
    } catch (error) {
      return (error as Error).message
    }
  return null
}

interface Port {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly unknown[] | null
}
