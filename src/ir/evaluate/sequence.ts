import { anyInput, type Call, input, intOf, type Kernels, optionalInput, tensorInputs } from './call.ts'
import { stacked } from './control.ts'
import { axisOf, concatenated, sliced } from './layout.ts'
import {
  EvaluationError,
  int64,
  listOf,
  type Nd,
  nd,
  reshaped,
  type SequenceValue,
  scalarOf,
  type Value,
} from './value.ts'

function firstSequence(call: Call): SequenceValue {
  const value = anyInput(call, 0)
  if (value.kind === 'optional' && value.value?.kind === 'sequence') return value.value
  if (value.kind !== 'sequence') throw new EvaluationError(`input 0 is a ${value.kind}, not a sequence`)
  return value
}

const sequence = (items: readonly Value[]): SequenceValue => ({ kind: 'sequence', items })

/** A position among `size` places; negative counts from the end. */
function position(value: Nd | undefined, size: number, fallback: number): number {
  if (!value) return fallback
  const at = scalarOf(value)
  const place = at < 0 ? at + size : at
  if (!(place >= 0 && place <= size)) throw new EvaluationError(`position ${at} of ${size}`)
  return place
}

function splitToSequence(call: Call): Value[] {
  const [x, given] = [input(call, 0), optionalInput(call, 1)]
  const axis = axisOf(intOf(call, 'axis', 0), x.dims.length)
  const size = x.dims[axis]!
  const chunk = given ? (given.dims.length === 0 ? scalarOf(given) : undefined) : 1
  const parts = chunk
    ? Array.from({ length: Math.ceil(size / chunk) }, (_, i) => Math.min(chunk, size - i * chunk))
    : listOf(given!)
  let start = 0
  const items = parts.map((count) => {
    const value = sliced(x, axis, start, count)
    start += count
    return value
  })
  if (given || intOf(call, 'keepdims', 1)) return [sequence(items)]
  return [
    sequence(
      items.map((value) =>
        reshaped(
          value,
          value.dims.filter((_, at) => at !== axis),
        ),
      ),
    ),
  ]
}

export const sequences: Kernels = {
  SequenceEmpty: () => [sequence([])],
  SequenceConstruct: (call) => [sequence(tensorInputs(call))],
  SequenceInsert: (call) => {
    const { items } = firstSequence(call)
    const at = position(optionalInput(call, 2), items.length, items.length)
    return [sequence([...items.slice(0, at), anyInput(call, 1), ...items.slice(at)])]
  },
  SequenceErase: (call) => {
    const { items } = firstSequence(call)
    const at = position(optionalInput(call, 1), items.length, items.length - 1)
    return [sequence(items.filter((_, i) => i !== at))]
  },
  SequenceAt: (call) => {
    const { items } = firstSequence(call)
    const item = items[position(input(call, 1), items.length, 0)]
    if (!item) throw new EvaluationError('a position past the end of a sequence')
    return [item]
  },
  SequenceLength: (call) => [int64([firstSequence(call).items.length], [])],
  ConcatFromSequence: (call) => {
    const items = firstSequence(call).items as readonly Nd[]
    const rank = (items[0]?.dims.length ?? 0) + (intOf(call, 'new_axis', 0) ? 1 : 0)
    const axis = axisOf(intOf(call, 'axis', 0), rank)
    return [intOf(call, 'new_axis', 0) ? stacked(items, axis) : concatenated(items, axis)]
  },
  SplitToSequence: splitToSequence,
  Optional: (call) => [{ kind: 'optional', value: call.inputs[0] ?? null }],
  OptionalHasElement: (call) => {
    const [value] = call.inputs
    const has = value !== undefined && !(value.kind === 'optional' && value.value === null)
    return [nd('bool', [], Float64Array.of(has ? 1 : 0))]
  },
  OptionalGetElement: (call) => {
    const value = anyInput(call, 0)
    if (value.kind !== 'optional') return [value]
    if (!value.value) throw new EvaluationError('an optional without a value')
    return [value.value]
  },
}
