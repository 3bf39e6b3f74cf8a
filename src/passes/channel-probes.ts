import { inferTypes, int, ints, type Model, makeNode, type Node, tensorOf, type ValueInfo } from '../ir/index.ts'
import { calibrationChannels } from './quantize/index.ts'

/** Outputs that tell of a value's channels, each [N, C]: a row and a channel; N is 1 where channels lie last. */
export interface ChannelProbe {
  readonly axis: number
  readonly min: string
  readonly max: string
  readonly mean: string
}

/** Outputs that tell of a value as a whole, each without axes. */
export interface WholeProbe {
  readonly min: string
  readonly max: string
  readonly sum: string
}

export interface ProbedModel {
  readonly model: Model
  readonly probes: ReadonlyMap<string, ChannelProbe>
  /** Of the values asked for whose channels are not looked at. */
  readonly whole: ReadonlyMap<string, WholeProbe>
  /** The outputs that count the elements of the values asked for. */
  readonly sizes: ReadonlyMap<string, string>
}

/**
 * The model that gives, in place of its outputs, what the channels of each value hold that static int8 may round: least,
 * greatest and mean. So nothing large leaves the engine. Values of unknown rank are left out.
 *
 * v [N, C, …] ⇒ r = Reshape(v, [0, 0, −1]); ReduceMin, ReduceMax, ReduceMean of r over axis 2. Channels on the last
 * axis, K of them: r = Reshape(v, [1, −1, K]), over axis 1. Those of the deepest values stand first: the runtime then
 * reduces each value as soon as it is there, and holds no more of them than the model itself.
 *
 * Of each value in `names` the model also gives the number of elements, and where its channels are not looked at the
 * least, the greatest and the sum of all.
 */
export function channelProbes(model: Model, names: readonly string[] = []): ProbedModel {
  const opset = model.opsets.get('') ?? 1
  const parts: { readonly depth: number; readonly nodes: readonly Node[] }[] = []
  const depths = new Map(model.graph.nodes.flatMap(({ outputs }, at) => outputs.map((name) => [name, at] as const)))
  const initializers = new Map(model.graph.initializers)
  const constant = (name: string, values: readonly number[]) => {
    initializers.set(name, tensorOf('int64', [values.length], BigInt64Array.from(values, BigInt), name))
    return name
  }
  const probes = new Map<string, ChannelProbe>()
  const types = inferTypes(model)
  for (const [name, { axis, width }] of calibrationChannels(model.graph, opset)) {
    const type = types.get(name)
    if (type?.kind !== 'tensor' || type.dtype !== 'float32' || (type.shape?.length ?? 0) < 2) continue
    // An empty value has no extremes, and its Reshape would be invalid.
    if (type.shape?.includes(0)) continue
    const id = `whetstone.channels.${probes.size}`
    const shape = axis === -1 ? constant(`${id}.shape`, [1, -1, width!]) : constant('whetstone.rows', [0, 0, -1])
    const over = axis === -1 ? 1 : 2
    const reduce = (operator: string, output: string) =>
      opset >= 18
        ? makeNode(operator, [`${id}.value`, constant(`whetstone.axis.${over}`, [over])], [output], {
            attributes: { keepdims: int(0) },
          })
        : makeNode(operator, [`${id}.value`], [output], { attributes: { axes: ints([over]), keepdims: int(0) } })
    const probe = { axis, min: `${id}.min`, max: `${id}.max`, mean: `${id}.mean` }
    const nodes = [
      makeNode('Reshape', [name, shape], [`${id}.value`]),
      reduce('ReduceMin', probe.min),
      reduce('ReduceMax', probe.max),
      reduce('ReduceMean', probe.mean),
    ]
    parts.push({ depth: depths.get(name) ?? -1, nodes })
    probes.set(name, probe)
  }
  const whole = new Map<string, WholeProbe>()
  const sizes = new Map<string, string>()
  for (const [i, name] of names.entries()) {
    const id = `whetstone.range.${i}`
    const nodes = [makeNode('Size', [name], [`${id}.size`])]
    sizes.set(name, `${id}.size`)
    if (!probes.has(name)) {
      const probe = { min: `${id}.min`, max: `${id}.max`, sum: `${id}.sum` }
      whole.set(name, probe)
      nodes.push(
        makeNode('ReduceMin', [name], [probe.min], { attributes: { keepdims: int(0) } }),
        makeNode('ReduceMax', [name], [probe.max], { attributes: { keepdims: int(0) } }),
        makeNode('ReduceSum', [name], [probe.sum], { attributes: { keepdims: int(0) } }),
      )
    }
    parts.push({ depth: depths.get(name) ?? -1, nodes })
  }
  const outputs = [
    ...[...probes.values()].flatMap(({ min, max, mean }) =>
      [min, max, mean].map((name): ValueInfo => ({ name, type: { kind: 'tensor', dtype: 'float32', shape: null } })),
    ),
    ...[...whole.values(), Object.fromEntries(sizes)]
      .flatMap((entry) => Object.values(entry) as string[])
      .map((name): ValueInfo => ({ name, type: { kind: 'unknown' } })),
  ]
  const looking = parts.sort((a, b) => b.depth - a.depth).flatMap((part) => part.nodes)
  const graph = { ...model.graph, nodes: [...model.graph.nodes, ...looking], initializers, outputs }
  return { model: { ...model, graph }, probes, whole, sizes }
}
