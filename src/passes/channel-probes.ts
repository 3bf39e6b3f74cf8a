import {
  elementType,
  float32Shape,
  inferTypes,
  int,
  ints,
  type Model,
  makeNode,
  type Node,
  type Shape,
  tensorOf,
  tensorShape,
  type ValueInfo,
} from '../ir/index.ts'
import { calibrationChannels } from './quantize/index.ts'

/** A value whose channels are looked at. */
export interface ChannelProbe {
  /** Where its channels lie: 1, or −1 for the last axis. */
  readonly axis: number
}

/**
 * An output that several values share. It holds of one value after the other its dimensions, where the model does not fix
 * them, then the least, the greatest and the mean of every channel, each for all rows before the next.
 */
export interface ProbePack {
  readonly output: string
  readonly values: readonly {
    readonly name: string
    readonly axis: number
    readonly rank: number
    /** null where the output tells them. */
    readonly dims: readonly number[] | null
  }[]
}

/** Outputs that tell of a value as a whole, each without axes. */
interface WholeProbe {
  readonly min: string
  readonly max: string
  readonly sum: string
  /** Number of elements. */
  readonly size: string
}

/** A model that gives what channels hold in place of its outputs, and how to read what it gives. */
export interface ProbedModel {
  readonly model: Model
  readonly probes: ReadonlyMap<string, ChannelProbe>
  readonly packs: readonly ProbePack[]
  /** Of the values asked for whose channels are not looked at. */
  readonly whole: ReadonlyMap<string, WholeProbe>
}

/** Values that share an output: each output costs every run, and one for all would begin when the last value is there. */
const SHARED = 4

/**
 * The model that gives, in place of its outputs, what the channels of each value hold that static int8 may round: least,
 * greatest and mean. So nothing large leaves the engine. Values of unknown rank are left out.
 *
 * v [N, C, …] ⇒ r = Flatten(v, 2); ReduceMin, ReduceMax, ReduceMean of r over axis 1. Channels on the last axis, K of
 * them: r = Reshape(v, [−1, K]), over axis 0. What a few values give is joined. The outputs stand last, those of the
 * deepest values first: the runtime then reduces each value as soon as it is there, and holds no more of them than the
 * model itself. What leads to an output stands behind its values: while it loads a model, the runtime sorts it some
 * hundred times with a list of the nodes that could be next, which it walks through for every node (yolox-nano, 364
 * values: 167 ms of processor time, and 106 ms so).
 *
 * Of each value in `names` whose channels are not looked at the model also gives the least, the greatest, the sum and the
 * number of all elements.
 */
export function channelProbes(model: Model, names: readonly string[] = []): ProbedModel {
  const opset = model.opsets.get('') ?? 1
  const depths = new Map(model.graph.nodes.flatMap(({ outputs }, at) => outputs.map((name) => [name, at] as const)))
  const depthOf = (name: string) => depths.get(name) ?? -1
  const found = probedValues(model, opset)
  const probes = new Map(found.map(({ name, axis }) => [name, { axis }]))
  const values = [...found].sort((a, b) => depthOf(b.name) - depthOf(a.name))

  const initializers = new Map(model.graph.initializers)
  const constant = (name: string, numbers: readonly number[]) => {
    initializers.set(name, tensorOf('int64', [numbers.length], BigInt64Array.from(numbers, BigInt), name))
    return name
  }
  /** Nodes by the place of the node that they stand behind. */
  const behind = new Map<number, readonly Node[]>()
  const last: { readonly depth: number; readonly nodes: readonly Node[] }[] = []
  const packs: ProbePack[] = []
  for (let from = 0; from < values.length; from += SHARED) {
    const some = values.slice(from, from + SHARED)
    const output = `whetstone.channels.${packs.length}`
    const told = some.map((value, i) => channelNodes(value, `${output}.${i}`, opset, constant))
    const depth = depthOf(some[0]!.name)
    behind.set(depth, [...(behind.get(depth) ?? []), ...told.flatMap(({ nodes }) => nodes)])
    const numbers = told.flatMap((one) => one.numbers)
    last.push({ depth, nodes: [makeNode('Concat', numbers, [output], { attributes: { axis: int(0) } })] })
    packs.push({ output, values: some })
  }

  const whole = new Map<string, WholeProbe>()
  for (const [i, name] of names.entries()) {
    if (probes.has(name)) continue
    const id = `whetstone.range.${i}`
    const probe = { min: `${id}.min`, max: `${id}.max`, sum: `${id}.sum`, size: `${id}.size` }
    whole.set(name, probe)
    last.push({ depth: depthOf(name), nodes: wholeNodes(name, probe) })
  }
  const outputs = [
    ...packs.map(
      ({ output }): ValueInfo => ({ name: output, type: { kind: 'tensor', dtype: 'float32', shape: [null] } }),
    ),
    ...[...whole.values()]
      .flatMap((entry) => Object.values(entry) as string[])
      .map((name): ValueInfo => ({ name, type: { kind: 'unknown' } })),
  ]
  const nodes = [
    ...(behind.get(-1) ?? []),
    ...model.graph.nodes.flatMap((node, at) => [node, ...(behind.get(at) ?? [])]),
    ...last.sort((a, b) => b.depth - a.depth).flatMap((part) => part.nodes),
  ]
  return { model: { ...model, graph: { ...model.graph, nodes, initializers, outputs } }, probes, packs, whole }
}

/** A value whose channels are looked at, with their number where they lie on the last axis. */
type ProbedValue = ProbePack['values'][number] & { readonly width: number | undefined }

/** The values whose channels static int8 may round, as far as their rank is known and they hold float32 numbers. */
function probedValues(model: Model, opset: number): readonly ProbedValue[] {
  const types = inferTypes(model)
  // From inputs of one shape follow values of one shape.
  const fixed = model.graph.inputs.every(({ name }) => {
    return isFixed(tensorShape(types.get(name)))
  })
  return [...calibrationChannels(model.graph, opset)].flatMap(([name, { axis, width }]) => {
    const shape = float32Shape(types.get(name))
    if (!shape || shape.length < 2) return []
    // An empty value has no extremes.
    if (shape.includes(0)) return []
    const dims = fixed && isFixed(shape) ? shape : null
    return [{ name, axis, rank: shape.length, dims, width }]
  })
}

const isFixed = (shape: Shape | null): shape is readonly number[] =>
  shape?.every((size) => typeof size === 'number') ?? false

/** What tells of the channels of one value; `numbers` are the values to join, in the order in which a pack holds them. */
function channelNodes(
  { name, axis, dims, width }: ProbedValue,
  id: string,
  opset: number,
  constant: (name: string, numbers: readonly number[]) => string,
): { readonly nodes: readonly Node[]; readonly numbers: readonly string[] } {
  const nodes: Node[] = []
  const numbers: string[] = []
  if (!dims) {
    // Beside the other numbers: in an output of their own they would keep the values until that one is made.
    nodes.push(makeNode('Shape', [name], [`${id}.shape`]))
    nodes.push(makeNode('Cast', [`${id}.shape`], [`${id}.dims`], { attributes: { to: elementType('float32') } }))
    numbers.push(`${id}.dims`)
  }
  nodes.push(
    axis === -1
      ? makeNode('Reshape', [name, constant(`${id}.rows`, [-1, width!])], [id])
      : makeNode('Flatten', [name], [id], { attributes: { axis: int(2) } }),
  )
  const over = axis === -1 ? 0 : 1
  for (const operator of ['ReduceMin', 'ReduceMax', 'ReduceMean']) {
    const output = `${id}.${operator}`
    numbers.push(output)
    nodes.push(
      opset >= 18
        ? makeNode(operator, [id, constant(`whetstone.axis.${over}`, [over])], [output], {
            attributes: { keepdims: int(0) },
          })
        : makeNode(operator, [id], [output], { attributes: { axes: ints([over]), keepdims: int(0) } }),
    )
  }
  return { nodes, numbers }
}

/** What tells of all elements of a value together. */
function wholeNodes(name: string, { min, max, sum, size }: WholeProbe): readonly Node[] {
  const reduce = (operator: string, output: string) =>
    makeNode(operator, [name], [output], { attributes: { keepdims: int(0) } })
  return [
    reduce('ReduceMin', min),
    reduce('ReduceMax', max),
    reduce('ReduceSum', sum),
    makeNode('Size', [name], [size]),
  ]
}
