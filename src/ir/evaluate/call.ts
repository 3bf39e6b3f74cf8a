import { floatAttribute, intAttribute, intsAttribute, stringAttribute } from '../attribute.ts'
import type { DType } from '../dtype.ts'
import type { Graph, Node } from '../model.ts'
import type { Tensor } from '../tensor.ts'
import { carried, EvaluationError, fromFloat64, fromTensor, listOf, type Nd, nd, settle, type Value } from './value.ts'

/** One operator call with its inputs; '' inputs and those past the end are undefined. */
export interface Call {
  readonly node: Node
  readonly inputs: readonly (Value | undefined)[]
  /** Version of the operator set of the node's domain. */
  readonly opset: number
  readonly float64: boolean
  /** Unsigned × signed 8-bit products as x86 without VNNI computes them: see `saturate.ts`. */
  readonly saturate16?: boolean
  /** Only a value that every processor gives will do: it is kept in a file. */
  readonly anyProcessor?: boolean
  /** Runs a nested graph with these inputs in the scope of the node; absent where only constants are known. */
  readonly runGraph?: (graph: Graph, inputs: readonly (Value | undefined)[]) => readonly Value[]
}

/** Gives the outputs of a call. Null: the result is not determined by the inputs (a random operator). */
export type Kernel = (call: Call) => readonly Value[] | null

/** Kernels by operator name as `operatorName` prints it. */
export type Kernels = Readonly<Record<string, Kernel>>

/** A required tensor input. */
export function input(call: Call, index: number): Nd {
  const value = optionalInput(call, index)
  if (!value) throw new EvaluationError(`input ${index} is missing`)
  return value
}

/** A tensor input, or undefined where it is left out. */
export function optionalInput(call: Call, index: number): Nd | undefined {
  const value = call.inputs[index]
  if (value && value.kind !== 'tensor') throw new EvaluationError(`input ${index} is a ${value.kind}, not a tensor`)
  return value
}

/** An input of any kind; one that is left out is an EvaluationError. */
export function anyInput(call: Call, index: number): Value {
  const value = call.inputs[index]
  if (!value) throw new EvaluationError(`input ${index} is missing`)
  return value
}

/** Every input, all of them tensors that are there. */
export const tensorInputs = (call: Call): Nd[] => call.inputs.map((_, index) => input(call, index))

export const wants = (call: Call, output: number): boolean => (call.node.outputs[output] ?? '') !== ''

export const intOf = (call: Call, name: string, fallback: number): number => intAttribute(call.node, name, fallback)
export const floatOf = (call: Call, name: string, fallback: number): number => floatAttribute(call.node, name, fallback)
export const textOf = (call: Call, name: string, fallback: string): string => stringAttribute(call.node, name, fallback)
export const intsOf = (call: Call, name: string): readonly number[] | undefined =>
  intsAttribute(call.node, name, undefined)

/** A list that older versions keep in an attribute and newer ones in an input. */
export function intsFrom(call: Call, name: string, index: number): readonly number[] | undefined {
  const value = optionalInput(call, index)
  return value ? listOf(value) : intsOf(call, name)
}

/** The floats attribute; undefined where it is absent. */
export function floatsOf(call: Call, name: string): readonly number[] | undefined {
  const attribute = call.node.attributes.get(name)
  return attribute?.type === 'floats' ? attribute.value : undefined
}

const decoder = new TextDecoder()
/** The strings attribute as text; undefined where it is absent. */
export function stringsOf(call: Call, name: string): readonly string[] | undefined {
  const attribute = call.node.attributes.get(name)
  return attribute?.type === 'strings'
    ? attribute.value.map((text) => (typeof text === 'string' ? text : decoder.decode(text)))
    : undefined
}

/** The graph in an attribute; an EvaluationError where there is none. */
export function graphOf(call: Call, name: string): Graph {
  const attribute = call.node.attributes.get(name)
  if (attribute?.type !== 'graph') throw new EvaluationError(`no graph in attribute ${name}`)
  return attribute.value
}

/** The tensor attribute as a value; undefined where it is absent. */
export function tensorOf(call: Call, name: string): Nd | undefined {
  const attribute = call.node.attributes.get(name)
  return attribute?.type === 'tensor' ? load(call, attribute.value) : undefined
}

export const load = (call: Call, tensor: Tensor): Nd => fromTensor(tensor, call.float64)

/** Numbers as a value of `dtype`, rounded to it once; with `float64` a floating result stays float64. */
export function made(call: Call, dtype: DType, dims: readonly number[], data: Float64Array): Nd {
  const type = carried(dtype, call.float64)
  return type === 'int64' || type === 'uint64' ? fromFloat64(type, dims, data) : nd(type, dims, settle(type, data))
}
