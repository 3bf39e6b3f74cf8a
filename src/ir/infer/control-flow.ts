import { intAttribute, intsAttribute } from '../attribute.ts'
import { dtypeFromCode } from '../dtype.ts'
import type { Graph, Node, Shape, ValueType } from '../model.ts'
import { tensorShape } from '../value-type.ts'
import {
  type Call,
  commonType,
  elementsOf,
  has,
  type Known,
  normalAxis,
  type Rule,
  type Rules,
  shapeOf,
  tensor,
  typeOf,
} from './call.ts'

function graphOf(node: Node, name: string): Graph | undefined {
  const attribute = node.attributes.get(name)
  return attribute?.type === 'graph' ? attribute.value : undefined
}

const known = (type: ValueType | undefined): Known | undefined => type && { type }

const branch: Rule = (call) => {
  const [yes, no] = ['then_branch', 'else_branch'].map((name) => {
    const graph = graphOf(call.node, name)
    return graph ? call.graph(graph, []) : []
  })
  return call.node.outputs.map((_, i) => {
    const [a, b] = [yes![i], no![i]]
    const condition = elementsOf(call, 0)?.[0]
    if (typeof condition === 'number') return condition !== 0 ? a : b
    return known(commonType(a?.type, b?.type))
  })
}

/**
 * What a body gives in every iteration. What stands behind count and condition is carried: a size that an iteration
 * changes is unknown, and the body is read again with that, until a reading changes nothing more. One size may hang on
 * another, and change an iteration later.
 */
function settled(call: Call, body: Graph, inputs: readonly (Known | undefined)[], carried: number) {
  const around = [inputs.slice(0, 2), inputs.slice(2 + carried)] as const
  let states = inputs.slice(2, 2 + carried)
  for (;;) {
    const outputs = call.graph(body, [...around[0], ...states, ...around[1]])
    const shared = states.map((state, i) => known(commonType(state?.type, outputs[i + 1]?.type)))
    if (JSON.stringify(shared) === JSON.stringify(states)) return outputs
    states = shared
  }
}

const loop: Rule = (call) => {
  const body = graphOf(call.node, 'body')
  if (!body) return []
  const carried = body.outputs.length - 1 - Math.max(0, body.outputs.length - body.inputs.length + 1)
  const trips = has(call, 0) ? (elementsOf(call, 0)?.[0] ?? null) : null
  // The count is exact only where nothing can end the loop earlier.
  const count = has(call, 1) ? null : trips
  const start = [tensor('int64', []), tensor('bool', []), ...call.inputs.slice(2)]
  const states = call.inputs.slice(2, 2 + carried)
  const outputs = settled(call, body, start, carried)
  return call.node.outputs.map((_, i) => {
    const value = outputs[i + 1]?.type
    if (i < carried) return known(commonType(states[i]?.type, value))
    return value?.kind === 'tensor' ? tensor(value.dtype, value.shape && [count, ...value.shape]) : undefined
  })
}

/** Scan: `num_scan_inputs` last inputs are read slice by slice; version 8 has a batch axis and sequence lengths. */
const scan: Rule = (call) => {
  const body = graphOf(call.node, 'body')
  if (!body) return []
  const old = call.opset < 9
  const given = old ? call.inputs.slice(1) : call.inputs
  const scanned = intAttribute(call.node, 'num_scan_inputs', 1)
  const carried = given.length - scanned
  const axes = intsAttribute(call.node, 'scan_input_axes', [])
  const outputAxes = intsAttribute(call.node, 'scan_output_axes', [])
  const batch = old ? (shapeIn(given[0])?.[0] ?? null) : null
  const unbatched = (type: ValueType | undefined): Known | undefined =>
    type?.kind === 'tensor' && old ? tensor(type.dtype, type.shape?.slice(1) ?? null) : known(type)
  let length: Shape[number] = null
  const slices = given.slice(carried).map((input, i) => {
    const shape = shapeIn(input)
    const axis = old ? 1 : shape && normalAxis(axes[i] ?? 0, shape.length)
    if (input?.type.kind !== 'tensor' || !shape || axis === null || axis === undefined) return undefined
    if (typeof length !== 'number') length = shape[axis] ?? length
    return tensor(
      input.type.dtype,
      shape.filter((_, at) => at !== axis && !(old && at === 0)),
    )
  })
  const states = given.slice(0, carried).map((state) => unbatched(state?.type))
  const outputs = call.graph(body, [...states, ...slices])
  return call.node.outputs.map((_, i) => {
    const type = outputs[i]?.type
    if (type?.kind !== 'tensor') return undefined
    const front = old ? [batch] : []
    if (i < carried) return tensor(type.dtype, type.shape && [...front, ...type.shape])
    const axis = type.shape && normalAxis(outputAxes[i - carried] ?? 0, type.shape.length + 1)
    if (!type.shape || axis === null || axis === undefined) return tensor(type.dtype, null)
    return tensor(type.dtype, [...front, ...type.shape.slice(0, axis), length, ...type.shape.slice(axis)])
  })
}

const shapeIn = (value: Known | undefined): Shape | null => tensorShape(value?.type)

const sequence = (elem: ValueType | null): Known => ({ type: { kind: 'sequence', elem } })

/** The element type of a sequence or an optional. */
function elementType(type: ValueType | undefined): ValueType | undefined {
  return type?.kind === 'sequence' || type?.kind === 'optional' ? (type.elem ?? undefined) : undefined
}

const sequenceConstruct: Rule = (call) => {
  const types = call.node.inputs.map((_, i) => typeOf(call, i))
  return [sequence(types.slice(1).reduce((a, b) => commonType(a, b), types[0]) ?? null)]
}

const sequenceInsert: Rule = (call) => {
  const elem = elementType(typeOf(call, 0))
  return [sequence(commonType(elem, typeOf(call, 1)) ?? null)]
}

const sequenceMap: Rule = (call) => {
  const body = graphOf(call.node, 'body')
  if (!body) return []
  const outputs = call.graph(
    body,
    call.inputs.map((input) => known(elementType(input?.type) ?? input?.type)),
  )
  return call.node.outputs.map((_, i) => sequence(outputs[i]?.type ?? null))
}

const concatFromSequence: Rule = (call) => {
  const elem = elementType(typeOf(call, 0))
  if (elem?.kind !== 'tensor') return []
  const fresh = intAttribute(call.node, 'new_axis', 0) === 1
  const rank = elem.shape && elem.shape.length + (fresh ? 1 : 0)
  const axis = rank === null ? undefined : normalAxis(intAttribute(call.node, 'axis', 0), rank)
  if (!elem.shape || axis === undefined) return [tensor(elem.dtype, null)]
  const rest = fresh ? elem.shape : elem.shape.filter((_, i) => i !== axis)
  return [tensor(elem.dtype, [...rest.slice(0, axis), null, ...rest.slice(axis)])]
}

const splitToSequence: Rule = (call) => {
  const type = typeOf(call, 0)
  if (type?.kind !== 'tensor') return []
  const axis = type.shape && normalAxis(intAttribute(call.node, 'axis', 0), type.shape.length)
  if (!type.shape || axis === null || axis === undefined) return [sequence({ ...type, shape: null })]
  const whole = !has(call, 1)
  const drops = whole && intAttribute(call.node, 'keepdims', 1) === 0
  const shape = drops
    ? type.shape.filter((_, i) => i !== axis)
    : type.shape.map((dim, i) => (i === axis ? (whole ? 1 : partSize(call)) : dim))
  return [sequence({ kind: 'tensor', dtype: type.dtype, shape })]
}

/** The size that all parts share, where one number cuts without a rest or a list holds equal ones. */
function partSize(call: Call) {
  const sizes = elementsOf(call, 1)
  const scalar = shapeOf(call, 1)?.length === 0
  return sizes && !scalar && sizes.every((size) => size === sizes[0]) ? (sizes[0] ?? null) : null
}

const optional: Rule = (call) => {
  const stated = call.node.attributes.get('type')
  const elem = typeOf(call, 0) ?? (stated?.type === 'typeProto' ? stated.value : null)
  return [{ type: { kind: 'optional', elem } }]
}

/** An empty sequence says nothing about its elements' shapes, so any that is put in later decides them. */
const sequenceEmpty: Rule = (call) => {
  const dtype = dtypeFromCode(intAttribute(call.node, 'dtype', 1))
  return [sequence(dtype ? { kind: 'tensor', dtype, shape: null } : null)]
}

export const controlFlowRules: Rules = {
  If: branch,
  Loop: loop,
  Scan: scan,
  SequenceConstruct: sequenceConstruct,
  SequenceEmpty: sequenceEmpty,
  SequenceInsert: sequenceInsert,
  SequenceErase: (call) => [call.inputs[0]],
  SequenceAt: (call) => [known(elementType(typeOf(call, 0)))],
  SequenceLength: () => [tensor('int64', [])],
  SequenceMap: sequenceMap,
  ConcatFromSequence: concatFromSequence,
  SplitToSequence: splitToSequence,
  Optional: optional,
  OptionalHasElement: () => [tensor('bool', [])],
  OptionalGetElement: (call) => [
    known(typeOf(call, 0)?.kind === 'optional' ? elementType(typeOf(call, 0)) : typeOf(call, 0)),
  ],
}
