import {
  type Attribute,
  type Graph,
  int,
  intAttribute,
  ints,
  intsAttribute,
  isFloating,
  makeNode,
  type Node,
  outerReads,
  type Tensor,
  type ValueInfo,
} from '../../ir/index.ts'
import { needed } from './needed.ts'
import { Refused } from './refused.ts'
import type { GradientCall, GradientRule, WayWithin } from './rule.ts'

export const scans = {
  /**
   * (sᵗ⁺¹, yᵗ) = f(sᵗ, xᵗ, w)  ⇒  from the last step to the first: (∂sᵗ, ∂xᵗ, ∂w +=) = the way back through f, given ∂sᵗ⁺¹ and
   * ∂yᵗ. It asks for the state before each step, which a Scan of its own gives, and computes the rest of the step again.
   */
  Scan: ((call) => {
    const { write } = call
    const scan = partsOf(call)
    const prefix = `${write.fresh('gradient/Scan')}/`
    const { way, from } = withinBody(call, scan, prefix)
    const back = way.gradients
    const states = scan.states.filter(({ floating }) => floating)
    const shared = scan.shared.filter(({ name }) => back.has(name))
    const scanned = scan.scanned.filter(({ name }) => back.has(name))

    const nodes = [...way.graph.nodes]
    const sums = shared.map(({ name }) => {
      const [before, after] = [`${prefix}${name}/before`, `${prefix}${name}/after`]
      // ONNX Runtime makes one product of MatMul and Add, which in a body may miss an input.
      nodes.push(makeNode('Sum', [before, back.get(name)!], [after]))
      return { name, before, after }
    })
    const firstOf = (name: string): string => {
      const known = back.get(name)
      if (known) return known
      const [size, zeros] = [`${prefix}${name}/size`, `${prefix}${name}/zeros`]
      nodes.push(makeNode('Shape', [name], [size]), makeNode('ConstantOfShape', [size], [zeros]))
      return zeros
    }
    const body: Graph = {
      ...way.graph,
      name: prefix,
      inputs: [
        ...states.map((state) => open(from.get(state.made)!, state)),
        ...sums.map(({ before }, i) => open(before, shared[i]!)),
        ...scan.states.map((state) => open(state.name, state)),
        ...scan.scanned.map((slice) => open(slice.name, slice)),
        ...scan.outputs.map((output) => open(from.get(output.made)!, output)),
      ],
      outputs: [
        ...states.map((state) => open(firstOf(state.name), state)),
        ...sums.map(({ after }, i) => open(after, shared[i]!)),
        ...scanned.map((slice) => open(back.get(slice.name)!, slice)),
      ],
      nodes,
      initializers: new Map([...way.graph.initializers].filter(([name]) => !scan.constants.has(name))),
    }
    const made = write.ops(
      'Scan',
      [
        ...states.map(({ at, value }) => call.gradients[at] ?? write.zerosLike(value)),
        ...shared.map(({ name }) => write.zerosLike(name)),
        ...statesBefore(call, scan, prefix),
        ...scan.scanned.map(({ value }) => value),
        ...scan.outputs.map(({ at }) => call.gradients[at]!),
      ],
      body.outputs.length,
      {
        body: { type: 'graph', value: needed(body) },
        num_scan_inputs: int(body.inputs.length - states.length - sums.length),
        scan_input_axes: ints([...scan.states.map(() => 0), ...axesOf(scan.scanned), ...axesOf(scan.outputs)]),
        scan_input_directions: ints([...scan.states.map(() => 1), ...turned(scan.scanned), ...turned(scan.outputs)]),
        scan_output_axes: ints(axesOf(scanned)),
        scan_output_directions: ints(turned(scanned)),
      },
    )
    for (const [i, { name }] of shared.entries()) call.contribute(name, made[states.length + i]!)
    const gradients = new Map<number, string>()
    for (const [i, { at }] of states.entries()) gradients.set(at, made[i]!)
    for (const [i, { at }] of scanned.entries()) gradients.set(at, made[states.length + sums.length + i]!)
    return call.node.inputs.map((_, at) => (call.wants(at) ? gradients.get(at) : undefined))
  }) satisfies GradientRule,
}

/** A value of the body: `name` as the body reads it, `value` outside, `at` its place among the node's inputs or outputs. */
interface Part extends Typed {
  readonly name: string
  readonly value: string
  readonly at: number
  readonly floating: boolean
}
/** A state; `made` is what the body makes of it. */
interface State extends Part {
  readonly made: string
}
/** What is read or written slice by slice. */
interface Slice extends Part {
  readonly axis: number
  readonly backwards: boolean
}
interface Typed {
  readonly dtype: ValueDtype
  readonly shape: ValueShape
}
type TensorType = Extract<ValueInfo['type'], { kind: 'tensor' }>
type ValueDtype = TensorType['dtype']
type ValueShape = TensorType['shape']

interface Scan {
  readonly body: Graph
  readonly states: readonly State[]
  readonly scanned: readonly Slice[]
  /** Outputs slice by slice whose gradient is known. */
  readonly outputs: readonly (Slice & { readonly made: string })[]
  /** What the body reads from outside and moves. */
  readonly shared: readonly Part[]
  /** What the body reads from outside, all of it. */
  readonly outside: readonly Part[]
  readonly constants: ReadonlyMap<string, Tensor>
}

function partsOf(call: GradientCall): Scan {
  const { node, write } = call
  const body = bodyOf(node)
  const count = intAttribute(node, 'num_scan_inputs', 0)
  const carried = node.inputs.length - count
  const part = (value: string, name: string, at: number): Part => {
    const dtype = write.storedType(value)
    return { value, name, at, dtype, floating: isFloating(dtype), shape: write.shape(value) }
  }
  const slice = (kind: 'input' | 'output', whole: Part, i: number): Slice => {
    const given = intsAttribute(node, `scan_${kind}_axes`, [])[i] ?? 0
    const axis = given < 0 ? given + write.rank(whole.value) : given
    const backwards = intsAttribute(node, `scan_${kind}_directions`, [])[i] === 1
    return { ...whole, axis, backwards, shape: whole.shape?.filter((_, at) => at !== axis) ?? null }
  }
  const outside = [...outerReads(body)].map((name) => part(name, name, -1))
  const constants = new Map<string, Tensor>()
  for (const { name } of outside) {
    const constant = call.moves(name) ? undefined : write.constant(name)
    if (constant) constants.set(name, constant)
  }
  const outputs = body.outputs.flatMap(({ name: made }, at) => {
    if (at < carried || call.gradients[at] === undefined) return []
    return [{ ...slice('output', part(node.outputs[at]!, made, at), at - carried), made }]
  })
  const made = body.outputs.map(({ name }) => name)
  if (new Set(made).size < made.length) throw new Refused('its body gives one value out twice')
  return {
    body,
    states: node.inputs
      .slice(0, carried)
      .map((value, at) => ({ ...part(value, body.inputs[at]!.name, at), made: made[at]! })),
    scanned: node.inputs
      .slice(carried)
      .map((value, i) => slice('input', part(value, body.inputs[carried + i]!.name, carried + i), i)),
    outputs: outputs.filter(({ floating }) => floating),
    shared: outside.filter(({ name, floating }) => floating && call.moves(name)),
    outside,
    constants,
  }
}

function bodyOf(node: Node): Graph {
  const body = node.attributes.get('body')
  if (body?.type !== 'graph') throw new Refused('it has no body')
  return body.value
}

/** The way back through one step, and by what the body makes the name of its gradient. */
function withinBody(
  call: GradientCall,
  scan: Scan,
  prefix: string,
): { readonly way: WayWithin; readonly from: ReadonlyMap<string, string> } {
  const { body, states, scanned, outputs, shared, outside, constants } = scan
  const inner: Graph = {
    ...body,
    inputs: [
      ...[...states, ...scanned].map((each) => typed(each.name, each)),
      ...outside.filter(({ name }) => !constants.has(name)).map((each) => typed(each.name, each)),
    ],
    initializers: new Map([...constants, ...body.initializers]),
  }
  const ends = [...states.filter(({ floating }) => floating), ...outputs]
  const from = new Map(ends.map(({ made }) => [made, `${prefix}${made}/gradient`]))
  const wrt = [
    ...states.filter(({ floating }) => floating),
    ...scanned.filter(({ at, floating }) => floating && call.wants(at)),
    ...shared,
  ].map(({ name }) => name)
  const way = call.within(inner, { from, wrt, prefix })
  for (const name of wrt) {
    const reason = way.tainted.get(name)
    if (reason !== undefined) throw new Refused(`in its body, ${reason}`)
  }
  return { way, from }
}

/** The states before every step, stacked in the order of the steps. */
function statesBefore({ node, write }: GradientCall, { body, states }: Scan, prefix: string): readonly string[] {
  if (states.length === 0) return []
  const copies = states.map((state) => ({ ...state, copy: `${prefix}${state.name}/kept` }))
  const forward: Graph = {
    ...body,
    name: `${prefix}states`,
    nodes: [...body.nodes, ...copies.map(({ name, copy }) => makeNode('Identity', [name], [copy]))],
    outputs: [...body.outputs.slice(0, states.length), ...copies.map((state) => open(state.copy, state))],
  }
  const attributes: Record<string, Attribute> = Object.fromEntries(
    [...node.attributes].filter(([name]) => !name.startsWith('scan_output')),
  )
  const value = { type: 'graph', value: needed(forward) } as const
  return write.ops('Scan', node.inputs, 2 * states.length, { ...attributes, body: value }).slice(states.length)
}

const typed = (name: string, { dtype, shape }: Typed): ValueInfo => ({ name, type: { kind: 'tensor', dtype, shape } })
/** Without the names of sizes, which mean nothing in another graph. */
const open = (name: string, { dtype, shape }: Typed): ValueInfo =>
  typed(name, { dtype, shape: shape?.map((dim) => (typeof dim === 'number' ? dim : null)) ?? null })
const axesOf = (slices: readonly Slice[]) => slices.map(({ axis }) => axis)
/** The steps the other way round. */
const turned = (slices: readonly Slice[]) => slices.map(({ backwards }) => (backwards ? 0 : 1))
