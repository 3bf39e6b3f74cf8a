import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CutNetwork } from './min-cut.ts'

type Edge = readonly [from: number, to: number, cost: number]

/** Cost of a split: edges from the source's side to the sink's. */
const costOf = (edges: readonly Edge[], onSource: (item: number) => boolean) =>
  edges.reduce((sum, [from, to, cost]) => sum + (onSource(from) && !onSource(to) ? cost : 0), 0)

test('no split is cheaper than the one found', () => {
  const items = 6
  const end = fc.integer({ min: 0, max: items + 1 })
  const edge = fc.tuple(end, end, fc.integer({ min: 1, max: 20 }))
  fc.assert(
    fc.property(fc.array(edge, { maxLength: 25 }), (all) => {
      const edges = all.filter(([from, to]) => from !== to && to !== 0 && from !== 1)
      const network = new CutNetwork()
      for (let i = 0; i < items; i++) network.item()
      for (const [from, to, cost] of edges) network.edge(from, to, cost)
      const side = network.sourceSide()
      expect(side.has(network.source)).toBe(true)
      expect(side.has(network.sink)).toBe(false)
      let best = Number.POSITIVE_INFINITY
      for (let mask = 0; mask < 2 ** items; mask++)
        best = Math.min(
          best,
          costOf(edges, (item) => item === 0 || (item > 1 && ((mask >> (item - 2)) & 1) === 1)),
        )
      expect(costOf(edges, (item) => side.has(item))).toBe(best)
    }),
    { numRuns: 200 },
  )
})

test('a chain of ten thousand items is split without a deep stack', () => {
  const network = new CutNetwork()
  const items = Array.from({ length: 10_000 }, () => network.item())
  network.edge(network.source, items[0]!, 5)
  for (const [i, item] of items.entries()) network.edge(item, items[i + 1] ?? network.sink, i === 5000 ? 1 : 3)
  expect(network.sourceSide().size).toBe(5002)
})
