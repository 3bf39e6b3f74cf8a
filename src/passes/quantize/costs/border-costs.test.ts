import { expect, test } from 'vitest'
import { modelWith } from '../../../../tests/quantize-kit.ts'
import { borderCost } from './border-costs.ts'

test('layouts count where a conversion is beside them, conversions where they are of values', () => {
  const optimized = modelWith(
    `g (float[1,8,4,4] x, float s, uint8 o, int8[8,1,1] w) => (float y, float z) {
       q = QuantizeLinear(x, s, o)
       last = Transpose<perm = [0, 2, 3, 1]>(q)
       n = Identity(last)
       second = Transpose<perm = [0, 3, 1, 2]>(n)
       d = DequantizeLinear(second, s, o)
       y = Relu(d)
       own = Transpose<perm = [0, 2, 3, 1]>(x)
       r = Relu(own)
       head = Transpose<perm = [0, 3, 1, 2]>(r)
       v = DequantizeLinear(k, s, e)
       z = Add(head, v)
     }`,
    { k: [8, 1, 1], e: [] },
  )
  const nodes = optimized.graph.nodes.map(({ opType }, i) => ({ name: `${opType}_${i}`, operator: opType, ms: 1 }))
  const profile = { kind: 'profile', version: 1, threads: 1, runs: 1, totalMs: 11, operators: {}, nodes } as const
  // A QuantizeLinear, one DequantizeLinear of two and two Transposes of four, less two calls of 8 µs.
  const probe = { mixture: optimized, callsNs: 16_000, elements: 1000 }
  expect(borderCost(probe, profile, optimized)).toBe((4e6 - 16_000) / 1000)
})
