import {
  BROADCASTING,
  elementCount,
  hasNestedGraphs,
  intAttribute,
  intsAttribute,
  type Node,
  outputsAxis,
  transposeOrder,
  UNARY,
} from '../../ir/index.ts'
import type { Axes, Axis, Rule, TraceContext } from './trace.ts'
import { computedMatMul, gather, reshapeLastAxis, softmax } from './trace-attention.ts'

/** What an operator does with channels. What is not here holds the channels that it reads in place. */
export function traceNode(node: Node, trace: TraceContext): void {
  const rule = node.domain === '' && !hasNestedGraphs(node) ? rules[node.opType] : undefined
  if (rule) rule(node, trace)
  else trace.hold(node, `${node.opType} has no rule for channels`)
}

/** Element by element on the first input; others are scalars. */
const keep: Rule = (node, trace) => trace.set(node.outputs[0], trace.axesOf(node.inputs[0]!))

/** Broadcast: axes align at the end; an axis of one place meets any. */
const elementwise: Rule = (node, trace) => {
  const inputs = node.inputs.filter((name) => name !== '')
  const shapes = inputs.map((name) => trace.sizes(name))
  const sizes = trace.sizes(node.outputs[0])
  if (!sizes || shapes.some((shape) => !shape)) return trace.hold(node, 'its shapes are not known')
  const out: Axis[] = sizes.map((_, axis) => {
    const meeting = inputs.flatMap((name, i) => {
      const at = axis - (sizes.length - shapes[i]!.length)
      return at >= 0 && shapes[i]![at] !== 1 ? [trace.axesOf(name)[at] ?? null] : []
    })
    for (const other of meeting.slice(1)) trace.unite(meeting[0], other)
    return meeting.length > 0 && meeting.every((each) => each !== null) ? meeting[0]! : null
  })
  trace.set(node.outputs[0], out)
}

const lists = (...axes: readonly (Axis | undefined)[]) => axes.filter((axis): axis is Int32Array => !!axis)

const part = (axis: Int32Array, groups: number, group: number) =>
  axis.subarray((axis.length / groups) * group, (axis.length / groups) * (group + 1))

/** Weights [out, in / groups, …]; of a transposed one [in, out / groups, …]. A group of several goes whole. */
const convolution: Rule = (node, trace) => {
  const [x, w, b] = node.inputs as [string, string, string | undefined]
  const weight = trace.constant(w)
  const transposed = node.opType === 'ConvTranspose'
  const channels = trace.axesOf(x)[1]
  if (!weight) return trace.hold(node, 'its weights are not constant')
  const groups = intAttribute(node, 'group', 1)
  const [first, second, ...places] = trace.axesOf(w)
  for (const axis of places) trace.freezeAxis(axis)
  let out: Axis | undefined
  if (groups === 1) {
    trace.unite(channels, (transposed ? first : second) ?? null)
    out = (transposed ? second : first) ?? null
    trace.products.push({ node, over: lists(channels, out) })
  } else if (!channels) return trace.hold(node, 'it is grouped over channels that are held')
  else {
    const made = transposed ? trace.atoms.fresh(weight.dims[1]! * groups) : first!
    trace.freezeAxis(second)
    if (transposed) trace.unite(channels, first)
    for (let group = 0; group < groups; group++) {
      const reads = part(channels, groups, group)
      for (const atom of [...reads, ...part(made, groups, group)]) trace.atoms.tie(reads[0]!, atom)
    }
    trace.grouped.set(
      node,
      Array.from({ length: groups }, (_, group) => part(channels, groups, group)),
    )
    out = made
    trace.products.push({ node, over: [made] })
  }
  if (b) trace.unite(out, trace.axesOf(b)[0])
  trace.set(node.outputs[0], [null, out, ...places.map(() => null)])
}

const gemm: Rule = (node, trace) => {
  const [a, b, c] = node.inputs as [string, string, string | undefined]
  const weight = trace.constant(b)
  if (!weight || intAttribute(node, 'transA', 0) !== 0) return trace.hold(node, 'no constant weights')
  const [first, second] = trace.axesOf(b)
  const [depth, width] = outputsAxis(node, weight) === 1 ? [first, second] : [second, first]
  trace.unite(trace.axesOf(a)[1], depth)
  if (c) {
    const last = trace.sizes(c)?.at(-1)
    if (last !== 1) trace.unite(width, trace.axesOf(c).at(-1))
  }
  trace.products.push({ node, over: lists(depth, width) })
  trace.set(node.outputs[0], [null, width ?? null])
}

const matMul: Rule = (node, trace) => {
  const [a, b] = node.inputs as [string, string]
  const weight = trace.constant(b)
  if (!weight && !trace.constant(a)) return computedMatMul(node, trace)
  if (weight?.dims.length !== 2) return trace.hold(node, 'its weights are no matrix on the right')
  const [depth, width] = trace.axesOf(b)
  const rows = trace.axesOf(a)
  trace.unite(rows.at(-1), depth)
  trace.products.push({ node, over: lists(depth, width) })
  trace.set(node.outputs[0], [...rows.slice(0, -1), width ?? null])
}

/** Parameters with one place a channel, beside an input with its channels on `axis`. */
const perChannel =
  (axis: number): Rule =>
  (node, trace) => {
    const axes = trace.axesOf(node.inputs[0]!)
    for (const name of node.inputs.slice(1)) if (name !== '') trace.unite(axes.at(axis), trace.axesOf(name).at(-1))
    trace.set(node.outputs[0], axes)
  }

/** Normalisation over the last axis alone: its parameters follow it. */
const lastAxis: Rule = (node, trace) => {
  const rank = trace.sizes(node.inputs[0])?.length ?? 0
  const axis = intAttribute(node, 'axis', -1)
  if (axis !== -1 && axis !== rank - 1) return trace.hold(node, 'it normalises several axes')
  perChannel(-1)(node, trace)
}

const pool: Rule = (node, trace) => {
  const axes = trace.axesOf(node.inputs[0]!)
  if (node.outputs.length > 1 && node.outputs[1]) return trace.hold(node, 'it hands out places')
  trace.set(
    node.outputs[0],
    axes.map((axis, i) => (i < 2 ? axis : null)),
  )
}

const concat: Rule = (node, trace) => {
  const sizes = trace.sizes(node.inputs[0])
  if (!sizes) return trace.hold(node, 'its shapes are not known')
  const along = (intAttribute(node, 'axis', 0) + sizes.length) % sizes.length
  const all = node.inputs.map((name) => trace.axesOf(name))
  const lengths = node.inputs.map((name) => trace.sizes(name)?.[along] ?? -1)
  trace.set(
    node.outputs[0],
    sizes.map((_, axis) => {
      if (axis !== along) {
        for (const other of all.slice(1)) trace.unite(all[0]![axis], other[axis])
        return all.every((each) => each[axis]) ? all[0]![axis]! : null
      }
      if (all.every((each) => !each[axis])) return null
      if (lengths.includes(-1)) {
        for (const each of all) trace.freezeAxis(each[axis])
        return null
      }
      // A part whose channels are held takes part with atoms that are held too.
      const parts = all.map((each, i) => {
        const own = each[axis] ?? trace.atoms.fresh(lengths[i]!)
        if (!each[axis]) trace.freezeAxis(own)
        return own
      })
      return Int32Array.from(parts.flatMap((own) => [...own]))
    }),
  )
}

const split: Rule = (node, trace) => {
  const axes = trace.axesOf(node.inputs[0]!)
  const along = (intAttribute(node, 'axis', 0) + axes.length) % axes.length
  const axis = axes[along]
  const lengths = node.outputs.map((name) => trace.sizes(name)?.[along] ?? -1)
  const explicit = trace.numbers(node.inputs[1])
  if (axis && (!explicit || lengths.includes(-1))) return trace.hold(node, 'it splits channels by a size it computes')
  let from = 0
  for (const [i, name] of node.outputs.entries()) {
    const own = axis ? axis.slice(from, from + lengths[i]!) : null
    from += lengths[i]!
    if (own) trace.fixes.push({ node, input: 1, index: i, atoms: own })
    trace.set(
      name,
      axes.map((each, at) => (at === along ? own : each)),
    )
  }
}

/** [N, C, …] to [N, C·…] or back and forth with places of one: a channel becomes the run of its places. */
const reshape: Rule = (node, trace) => {
  const before = trace.sizes(node.inputs[0])
  const after = trace.sizes(node.outputs[0])
  const axes = trace.axesOf(node.inputs[0]!)
  const channels = axes[1]
  const target = trace.numbers(node.inputs[1])
  if (axes.every((axis) => !axis))
    return trace.set(
      node.outputs[0],
      (after ?? []).map(() => null),
    )
  const asked = node.opType === 'Flatten' ? [intAttribute(node, 'axis', 1) === 1 ? 0 : 1, -1] : target
  const others = axes.some((axis, i) => axis && i !== 1)
  const orHold = (reason: string) => {
    if (node.opType !== 'Reshape' || !reshapeLastAxis(node, trace)) trace.hold(node, reason)
  }
  if (!before || !after || !asked || !channels || others || before.includes(-1, 1) || after.includes(-1, 1))
    return orHold('it moves channels in a way that is not followed')
  const rowsStay = asked[0] === 0 || (before[0] !== -1 && asked[0] === before[0]) || asked[0] === -1
  const places = elementCount(before.slice(2))
  const merged = after.length === 2 && after[1] === channels.length * places
  const same = after[1] === channels.length && elementCount(after.slice(2)) === places
  if (!rowsStay || after.length < 2 || !(merged || same)) return orHold('it mixes channels with places')
  const out = merged ? repeated(channels, places) : channels
  if (node.opType === 'Reshape' && asked[1]! > 0) trace.fixes.push({ node, input: 1, index: 1, atoms: out })
  trace.set(node.outputs[0], [null, out, ...after.slice(2).map(() => null)])
}

const repeated = (axis: Int32Array, times: number) =>
  Int32Array.from({ length: axis.length * times }, (_, i) => axis[Math.floor(i / times)]!)

const transpose: Rule = (node, trace) => {
  const axes = trace.axesOf(node.inputs[0]!)
  trace.set(
    node.outputs[0],
    transposeOrder(node, axes.length).map((from) => axes[from] ?? null),
  )
}

/** Squeeze and Unsqueeze move axes of one place only. */
const places: Rule = (node, trace) => {
  const axes = trace.axesOf(node.inputs[0]!)
  const [before, after] = [trace.sizes(node.inputs[0]), trace.sizes(node.outputs[0])]
  const given = trace.numbers(node.inputs[1])
  if (!before || !after || !given) return trace.hold(node, 'its axes are computed')
  const squeeze = node.opType === 'Squeeze'
  const rank = squeeze ? before.length : after.length
  const moved = new Set(given.map((axis) => (axis + rank) % rank))
  const left = [...axes]
  const out: Axes = squeeze
    ? axes.filter((_, i) => !moved.has(i))
    : after.map((_, i) => (moved.has(i) ? null : (left.shift() ?? null)))
  trace.set(node.outputs[0], out)
}

/** Over places only; a mean over channels would change with their number. */
const reduce: Rule = (node, trace) => {
  const axes = trace.axesOf(node.inputs[0]!)
  const given = trace.numbers(node.inputs[1]) ?? intsAttribute(node, 'axes', undefined)
  if (!given) return trace.hold(node, 'it reduces all axes')
  const over = new Set(given.map((axis) => (axis + axes.length) % axes.length))
  if (axes.some((axis, i) => axis && over.has(i))) return trace.hold(node, 'it reduces the channels')
  const kept = intAttribute(node, 'keepdims', 1) !== 0
  trace.set(node.outputs[0], kept ? axes : axes.filter((_, i) => !over.has(i)))
}

const pad: Rule = (node, trace) => {
  const axes = trace.axesOf(node.inputs[0]!)
  const pads = trace.numbers(node.inputs[1])
  if (!pads || node.inputs[3] || pads.length !== 2 * axes.length) return trace.hold(node, 'its pads are computed')
  if (axes.some((axis, i) => axis && (pads[i] !== 0 || pads[i + axes.length] !== 0)))
    return trace.hold(node, 'it pads the channels')
  trace.set(node.outputs[0], axes)
}

const resize: Rule = (node, trace) => {
  const scales = trace.numbers(node.inputs[2])
  if (node.inputs[3] || !scales || scales[1] !== 1) return trace.hold(node, 'its size is not a factor')
  trace.set(node.outputs[0], trace.axesOf(node.inputs[0]!))
}

const shape: Rule = (node, trace) => trace.set(node.outputs[0], [null])

const table = (rule: Rule, ...operators: readonly string[]) => operators.map((name) => [name, rule] as const)

const rules: Readonly<Record<string, Rule>> = Object.fromEntries([
  ...table(keep, ...UNARY, 'Dropout'),
  ...table(elementwise, ...BROADCASTING, 'PRelu'),
  ...table(convolution, 'Conv', 'ConvTranspose'),
  ['Gemm', gemm],
  ['MatMul', matMul],
  ...table(softmax, 'Softmax', 'LogSoftmax'),
  ['Gather', gather],
  ...table(perChannel(1), 'BatchNormalization', 'InstanceNormalization'),
  ...table(lastAxis, 'LayerNormalization', 'RMSNormalization'),
  ...table(pool, 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'LpPool', 'GlobalLpPool'),
  ['Concat', concat],
  ['Split', split],
  ...table(reshape, 'Reshape', 'Flatten'),
  ['Transpose', transpose],
  ...table(places, 'Squeeze', 'Unsqueeze'),
  ...table(reduce, 'ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceL2'),
  ['Pad', pad],
  ['Resize', resize],
  ...table(shape, 'Shape', 'Size'),
])
