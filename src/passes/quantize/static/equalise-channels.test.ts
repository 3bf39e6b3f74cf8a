import { expect, test } from 'vitest'
import { parseModel } from '../../../ir/index.ts'
import { planStatic } from './static-plan.ts'

/** The largest number that was seen in each channel, or its least and its largest. */
type Seen = readonly (number | readonly [number, number])[]

/** Multipliers of the channels of values, all of whose codes reach as far as the largest channel does; null for none. */
function multipliers(body: string, channels: Readonly<Record<string, Seen>>, strength = 1, reach?: readonly number[]) {
  const { graph } = parseModel(
    `<ir_version: 8, opset_import: ["" : 18]> g (float[1,2,4,4] x) => (float y)
       <float[2,2,1,1] w = {1, 2, 3, 4}, float[2,2,1,1] v = {4, 3, 2, 1}, float[2,4,1,1] wide = {1, 2, 3, 4, 5, 6, 7, 8},
        float[4,2,1,1] four = {1, 2, 3, 4, 5, 6, 7, 8}>
       { a = Conv(x, w) b = Conv(x, v) ${body} }`,
  )
  const ends = (seen: Seen) => seen.map((one) => (typeof one === 'number' ? ([0, one] as const) : one))
  const ranges = new Map([['x', { min: 0, max: 4, elements: 32 }]])
  for (const name of graph.nodes.flatMap(({ outputs }) => outputs)) {
    const of = ends(channels[name] ?? [4])
    const elements = name.startsWith('gate') ? 2 : name === 'c' ? 64 : 32
    ranges.set(name, {
      min: Math.min(...of.map(([low]) => low)),
      max: Math.max(...of.map(([, high]) => high)),
      elements,
    })
  }
  const seen = Object.entries(channels).map(([name, values]) => {
    const [min, max] = [ends(values).map(([low]) => low), ends(values).map(([, high]) => high)]
    return [
      name,
      { axis: 1, min, max, mean: max, reach: reach ?? max.map((high, c) => Math.max(high, -min[c]!)) },
    ] as const
  })
  const facts = { opset: 18, constant: (name: string) => graph.initializers.get(name) }
  const { codes } = planStatic(
    graph,
    facts,
    ranges,
    { placement: 'everywhere', equalise: strength },
    { costs: new Map(), borderNs: null, sensitivity: null, channels: new Map(seen) },
  )
  return Object.fromEntries(
    Object.keys(channels).map((name) => [name, [...(codes.get(name)?.channels ?? [null])]] as const),
  )
}

test('a channel has the share of the codes that it needs, or its power; a sixteenth at the least', () => {
  const of = (a: Seen, strength?: number, reach?: readonly number[]) =>
    multipliers('y = Conv(a, w)', { a }, strength, reach).a!.map((share) => Number(share!.toFixed(5)))
  expect(of([4, 1])).toEqual([1, 0.25])
  expect(of([4, 1], 0.5)).toEqual([1, 0.5])
  expect(of([4, 0.01])).toEqual([1, 1 / 16])
  // Other rows are expected to reach twice as far in the second.
  expect(of([4, 1], 1, [4, 2])).toEqual([1, 0.5])
  const below = [
    [-4, 0],
    [-1, 0],
  ] as const
  expect(of(below)).toEqual([1, 0.25])
  const above = [
    [-1, 4],
    [0, 1],
  ] as const
  expect(of(above)).toEqual([1, 0.25])
})

test('channels that never woke get what a middling one of the others needs', () => {
  const { q } = multipliers('q = Conv(x, four) y = Conv(q, wide)', { q: [4, 0, 0, 1] })
  expect(q!.map((share) => Number(share!.toFixed(5)))).toEqual([1, 1, 1, 0.25])
})

test.each<[string, string, Readonly<Record<string, Seen>>, Readonly<Record<string, readonly (number | null)[]>>]>([
  [
    'joined channels keep those of the parts',
    'c = Concat<axis = 1>(a, b) y = Conv(c, wide)',
    { a: [4, 1], b: [2, 4], c: [4, 2, 1, 4] },
    { a: [1, 0.5], b: [0.5, 1], c: [1, 0.5, 0.5, 1] },
  ],
  [
    'rows that are joined have one multiplier a channel',
    'c = Concat<axis = 2>(a, b) y = Conv(c, w)',
    { a: [4, 1], b: [4, 2], c: [4, 2] },
    { a: [1, 0.5], b: [1, 0.5], c: [1, 0.5] },
  ],
  [
    'images that are joined keep one scale',
    'c = Concat<axis = 0>(a, b) y = Conv(c, w)',
    { a: [4, 1], b: [4, 2], c: [4, 2] },
    { a: [null], b: [null], c: [null] },
  ],
  [
    'a sum has one multiplier a channel with what is added',
    'c2 = Add(a, b) y = Conv(c2, w)',
    { a: [4, 1], b: [4, 2], c2: [4, 1] },
    { a: [1, 0.5], b: [1, 0.5], c2: [1, 0.5] },
  ],
  [
    'a sum whose channels nobody saw',
    'c2 = Add(a, b) y = Conv(c2, w)',
    { a: [4, 1], b: [4, 2] },
    { a: [null], b: [null] },
  ],
  [
    'a join whose channels nobody saw',
    'c = Concat<axis = 1>(a, b) y = Conv(c, wide)',
    { a: [4, 1], b: [4, 1] },
    { a: [null], b: [null] },
  ],
  [
    'a pool hands them on',
    'p = MaxPool<kernel_shape = [1, 1]>(a) y = Conv(p, w)',
    { a: [4, 1], p: [4, 2] },
    { a: [1, 0.5], p: [1, 0.5] },
  ],
  [
    'a pool whose channels nobody saw',
    'p = MaxPool<kernel_shape = [1, 1]>(a) y = Conv(p, w)',
    { a: [4, 1] },
    { a: [null] },
  ],
  [
    'what a gate of a number a channel multiplies hands them on, and the gate keeps one scale',
    'gate = GlobalAveragePool(b) m = Mul(a, gate) y = Conv(m, w)',
    { a: [4, 1], gate: [4, 1], m: [4, 2], b: [4, 1] },
    { a: [1, 0.5], gate: [null], m: [1, 0.5], b: [null] },
  ],
  [
    'the gate in front',
    'gate = GlobalAveragePool(b) m = Mul(gate, a) y = Conv(m, w)',
    { a: [4, 1], gate: [4, 1], m: [4, 2] },
    { a: [1, 0.5], gate: [null], m: [1, 0.5] },
  ],
  [
    'a product whose channels nobody saw',
    'gate = GlobalAveragePool(b) m = Mul(a, gate) y = Conv(m, w)',
    { a: [4, 1], gate: [4, 1] },
    { a: [null], gate: [null] },
  ],
  [
    'a product of two pictures',
    'm = Mul(a, b) y = Conv(m, w)',
    { a: [4, 1], b: [4, 1], m: [4, 1] },
    { a: [null], b: [null], m: [null] },
  ],
])('%s', (_, body, seen, expected) => {
  expect(multipliers(body, seen)).toEqual(
    Object.fromEntries(
      Object.entries(expected).map(([name, values]) => [
        name,
        values.map((v) => (v === null ? v : expect.closeTo(v, 5))),
      ]),
    ),
  )
})
