// Edges that whole models seldom have: two channels, a channel that was never seen, a value nobody listed.
import { expect, test } from 'vitest'
import { modelWith, randomValue, rangesOf } from '../../../../tests/quantize-kit.ts'
import { tensorValues } from '../../../ir/index.ts'
import type { CostsReport, MomentsReport, SensitivityReport } from '../../../report/index.ts'
import { borderProbe } from '../costs/border-costs.ts'
import { costProbes } from '../costs/unit-costs.ts'
import { crossingCalls } from '../placement/layout-costs.ts'
import { roundingsOf } from '../units/roundings.ts'
import type { Unit } from '../units/unit.ts'
import { scaleWeightInputs } from '../weights/scale-weight-inputs.ts'
import type { RoundableWeight } from './roundable-weights.ts'
import { weightsOfCodes } from './soft-weights.ts'

test.each([
  { dims: [2, 3], unit: [2, 1], expected: [1, 1, 1, 4, 4, 4] },
  { dims: [3, 2], unit: [1, 2], expected: [1, 4, 1, 4, 1, 4] },
  { dims: [2, 2, 1], unit: [2, 1, 1], expected: [1, 1, 4, 4] },
])('a unit a channel, of two channels: $dims by $unit', ({ dims, unit, expected }) => {
  const count = expected.length
  const weight: RoundableWeight = {
    name: 'w',
    node: 'y',
    dims,
    unit: { dims: unit, values: Float32Array.of(0.5, 2) },
    lower: new Float32Array(count),
    nearest: new Int8Array(count),
  }
  expect([...tensorValues(weightsOfCodes(weight, new Int8Array(count).fill(2)))].map(Number)).toEqual(expected)
})

test('a value or node of which nothing was measured adds no noise', () => {
  const report = { sources: [{ kind: 'value', name: 'a', noise: 0.25 }] } as unknown as SensitivityReport
  const roundings = roundingsOf(report, (name) => name)
  expect([roundings.value('a'), roundings.value('unknown')]).toEqual([0.25, 0])
  const unit = {
    node: { name: 'n', opType: 'Add', domain: '', inputs: [], outputs: ['b'] },
    rule: { kind: 'elementwise' },
    reads: ['a', 'b'],
    writes: ['c'],
    floatOutput: false,
  } as unknown as Unit
  expect(roundings.total([unit, unit])).toBeCloseTo(2 * roundings.inside(unit) + 0.25)
  expect(roundings.inside(unit)).toBe(0)
})

test('a channel that no row moved keeps its scale of one, and the others are scaled', async () => {
  const width = 64
  const model = modelWith(`g (float[n, ${width}] h) => (float[n, ${width}] y) { x = Mul(h, g)  y = MatMul(x, w) }`, {
    g: [width],
    w: [width, width],
  })
  const meanAbs = Float32Array.from({ length: width }, (_, k) => (k === 5 ? 0 : k % 8 === 0 ? 40 : 1))
  const moments = { kind: 'moments', values: { x: { vectors: 1, meanAbs: { digest: 'm' } } } }
  const evidence = [{ report: moments as unknown as MomentsReport, tensors: new Map([['m', meanAbs]]) }]
  const { model: after, report } = await scaleWeightInputs.run(model, { bits: 4, block: 32 }, evidence)
  expect(report).toMatchObject({ applied: 1, refused: [] })
  const [[before, weights], [scaled, rescaled]] = [model, after].map(({ graph }) =>
    graph.nodes.map(({ inputs }) => tensorValues(graph.initializers.get(inputs[1]!)!) as Float32Array),
  ) as [Float32Array[], Float32Array[]]
  for (const [i, value] of rescaled!.entries()) {
    const k = Math.floor(i / width)
    expect(value * scaled![k]!).toBeCloseTo(weights![i]! * before![k]!, 5)
  }
  expect(scaled![5]).toBe(before![5])
  expect(scaled![8]! / before![8]!).not.toBeCloseTo(1)
})

test('what is converted on the border between float and integers; nothing where there is no border', async () => {
  const model = modelWith('g (float[1,8,8,8] x) => (float[1,8,6,6] y) { a = Conv(x, v)  y = Conv(a, w) }', {
    v: [8, 8, 1, 1],
    w: [8, 8, 3, 3],
  })
  const ranges = await rangesOf(model, { x: randomValue([1, 8, 8, 8], 3) })
  const probes = costProbes(model, ranges)!
  const costs = (a: number, y: number): CostsReport => ({
    kind: 'costs',
    version: 1,
    cpu: 'any',
    runtime: 'any',
    threads: 1,
    borderNs: 1,
    nodes: [
      { name: 'a', floatMs: 1, integerMs: a },
      { name: 'y', floatMs: 1, integerMs: y },
    ],
  })
  const twoPictures = 2 * crossingCalls(true)
  expect(borderProbe(probes, ranges, costs(0.1, 9))).toMatchObject({ callsNs: twoPictures, elements: 2 * 8 * 8 * 8 })
  expect(borderProbe(probes, ranges, costs(0.1, 0.1))).toMatchObject({
    callsNs: twoPictures,
    elements: 8 * 8 * 8 + 8 * 6 * 6,
  })
  expect(borderProbe(probes, ranges, costs(9, 9))).toBeNull()
})
