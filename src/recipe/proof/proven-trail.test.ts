import { afterEach, expect, test, vi } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { memoryDataset } from '../../data/index.ts'
import { startRuntimes } from '../../engine/index.ts'
import type { Model } from '../../ir/index.ts'
import { passes } from '../../passes/index.ts'
import { optimize } from '../../search/index.ts'
import { quantize } from '../quantize/quantize.ts'
import { simplify } from '../simplify.ts'

/** Each look for a pass opens a dozen models in processes of their own, which takes long on a busy machine. */
vi.setConfig({ testTimeout: 300_000 })

afterEach(() => {
  vi.restoreAllMocks()
})

const model = modelWith(
  `g (float[N,8,9,9] x) => (float[N,8,9,9] y) {
    c = Conv<pads = [1,1,1,1]>(x, w) m = Mul(c, s) t = Sigmoid(m) i = Identity(t) d = Conv<pads = [1,1,1,1]>(i, v) y = Sigmoid(d) }`,
  { w: [8, 8, 3, 3], v: [8, 8, 3, 3], s: [1, 8, 1, 1] },
)
const rows = await memoryDataset({
  x: {
    dtype: 'float32',
    dims: [40, 8, 9, 9],
    data: Float32Array.from({ length: 40 * 648 }, (_, i) => Math.sin(i * i)),
  },
})

/** Makes a pass write another function in place of every one of these. */
function spoil(id: string, found = 'Sigmoid', written = 'Tanh'): void {
  const pass = passes[id]!
  vi.spyOn(pass, 'run').mockImplementation(async (before: Model) => {
    const unchanged = { model: before, report: { id, applied: 0, refused: [] } }
    if (!before.graph.nodes.some(({ opType }) => opType === found)) return unchanged
    const nodes = before.graph.nodes.map((node) => (node.opType === found ? { ...node, opType: written } : node))
    return { model: { ...before, graph: { ...before.graph, nodes } }, report: { ...unchanged.report, applied: 1 } }
  })
}
const told = (id: string) => expect.stringContaining(`${id} was left out: with it a rewrite that must change no answer`)

test('a pass that changes answers is left out, and the others stay', async () => {
  spoil('recogniseSilu')
  const { model: after, report } = await simplify(model)
  expect(report.warnings).toEqual([told('recogniseSilu')])
  expect(after.graph.nodes.map(({ opType }) => opType)).toEqual(['Conv', 'Sigmoid', 'Conv', 'Sigmoid'])
  expect(report.equivalence!.maxAbs).toBeLessThan(1e-4)
})

test.each([
  ['load', 'Sigmoidal', /Sigmoidal/],
  ['run', 'ReduceSum', /could not run the model/],
])(
  'so is one that makes a model that the runtime does not %s, which is no fault of the file',
  async (_, other, why) => {
    spoil('recogniseSilu', 'Sigmoid', other)
    const { model: after, report } = await simplify(model)
    expect(report.warnings).toEqual([told('recogniseSilu')])
    expect(report.warnings![0]).toMatch(/made a model that the runtime does not take \(/)
    expect(report.warnings![0]).toMatch(why)
    expect(after.graph.nodes.map(({ opType }) => opType)).toEqual(['Conv', 'Sigmoid', 'Conv', 'Sigmoid'])
    const { report: quantized } = await quantize(model, { scheme: 'static-int8', data: rows })
    expect(quantized.warnings).toContainEqual(told('recogniseSilu'))
  },
)

test('where the file itself is refused, that is what is said', async () => {
  const graph = { ...model.graph, nodes: model.graph.nodes.map((node) => ({ ...node, domain: 'nobody' })) }
  spoil('recogniseSilu', 'Sigmoid', 'Sigmoidal')
  await expect(simplify({ ...model, graph, opsets: new Map([...model.opsets, ['nobody', 1]]) })).rejects.toMatchObject({
    code: 'unsupported',
  })
})

test('two of them, as well', async () => {
  spoil('recogniseSilu')
  spoil('recogniseHardSwish')
  const { report } = await simplify(model)
  expect(report.warnings).toHaveLength(2)
  expect(report.warnings).toEqual(expect.arrayContaining([told('recogniseSilu'), told('recogniseHardSwish')]))
})

test('each is told with the output that it changed itself', async () => {
  spoil('recogniseSilu', 'Sin', 'Cos')
  spoil('recogniseHardSwish', 'Neg', 'Exp')
  const two = modelWith('g (float[N,4] x) => (float[N,4] near, float[N,4] far) { near = Sin(x) far = Neg(x) }', {})
  const { report } = await simplify(two)
  expect(report.warnings?.toSorted()).toEqual([
    expect.stringMatching(/^recogniseHardSwish was left out.* changed output "far"/),
    expect.stringMatching(/^recogniseSilu was left out.* changed output "near"/),
  ])
})

test('quantizes without it', async () => {
  spoil('recogniseSilu')
  const { report } = await quantize(model, { scheme: 'static-int8', data: rows })
  expect(report.warnings).toContainEqual(told('recogniseSilu'))
  expect(report.sqnrDb).toBeGreaterThan(25)
})

test('quantizes without two of them, in processes that were lent', async () => {
  spoil('recogniseSilu')
  spoil('recogniseHardSwish')
  const { report } = await quantize(model, { scheme: 'static-int8', data: rows, processes: startRuntimes() })
  expect(report.warnings).toEqual(expect.arrayContaining([told('recogniseSilu'), told('recogniseHardSwish')]))
})

test('searches without it', async () => {
  spoil('recogniseSilu')
  const { report } = await optimize(model, rows, { time: 3_000 })
  expect(report.warnings).toContainEqual(told('recogniseSilu'))
  expect(report.candidates.find(({ id }) => id === 'lossless')?.verdict).not.toBe('regressed')
})
