import { expect, test } from 'vitest'
import { inIntegers, modelWith, optimizedBy, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'
import { opsOf } from '../../../../tests/rewrite-kit.ts'
import { enterByConvolution } from './enter-by-convolution.ts'

const STEM = 'c = Conv(x, w) s = Elu(c)'
const BLOCKS = 'd = Conv(g, v) h = Add(g, d) e = Conv(h, v) i = Add(h, e) y = Conv(i, v)'

async function entered(body: string, weights: Readonly<Record<string, readonly number[]>> = {}) {
  const model = modelWith(
    `g (float[1,3,12,12] x) => (float y) <int64[8] pads = {0, 0, 0, 0, 0, 8, 0, 0}> { ${body} }`,
    {
      w: [16, 3, 1, 1],
      v: [16, 16, 1, 1],
      ...weights,
    },
  )
  const feeds = { x: randomValue([1, 3, 12, 12], 3) }
  const before = (await inIntegers(model, feeds, { keepFloat: ['c', 's'] })).model
  const { model: after, report } = await enterByConvolution.run(before, {}, [])
  expect((await runOnce(after, feeds)).y!.data).toEqual((await runOnce(before, feeds)).y!.data)
  const transposes = async (of: typeof before) =>
    opsOf(await optimizedBy(of, 'all')).filter((op) => op === 'Transpose').length
  return { applied: report.applied, before: await transposes(before), after: await transposes(after) }
}

test('a chain of integer sums behind a float keeps the layout of its convolutions; the codes are the same', async () => {
  const { applied, before, after } = await entered(`${STEM} ${BLOCKS.replaceAll('g', 's')}`)
  expect(applied).toBe(1)
  expect(before).toBeGreaterThan(4)
  expect(after).toBeLessThanOrEqual(2)
})

test('codes that are padded to more channels on their way enter in front of the Pad', async () => {
  const body = `${STEM} g = Pad(s, pads) d = Conv(s, u) h = Add(g, d) e = Conv(h, v) i = Add(h, e) y = Conv(i, v)`
  const { applied, before, after } = await entered(body, { u: [24, 16, 1, 1], v: [24, 24, 1, 1] })
  expect(applied).toBe(1)
  expect(after).toBeLessThan(before)
})

test('slopes behind the sums belong to the chain, and pools behind them keep their kernel', async () => {
  const body = `${STEM} d = Conv(s, v) a = Add(s, d) h = PRelu(a, p) e = Conv(h, v) b = Add(h, e) i = PRelu(b, p) m = MaxPool<kernel_shape = [2, 2]>(i) y = Conv(m, v)`
  const { applied, before, after } = await entered(body, { p: [16, 1, 1] })
  expect(applied).toBe(1)
  expect(before).toBeGreaterThan(4)
  expect(after).toBeLessThanOrEqual(2)
})

test('a sum that begins no chain, and one between convolutions, stay as they are', async () => {
  expect((await entered(`${STEM} d = Conv(s, v) h = Add(s, d) y = Conv(h, v)`)).applied).toBe(0)
  expect((await entered(`${STEM} d = Conv(s, v) y = Add(s, d)`)).applied).toBe(0)
  expect((await entered(`${STEM} g = Conv(s, v) ${BLOCKS}`)).applied).toBe(0)
})
