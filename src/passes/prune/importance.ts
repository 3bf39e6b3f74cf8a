import { elementCount, type Model, tensorValues } from '../../ir/index.ts'
import type { ChannelGroup, Home } from './channel-groups.ts'

/** The elements of a tensor of these sizes that lie at `places` of an axis. */
function* elementsAt(dims: readonly number[], { axis, places }: Home): Generator<number> {
  const inner = elementCount(dims.slice(axis + 1))
  const outer = elementCount(dims.slice(0, axis))
  for (let row = 0; row < outer; row++)
    for (const place of places) {
      const from = (row * dims[axis]! + place) * inner
      for (let i = 0; i < inner; i++) yield from + i
    }
}

/** Σ |w| over the weights that make or read a channel (Li et al. 2017, 1608.08710, for the whole coupled channel). */
export function weightImportance(model: Model, groups: readonly ChannelGroup[]): ReadonlyMap<string, Float64Array> {
  return importanceBy(groups, ({ weights }) =>
    weights.reduce((sum, home) => {
      const tensor = model.graph.initializers.get(home.name)!
      const values = tensorValues(tensor)
      let own = 0
      let count = 0
      for (const i of elementsAt(tensor.dims, home)) {
        own += Math.abs(Number(values[i]))
        count++
      }
      // Kernels and scales have different numbers of elements; each counts with its mean.
      return sum + own / Math.max(1, count)
    }, 0),
  )
}

/** |γ| of the normalisations on a channel (Liu et al. 2017, 1708.06519); null for a group where there is none. */
export function scaleImportance(
  model: Model,
  groups: readonly ChannelGroup[],
): ReadonlyMap<string, Float64Array | null> {
  const scales = new Set(
    model.graph.nodes.flatMap((node) => (node.opType === 'BatchNormalization' ? [node.inputs[1]!] : [])),
  )
  return new Map(
    groups.map((group) => {
      if (!group.channels[0]!.weights.some(({ name }) => scales.has(name))) return [group.id, null]
      const scored = importanceBy([group], ({ weights }) =>
        weights
          .filter(({ name }) => scales.has(name))
          .reduce((sum, { name, places }) => {
            const values = tensorValues(model.graph.initializers.get(name)!)
            return sum + places.reduce((own, place) => own + Math.abs(Number(values[place])), 0)
          }, 0),
      )
      return [group.id, scored.get(group.id)!]
    }),
  )
}

/**
 * First-order Taylor: the change of the loss without a channel is near the Σ of weight · gradient over the weights that
 * make it; its square is summed over batches (Molchanov et al. 2019, 1906.10771). Adds one batch to `sums`.
 */
export function addTaylor(
  model: Model,
  groups: readonly ChannelGroup[],
  gradients: ReadonlyMap<string, ArrayLike<number | bigint>>,
  sums: ReadonlyMap<string, Float64Array>,
): void {
  for (const { id, channels } of groups)
    for (const [channel, { weights }] of channels.entries())
      for (const home of weights) {
        const gradient = gradients.get(home.name)
        if (!gradient) continue
        const tensor = model.graph.initializers.get(home.name)!
        const values = tensorValues(tensor)
        let own = 0
        for (const i of elementsAt(tensor.dims, home)) own += Number(values[i]) * Number(gradient[i])
        sums.get(id)![channel]! += own * own
      }
}

/** Σ |value| of a channel over one batch; adds to `sums`. */
export function addActivation(
  groups: readonly ChannelGroup[],
  values: ReadonlyMap<string, { readonly dims: readonly number[]; readonly data: ArrayLike<number | bigint> }>,
  sums: ReadonlyMap<string, Float64Array>,
): void {
  for (const { id, channels } of groups)
    for (const [channel, { values: homes }] of channels.entries())
      for (const home of homes) {
        const value = values.get(home.name)
        if (!value) continue
        let own = 0
        let count = 0
        for (const i of elementsAt(value.dims, home)) {
          own += Math.abs(Number(value.data[i]))
          count++
        }
        sums.get(id)![channel]! += own / Math.max(1, count)
      }
}

function importanceBy(
  groups: readonly ChannelGroup[],
  score: (channel: ChannelGroup['channels'][number]) => number,
): ReadonlyMap<string, Float64Array> {
  return new Map(groups.map(({ id, channels }) => [id, Float64Array.from(channels, score)]))
}
