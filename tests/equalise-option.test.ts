import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tensorOf, tensorValues } from '../src/ir/index.ts'
import { encodeModel } from '../src/onnx/index.ts'
import type { QuantizationReport } from '../src/report/index.ts'
import { Bench, floats } from './command.ts'
import { modelWith, randomValue } from './quantize-kit.ts'

const bench = new Bench()
afterAll(() => bench.remove())

const CHANNELS = 16

beforeAll(() => {
  const plain = modelWith(
    `g (float[N,4,8,8] x) => (float y) {
       a = Conv<pads = [1,1,1,1]>(x, v, b) r = Relu(a) d = Conv<pads = [1,1,1,1], group = 16>(r, u) y = Conv(d, w) }`,
    { v: [CHANNELS, 4, 3, 3], b: [CHANNELS], u: [CHANNELS, 1, 3, 3], w: [8, CHANNELS, 1, 1] },
  )
  // Channels from 1 to 2⁻⁹, which the last layer takes back: one scale for all of them sees the large ones alone.
  const initializers = new Map(plain.graph.initializers)
  const scaled = (name: string, by: (i: number) => number) => {
    const { dims, ...tensor } = initializers.get(name)!
    const values = (tensorValues({ dims, ...tensor }) as Float32Array).map((value, i) => value * by(i))
    initializers.set(name, tensorOf('float32', dims, values, name))
  }
  const size = (channel: number) => 2 ** -(channel % 10)
  scaled('v', (i) => size(Math.floor(i / 36)))
  scaled('b', size)
  scaled('w', (i) => 1 / size(i % CHANNELS))
  writeFileSync(bench.path('model.onnx'), encodeModel({ ...plain, graph: { ...plain.graph, initializers } }))
  bench.npz('rows.npz', { x: floats(randomValue([16, 4, 8, 8], 3).data as Float32Array, [16, 4, 8, 8]) })
})

async function quantized(name: string, ...more: readonly string[]): Promise<QuantizationReport> {
  const words = [
    'quantize',
    'model.onnx',
    '-o',
    name,
    '--scheme',
    'static-int8',
    '--data',
    'rows.npz',
    '--json',
    '--quiet',
  ]
  const { code, stdout, stderr } = await bench.whet(...words, ...more)
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout)
}

test('--equalise gives channels scales of their own, the warning names it, and the recipe has it', async () => {
  const plain = await quantized('plain.onnx')
  expect(plain.warnings.join('\n')).toContain('--equalise 1')
  const equal = await quantized('equal.onnx', '--equalise', '1', '--recipe', 'equal.json')
  expect(equal.sqnrDb!).toBeGreaterThan(plain.sqnrDb! + 10)
  const notes = equal.passes.flatMap((pass) => pass.notes ?? [])
  expect(notes.join()).toMatch(/channels have scales of their own in [1-9]\d* of \d+ values in integers/)
  const { code } = await bench.whet('apply', 'equal.json', 'model.onnx', '-o', 'again.onnx', '--quiet')
  expect(code).toBe(0)
  expect(readFileSync(bench.path('again.onnx')).equals(readFileSync(bench.path('equal.onnx')))).toBe(true)
})

test('smoothing that moves nothing says so', async () => {
  const report = await quantized('smooth.onnx', '--smooth', '0.5')
  expect(report.warnings.join('\n')).toContain('smoothing changed nothing')
})

test('--equalise beside another scheme is refused', async () => {
  const { code, stderr } = await bench.whet(
    'quantize',
    'model.onnx',
    '-o',
    'x.onnx',
    '--scheme',
    'float16',
    '--equalise',
    '1',
  )
  expect(code).toBe(2)
  expect(stderr).toContain('--equalise is an option of static-int8')
})
