import { expect, test } from 'vitest'
import { inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'
import { checkModel, intsAttribute } from '../../../ir/index.ts'
import { productSafety } from '../portable.ts'
import { convolveTiles } from './convolve-tiles.ts'
import { tileOutputs } from './tile-outputs.ts'

interface Case {
  readonly outputs: number
  readonly size: readonly [number, number]
  readonly kernel: readonly [number, number]
  readonly attributes?: string
  readonly options?: object
}

async function tiled({ outputs, size, kernel, attributes = '', options = {} }: Case) {
  const model = modelWith(
    `g (float[2,16,${size.join()}] x) => (float y) { h = Conv(x, u) y = Conv${attributes}(h, w, b) }`,
    { u: [16, 16, 1, 1], w: [outputs, 16, ...kernel], b: [outputs] },
  )
  const feeds = { x: randomValue([2, 16, ...size], 3) }
  const before = (await inIntegers(model, feeds, options)).model
  const { model: after, report } = await tileOutputs.run(before, {}, [])
  return { before, after, report, feeds }
}

const pads = (n: number) => `<pads = [${n}, ${n}, ${n}, ${n}]>`

test.each<[string, Case, readonly number[]]>([
  ['one channel', { outputs: 1, size: [64, 64], kernel: [3, 3], attributes: pads(1) }, [4, 4]],
  ['two', { outputs: 2, size: [32, 64], kernel: [5, 5], attributes: pads(2) }, [4, 4]],
  ['three', { outputs: 3, size: [48, 48], kernel: [9, 9], attributes: pads(4) }, [4, 4]],
  ['eight', { outputs: 8, size: [64, 66], kernel: [3, 7], attributes: '<pads = [0, 3, 2, 3]>' }, [1, 6]],
  ['sizes that few tiles fit', { outputs: 1, size: [62, 63], kernel: [3, 3], attributes: pads(1) }, [2, 3]],
  ['a block and a half', { outputs: 24, size: [64, 64], kernel: [3, 3], attributes: pads(1) }, [1, 2]],
  ['channels that fill no block', { outputs: 9, size: [64, 64], kernel: [3, 3], attributes: pads(1) }, [1, 4]],
  ['no padding', { outputs: 1, size: [50, 70], kernel: [3, 3], attributes: '<auto_pad = "VALID">' }, [4, 4]],
])('%s: the same sums to the bit, a tile at once', async (_, setting, step) => {
  const { before, after, report, feeds } = await tiled(setting)
  expect(report.applied).toBe(1)
  expect(checkModel(after)).toEqual([])
  const steps = after.graph.nodes.map((node) => (node.opType === 'Conv' ? intsAttribute(node, 'strides', [1, 1]) : []))
  expect(steps).toContainEqual(step)
  expect((await kernelsOf(after)).QLinearConv).toBe(2)
  const [old, made] = await Promise.all([before, after].map((one) => runOnce(one, feeds)))
  expect(made!.y!.dims).toEqual(old!.y!.dims)
  expect(made!.y!.data).toEqual(old!.y!.data)
})

test.each<[string, Case, RegExp | null]>([
  ['many channels', { outputs: 36, size: [64, 64], kernel: [3, 3], attributes: pads(1) }, null],
  ['two blocks of channels', { outputs: 32, size: [64, 64], kernel: [3, 3], attributes: pads(1) }, /cost more/],
  ['a window of one place', { outputs: 1, size: [64, 64], kernel: [1, 1] }, null],
  ['a stride', { outputs: 1, size: [64, 64], kernel: [3, 3], attributes: '<strides = [2, 2]>' }, null],
  ['odd sizes', { outputs: 1, size: [61, 67], kernel: [3, 3], attributes: pads(1) }, /cost more/],
  ['few pixels', { outputs: 1, size: [8, 8], kernel: [3, 3], attributes: pads(1) }, /cost more/],
])('%s: left alone', async (_, setting, reason) => {
  const { before, after, report } = await tiled(setting)
  expect(after).toBe(before)
  if (reason) expect(report.refused.map((item) => item.reason).join()).toMatch(reason)
  else expect(report.refused).toEqual([])
})

test('tiles of tiles: a transposed convolution to one channel', async () => {
  const model = modelWith(
    'g (float[1,16,48,48] x) => (float y) { h = Conv(x, u) y = ConvTranspose<strides = [2, 2], pads = [4, 4, 3, 3]>(h, w) }',
    { u: [16, 16, 1, 1], w: [16, 1, 9, 9] },
  )
  const feeds = { x: randomValue([1, 16, 48, 48], 3) }
  const codes = (await inIntegers(model, feeds)).model
  const before = (await convolveTiles.run(codes, {}, [])).model
  const { model: after, report } = await tileOutputs.run(before, {}, [])
  expect(report.applied).toBe(1)
  const names = after.graph.nodes.map(({ name }) => name).filter((name) => name)
  expect(new Set(names).size).toBe(names.length)
  const [old, made] = await Promise.all([before, after].map((one) => runOnce(one, feeds)))
  expect(made!.y!.data).toEqual(old!.y!.data)
})

test('weights that are safe everywhere are so afterwards, or make one pixel at a time', async () => {
  const { after, report } = await tiled({
    outputs: 1,
    size: [64, 64],
    kernel: [3, 3],
    attributes: pads(1),
    options: { target: 'portable' },
  })
  expect(report.applied + report.refused.length).toBe(1)
  for (const { node, unsafe } of productSafety(after)) expect([node, unsafe]).toEqual([node, []])
})
