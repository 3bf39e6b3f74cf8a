import {
  elementType,
  inferTypes,
  int,
  ints,
  type Model,
  makeNode,
  type Node,
  tensorOf,
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
export interface WholeProbe {
  readonly min: string
  readonly max: string
  readonly sum: string
  /** Number of elements. */
  readonly size: string
}

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
  const initializers = new Map(model.graph.initializers)
  const constant = (name: string, values: readonly number[]) => {
    initializers.set(name, tensorOf('int64', [values.length], BigInt64Array.from(values, BigInt), name))
    return name
  }
  const types = inferTypes(model)
  const shapeOf = (name: string) => {
    const type = types.get(name)
    return type?.kind === 'tensor' ? type.shape : null
  }
  const isFixed = (shape: ReturnType<typeof shapeOf>): shape is readonly number[] =>
    shape?.every((size) => typeof size === 'number') ?? false
  // From inputs of one shape follow values of one shape.
  const fixed = model.graph.inputs.every(({ name }) => isFixed(shapeOf(name)))

  const probes = new Map<string, ChannelProbe>()
  /** Nodes by the place of the node that they stand behind. */
  const behind = new Map<number, readonly Node[]>()
  const last: { readonly depth: number; readonly nodes: readonly Node[] }[] = []
  const told: (ProbePack['values'][number] & { readonly width: number | undefined })[] = []
  for (const [name, { axis, width }] of calibrationChannels(model.graph, opset)) {
    const type = types.get(name)
    if (type?.kind !== 'tensor' || type.dtype !== 'float32' || !type.shape || type.shape.length < 2) continue
    // An empty value has no extremes.
    if (type.shape.includes(0)) continue
    probes.set(name, { axis })
    const dims = fixed && isFixed(type.shape) ? type.shape : null
    told.push({ name, axis, rank: type.shape.length, dims, width })
  }
  told.sort((a, b) => depthOf(b.name) - depthOf(a.name))

  const packs: ProbePack[] = []
  for (let from = 0; from < told.length; from += SHARED) {
    const values = told.slice(from, from + SHARED)
    const id = `whetstone.channels.${packs.length}`
    const nodes: Node[] = []
    const numbers: string[] = []
    for (const [i, { name, axis, dims, width }] of values.entries()) {
      const value = `${id}.${i}`
      if (!dims) {
        // Beside the other numbers: in an output of their own they would keep the values until that one is made.
        nodes.push(makeNode('Shape', [name], [`${value}.shape`]))
        nodes.push(
          makeNode('Cast', [`${value}.shape`], [`${value}.dims`], { attributes: { to: elementType('float32') } }),
        )
        numbers.push(`${value}.dims`)
      }
      nodes.push(
        axis === -1
          ? makeNode('Reshape', [name, constant(`${value}.rows`, [-1, width!])], [value])
          : makeNode('Flatten', [name], [value], { attributes: { axis: int(2) } }),
      )
      const over = axis === -1 ? 0 : 1
      for (const operator of ['ReduceMin', 'ReduceMax', 'ReduceMean']) {
        const output = `${value}.${operator}`
        numbers.push(output)
        nodes.push(
          opset >= 18
            ? makeNode(operator, [value, constant(`whetstone.axis.${over}`, [over])], [output], {
                attributes: { keepdims: int(0) },
              })
            : makeNode(operator, [value], [output], { attributes: { axes: ints([over]), keepdims: int(0) } }),
        )
      }
    }
    const depth = depthOf(values[0]!.name)
    behind.set(depth, [...(behind.get(depth) ?? []), ...nodes])
    last.push({ depth, nodes: [makeNode('Concat', numbers, [id], { attributes: { axis: int(0) } })] })
    packs.push({ output: id, values })
  }

  const whole = new Map<string, WholeProbe>()
  for (const [i, name] of names.entries()) {
    if (probes.has(name)) continue
    const id = `whetstone.range.${i}`
    const probe = { min: `${id}.min`, max: `${id}.max`, sum: `${id}.sum`, size: `${id}.size` }
    whole.set(name, probe)
    const reduce = (operator: string, output: string) =>
      makeNode(operator, [name], [output], { attributes: { keepdims: int(0) } })
    last.push({
      depth: depthOf(name),
      nodes: [
        reduce('ReduceMin', probe.min),
        reduce('ReduceMax', probe.max),
        reduce('ReduceSum', probe.sum),
        makeNode('Size', [name], [probe.size]),
      ],
    })
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
