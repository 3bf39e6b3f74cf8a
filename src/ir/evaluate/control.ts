import type { Graph } from '../model.ts'
import { type Call, graphOf, input, intOf, intsOf, type Kernels, optionalInput } from './call.ts'
import { axisOf, concatenated, reversedAxis, sliced } from './layout.ts'
import { EvaluationError, int64, listOf, type Nd, nd, numbersOf, reshaped, scalarOf, type Value } from './value.ts'

function run(call: Call, graph: Graph, inputs: readonly (Value | undefined)[]): readonly Value[] {
  if (!call.runGraph) throw new EvaluationError('nested graphs need an engine')
  return call.runGraph(graph, inputs)
}

const boolean = (value: boolean): Nd => nd('bool', [], Float64Array.of(value ? 1 : 0))

const tensor = (value: Value | undefined): Nd => {
  if (value?.kind !== 'tensor') throw new EvaluationError('a nested graph gave no tensor')
  return value
}

const truth = (value: Value | undefined): boolean => scalarOf(tensor(value)) !== 0

/** Values of equal shape on a new axis; without any, an empty tensor. */
export function stacked(values: readonly Nd[], axis: number): Nd {
  if (values.length === 0) return nd('float32', [0], new Float64Array(0))
  return concatenated(
    values.map((value) => reshaped(value, [...value.dims.slice(0, axis), 1, ...value.dims.slice(axis)])),
    axis,
  )
}

/** What a body gives in a loop that never ran has the shape that its graph states, with unknown sizes 0. */
function neverRan(graph: Graph, output: number): Nd {
  const type = graph.outputs[output]?.type
  if (type?.kind !== 'tensor') throw new EvaluationError('a loop of no steps without declared types')
  const dims = (type.shape ?? []).map((dim) => (typeof dim === 'number' ? dim : 0))
  const wide = type.dtype === 'int64' || type.dtype === 'uint64'
  return nd(type.dtype, [0, ...dims], wide ? new BigInt64Array(0) : type.dtype === 'string' ? [] : new Float64Array(0))
}

function loop(call: Call): Value[] {
  const body = graphOf(call, 'body')
  const limit = optionalInput(call, 0)
  const steps = limit ? scalarOf(limit) : Number.POSITIVE_INFINITY
  let going = call.inputs[1] ? truth(call.inputs[1]) : true
  let state: (Value | undefined)[] = call.inputs.slice(2)
  const scans: Nd[][] = body.outputs.slice(1 + state.length).map(() => [])
  for (let step = 0; step < steps && going; step++) {
    const outputs = run(call, body, [int64([step], []), boolean(going), ...state])
    going = truth(outputs[0])
    state = outputs.slice(1, 1 + state.length)
    for (const [i, list] of scans.entries()) list.push(tensor(outputs[1 + state.length + i]))
  }
  return [
    ...(state as Value[]),
    ...scans.map((list, i) => (list.length > 0 ? stacked(list, 0) : neverRan(body, 1 + state.length + i))),
  ]
}

const part = (value: Nd, axis: number, at: number): Nd =>
  reshaped(
    sliced(value, axis, at, 1),
    value.dims.filter((_, i) => i !== axis),
  )

/** The states and scanned inputs of one sequence. */
function scanned(call: Call, body: Graph, states: readonly Value[], inputs: readonly Nd[], steps: number): Value[] {
  let state: readonly Value[] = states
  const outputs: Nd[][] = body.outputs.slice(states.length).map(() => [])
  const axes = intsOf(call, 'scan_input_axes') ?? inputs.map(() => 0)
  for (let step = 0; step < steps; step++) {
    const given = inputs.map((value, i) => part(value, axisOf(axes[i]!, value.dims.length), step))
    const results = run(call, body, [...state, ...given])
    state = results.slice(0, states.length)
    for (const [i, list] of outputs.entries()) list.push(tensor(results[states.length + i]))
  }
  const directions = intsOf(call, 'scan_output_directions') ?? outputs.map(() => 0)
  const outAxes = intsOf(call, 'scan_output_axes') ?? outputs.map(() => 0)
  return [
    ...state,
    ...outputs.map((list, i) => {
      if (list.length === 0) return neverRan(body, states.length + i)
      const axis = axisOf(outAxes[i]!, list[0]!.dims.length + 1)
      return stacked(directions[i] ? [...list].reverse() : list, axis)
    }),
  ]
}

function scan(call: Call): Value[] {
  const body = graphOf(call, 'body')
  const count = intOf(call, 'num_scan_inputs', 1)
  if (call.opset < 9) return batchScan(call, body, count)
  const states = call.inputs.slice(0, call.inputs.length - count) as Value[]
  const directions = intsOf(call, 'scan_input_directions') ?? new Array<number>(count).fill(0)
  const axes = intsOf(call, 'scan_input_axes') ?? new Array<number>(count).fill(0)
  const inputs = Array.from({ length: count }, (_, i) => {
    const value = input(call, states.length + i)
    return directions[i] ? reversedAxis(value, axisOf(axes[i]!, value.dims.length)) : value
  })
  return scanned(call, body, states, inputs, inputs[0]!.dims[axisOf(axes[0]!, inputs[0]!.dims.length)]!)
}

/** Opset 8: a leading optional input of lengths, and a batch axis before everything. */
function batchScan(call: Call, body: Graph, count: number): Value[] {
  const lengths = optionalInput(call, 0)
  const values = call.inputs.slice(1).map(tensor)
  const states = values.slice(0, values.length - count)
  const directions = intsOf(call, 'directions') ?? new Array<number>(count).fill(0)
  const inputs = values.slice(values.length - count).map((v, i) => (directions[i] ? reversedAxis(v, 1) : v))
  const batch = inputs[0]!.dims[0]!
  const results = Array.from({ length: batch }, (_, b) => {
    const steps = lengths ? listOf(lengths)[b]! : inputs[0]!.dims[1]!
    return scanned(
      call,
      body,
      states.map((v) => part(v, 0, b)),
      inputs.map((v) => part(v, 0, b)),
      steps,
    )
  })
  return results[0]!.map((_, i) =>
    stacked(
      results.map((list) => tensor(list[i])),
      0,
    ),
  )
}

export const control: Kernels = {
  If: (call) => [...run(call, graphOf(call, numbersOf(input(call, 0))[0] ? 'then_branch' : 'else_branch'), [])],
  Loop: loop,
  Scan: scan,
  SequenceMap: (call) => {
    const body = graphOf(call, 'body')
    const [first] = call.inputs
    if (first?.kind !== 'sequence') throw new EvaluationError('SequenceMap of no sequence')
    const steps = first.items.map((_, i) =>
      run(
        call,
        body,
        call.inputs.map((value) => (value?.kind === 'sequence' ? value.items[i] : value)),
      ),
    )
    return body.outputs.map((_, i) => ({ kind: 'sequence', items: steps.map((outputs) => outputs[i]!) }))
  },
}
