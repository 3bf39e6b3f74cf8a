import { expect, test } from 'vitest'
import { inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'
import { checkModel, type Model } from '../../../ir/index.ts'
import { IN_FOURS, readInFours } from './read-in-fours.ts'

interface Case {
  readonly channels: number
  readonly size: readonly [number, number]
  readonly kernel: readonly [number, number]
  readonly outputs?: number
  readonly attributes?: string
  readonly options?: object
  readonly batch?: string
}

async function inFours({ channels, size, kernel, outputs = 16, attributes = '', options = {}, batch = '2' }: Case) {
  const dims = [2, channels, ...size]
  const declared = [batch, channels, ...size].join()
  const model = modelWith(`g (float[${declared}] x) => (float y) { h = Conv${attributes}(x, w, b) y = Conv(h, v) }`, {
    w: [outputs, channels, ...kernel],
    b: [outputs],
    v: [8, outputs, 1, 1],
  })
  const feeds = { x: randomValue(dims, 3) }
  const made = await inIntegers(model, feeds, options)
  const { model: after, report } = await readInFours.run(made.model, {}, [])
  return { before: made.model, after, report, feeds }
}

const operators = ({ graph }: Model) =>
  graph.nodes.filter(({ name }) => new RegExp(`${IN_FOURS}(_\\d+)?$`).test(name)).map(({ opType }) => opType)

const pad = (n: number) => `<pads = [${n}, ${n}, ${n}, ${n}]>`
const strided = (n: number, stride = 2) => `<pads = [${n}, ${n}, ${n}, ${n}], strides = [${stride}, ${stride}]>`

test.each<[string, Case, Record<string, number>]>([
  [
    'a fourth channel',
    { channels: 3, size: [40, 40], kernel: [3, 3], attributes: strided(1), outputs: 64 },
    { Pad: 1 },
  ],
  [
    'a fourth channel, any batch',
    { channels: 3, size: [40, 40], kernel: [3, 3], attributes: strided(1), outputs: 64, batch: 'N' },
    { Pad: 1 },
  ],
  [
    'automatic padding',
    { channels: 3, size: [41, 40], kernel: [3, 3], attributes: '<auto_pad = "SAME_UPPER", strides = [2, 2]>' },
    { Pad: 1 },
  ],
  ['dilations', { channels: 2, size: [41, 40], kernel: [3, 3], attributes: '<dilations = [2, 2]>' }, { Pad: 1 }],
  ['a sixth to an eighth', { channels: 5, size: [20, 20], kernel: [3, 3], attributes: pad(1) }, { Pad: 1 }],
  [
    'a last one beside many, automatic padding',
    { channels: 35, size: [13, 12], kernel: [3, 3], attributes: '<auto_pad = "SAME_LOWER", strides = [2, 2]>' },
    { Pad: 1 },
  ],
  [
    'patches of three channels',
    { channels: 3, size: [64, 48], kernel: [7, 7], attributes: strided(3) },
    { Pad: 4, Concat: 1 },
  ],
  [
    'patches, uneven padding',
    { channels: 1, size: [64, 64], kernel: [5, 6], attributes: '<pads = [1, 2, 2, 3], strides = [2, 2]>' },
    { Pad: 4, Concat: 1 },
  ],
  [
    'patches without padding',
    { channels: 1, size: [64, 64], kernel: [4, 4], attributes: '<strides = [2, 2]>' },
    { Pad: 4, Concat: 1 },
  ],
  ['patches of 2×2', { channels: 1, size: [28, 28], kernel: [5, 5], attributes: pad(2) }, { Pad: 4, Concat: 1 }],
  [
    'patches, odd and strided',
    { channels: 1, size: [65, 63], kernel: [7, 7], attributes: strided(3) },
    { Pad: 4, Concat: 1 },
  ],
  [
    'the whole window',
    { channels: 1, size: [96, 96], kernel: [3, 3], attributes: pad(1), outputs: 32 },
    { Pad: 9, Concat: 1 },
  ],
  [
    'the whole window, uneven',
    { channels: 2, size: [90, 80], kernel: [3, 2], attributes: '<auto_pad = "VALID">', outputs: 32 },
    { Pad: 6, Concat: 1 },
  ],
])('%s: the same sums to the bit', async (_, setting, wanted) => {
  const { before, after, report, feeds } = await inFours(setting)
  expect(report.applied).toBe(1)
  expect(checkModel(after)).toEqual([])
  const counts: Record<string, number> = {}
  for (const operator of operators(after)) counts[operator] = (counts[operator] ?? 0) + 1
  expect(counts).toEqual(wanted)
  expect((await kernelsOf(after)).QLinearConv).toBe(2)
  expect((await runOnce(after, feeds)).y!.data).toEqual((await runOnce(before, feeds)).y!.data)
  expect((await readInFours.run(after, {}, [])).report.applied).toBe(0)
})

test('every shape of window, step and padding has a form that says the same', async () => {
  let seen = 0
  for (const kernel of [2, 3, 4, 5, 7])
    for (const stride of [1, 2, 3])
      for (const padding of [0, 1, 2])
        for (const channels of [1, 2, 3]) {
          const { before, after, report, feeds } = await inFours({
            channels,
            size: [38 + (kernel % 2) * 2, 36],
            kernel: [kernel, kernel],
            attributes: strided(Math.min(padding, kernel - 1), stride),
          })
          seen += report.applied
          expect((await runOnce(after, feeds)).y!.data).toEqual((await runOnce(before, feeds)).y!.data)
        }
  expect(seen).toBeGreaterThan(60)
})

test.each<[string, Case, RegExp | null]>([
  ['four channels', { channels: 4, size: [40, 40], kernel: [3, 3] }, null],
  ['a window of one place', { channels: 3, size: [40, 40], kernel: [1, 1] }, null],
  ['broken blocks of outputs', { channels: 3, size: [40, 40], kernel: [3, 3], outputs: 10 }, /no whole blocks/],
  ['many outputs', { channels: 35, size: [12, 12], kernel: [3, 3], outputs: 112 }, /cost it more/],
  ['whole groups of many channels', { channels: 36, size: [12, 12], kernel: [3, 3] }, null],
  ['few pixels', { channels: 3, size: [6, 6], kernel: [3, 3] }, /cost it more/],
])('%s: left alone', async (_, setting, reason) => {
  const { before, after, report } = await inFours(setting)
  expect(report.applied).toBe(0)
  expect(after).toBe(before)
  if (reason) expect(report.refused.map((item) => item.reason).join()).toMatch(reason)
  else expect(report.refused).toEqual([])
})

test('weights that are safe everywhere are so afterwards, or stay in their order', async () => {
  const { before, after, report, feeds } = await inFours({
    channels: 3,
    size: [40, 40],
    kernel: [3, 3],
    attributes: strided(1),
    options: { target: 'portable' },
  })
  expect(report.applied + report.refused.filter(({ reason }) => /16 bits/.test(reason)).length).toBe(1)
  expect((await runOnce(after, feeds)).y!.data).toEqual((await runOnce(before, feeds)).y!.data)
})

test.each([
  ['channels first', '[2, 3, 96, 96]', 'Identity(x)', { Pad: 9, Concat: 1 }],
  [
    'channels last, where copies are made pixel by pixel',
    '[2, 96, 96, 3]',
    'Transpose<perm = [0, 3, 1, 2]>(x)',
    { Pad: 1 },
  ],
] as const)('%s: the form that costs least there', async (_, dims, turned, wanted) => {
  const shape: readonly number[] = JSON.parse(dims)
  const model = modelWith(
    `g (float${dims} x) => (float y) { t = ${turned} h = Conv(t, w, b) r = Relu(h) y = Conv(r, v) }`,
    { w: [32, 3, 3, 3], b: [32], v: [8, 32, 1, 1] },
  )
  const made = await inIntegers(model, { x: randomValue(shape, 3) })
  const { model: after } = await readInFours.run(made.model, {}, [])
  const counts: Record<string, number> = {}
  for (const name of operators(after)) counts[name] = (counts[name] ?? 0) + 1
  expect(counts).toEqual(wanted)
})
