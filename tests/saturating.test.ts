import { describe, expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { ortNode, referenceWith } from '../src/engine/index.ts'
import { type Model, tensorOf } from '../src/ir/index.ts'
import { modelDigest } from '../src/onnx/index.ts'
import { productSafety } from '../src/passes/index.ts'
import { advanceAll, applyRecipe, noCache, type QuantizeOptions, quantize, startTrail } from '../src/recipe/index.ts'
import { quantizeSteps } from '../src/recipe/quantize/quantize-steps.ts'
import { optimize } from '../src/search/index.ts'
import { decibels, modelWith, numbers, optimizedBy, randomValue, rangesOf } from './quantize-kit.ts'

/** A product of large weights of one sign. */
const base = modelWith('g (float[N,16,64] x) => (float y) { y = MatMul(x, w) }', { w: [64, 64] })
const next = numbers(3)
const large = Float32Array.from({ length: 64 * 64 }, () => next() * 0.1 + 0.9)
const leaning: Model = {
  ...base,
  graph: { ...base.graph, initializers: new Map([['w', tensorOf('float32', [64, 64], large, 'w')]]) },
}

const positive = (rows: number) => {
  const value = randomValue([rows, 16, 64], 5)
  return { ...value, data: (value.data as Float32Array).map((x) => 1.5 + x) }
}
/** Channels of which one in four reaches far and the others a fifth of that. */
const uneven = (rows: number) => {
  const value = positive(rows)
  return { ...value, data: value.data.map((x, i) => (i % 4 === 0 ? x : x / 5)) }
}

const safe = ({ model }: { readonly model: Model }) => productSafety(model).every(({ unsafe }) => unsafe.length === 0)
const EVERYWHERE = { placement: 'everywhere' } as const

/** Whether a model answers the same with sums in 16 bits and with exact ones, on any machine. */
async function isExactOn(model: Model, x: ReturnType<typeof positive>): Promise<boolean> {
  const integers = await optimizedBy(model, 'extended')
  const [lossy, exact] = await Promise.all(
    [true, false].map(async (saturate16) => (await referenceWith({ saturate16 }).open(integers)).run({ x })),
  )
  return decibels(exact!.y!, lossy!.y!) === Number.POSITIVE_INFINITY
}

describe('where sums of two products saturate', () => {
  const made = async (x: ReturnType<typeof positive>, options: Partial<QuantizeOptions>) =>
    quantize(leaning, {
      ...{ scheme: 'static-int8', data: await memoryDataset({ x }), cache: noCache, pass: EVERYWHERE },
      ...options,
    })

  test('static weights are so small that none does with what calibration saw, and no smaller', async () => {
    const x = uneven(40)
    const held = await made(x, { saturates: true })
    expect(await isExactOn(held.model, x)).toBe(true)
    expect(held.report.saturation).toMatchObject({ safe: false })
    expect(held.report.saturation!.sentence).toMatch(
      /^this model: integer sums saturate .* none does on what calibration saw, larger values may in 1 of its 1 products/,
    )
    const full = await made(x, { saturates: false })
    expect(await isExactOn(full.model, x)).toBe(false)
    // Weights for any codes lose half of their range, these a sixth.
    const portable = await made(x, { target: 'portable' })
    expect(safe(portable)).toBe(true)
    const float = await (await ortNode.open(leaning)).run({ x })
    const kept = async ({ model }: { readonly model: Model }) => {
      const integers = await optimizedBy(model, 'extended')
      return decibels(float.y!, (await (await referenceWith({ saturate16: true }).open(integers)).run({ x })).y!)
    }
    expect(await kept(held)).toBeGreaterThan((await kept(portable)) + 1)
    expect(await kept(held)).toBeGreaterThan((await kept(full)) + 10)
  })

  test('products of tied weights share codes that are exact for the values of each, but for values of which too little was seen', async () => {
    const text = `g (float[N,16,64] x, float[N,16,64] r, float[N,1,64] one) => (float y, float z, float o)
      { y = MatMul(x, w) z = MatMul(r, w) o = MatMul(one, w) }`
    const graph = { ...modelWith(text, {}).graph, initializers: leaning.graph.initializers }
    const tied: Model = { ...leaning, graph }
    const x = uneven(40)
    // Other channels of it reach far.
    const r = { ...x, data: x.data.map((_, i) => x.data[i ^ 1]!) }
    const feeds = { x, r, one: { ...x, dims: [40, 1, 64], data: x.data.slice(0, 40 * 64) } }
    const data = await memoryDataset(feeds)
    const options = { scheme: 'static-int8', data, cache: noCache, pass: EVERYWHERE } as const
    const { model } = await quantize(tied, { ...options, saturates: true })
    const matrices = [...model.graph.initializers.values()].filter(
      ({ dtype, dims }) => dtype === 'int8' && dims.length === 2,
    )
    expect(matrices).toHaveLength(2)
    const integers = await optimizedBy(model, 'extended')
    const [lossy, exact] = await Promise.all(
      [true, false].map(async (saturate16) => (await referenceWith({ saturate16 }).open(integers)).run(feeds)),
    )
    for (const name of ['y', 'z', 'o']) expect(decibels(exact![name]!, lossy![name]!)).toBe(Number.POSITIVE_INFINITY)
  })

  test('where all channels reach the last code, or none were seen, static weights never saturate', async () => {
    const last = positive(40)
    const everything = { ...last, data: last.data.map((_, i) => (i % 3 === 0 ? 2.5 : 0)) }
    const held = await made(everything, { saturates: true })
    expect(safe(held)).toBe(true)
    expect(held.report.saturation).toMatchObject({ safe: true })
    expect(held.report.saturation!.sentence).toMatch(/^this model: .* in none of its 1 products can one/)
    const x = uneven(40)
    const steps = quantizeSteps({ scheme: 'static-int8', pass: EVERYWHERE, saturates: true }, [
      await rangesOf(leaning, { x }),
    ])
    expect(safe(await advanceAll(startTrail(leaning), steps))).toBe(true)
  })

  test('dynamic weights never do, whose values may reach any code', async () => {
    const held = await made(positive(40), { scheme: 'dynamic-int8', pass: {}, saturates: true })
    expect(held.report.saturation).toMatchObject({ safe: true })
    expect(safe(held)).toBe(true)
    expect(safe(await made(positive(40), { scheme: 'dynamic-int8', pass: {}, saturates: false }))).toBe(false)
  })

  test('the recipe makes the same bytes, whatever the machine that it is replayed on', async () => {
    for (const scheme of ['static-int8', 'dynamic-int8'] as const) {
      const pass = scheme === 'static-int8' ? EVERYWHERE : {}
      const { model, recipe, report } = await made(uneven(40), { scheme, pass, saturates: true })
      const ours = report.passes.find(({ id }) => id.startsWith('quantize'))!
      expect(ours.options).toMatchObject(scheme === 'static-int8' ? { within16: 'seen' } : { target: 'portable' })
      expect(modelDigest((await applyRecipe(recipe, leaning)).model)).toBe(modelDigest(model))
      const exact = await made(uneven(40), { scheme, pass, saturates: false })
      expect(exact.report.saturation).toBeUndefined()
      expect(modelDigest(exact.model)).not.toBe(modelDigest(model))
    }
  })

  test('what cannot be run here gets weights that are safe', async () => {
    const unknown = modelWith('g (float[5,64] x) => (float y) { a = MatMul(x, w) y = mine.Thing(a) }', { w: [64, 64] })
    const model = { ...unknown, opsets: new Map([...unknown.opsets, ['mine', 1]]) }
    const { report } = await quantize(model, { scheme: 'dynamic-int8', saturates: true })
    expect(report).toMatchObject({ kernels: null, saturation: { safe: true } })
    const { report: exact } = await quantize(model, { scheme: 'dynamic-int8', saturates: false })
    expect(exact.saturation).toBeUndefined()
  })

  test('a search says whether sums may saturate in what it hands out', async () => {
    const data = await memoryDataset({ x: positive(60) })
    const { report, model } = await optimize(leaning, data, { saturates: true, time: 5_000, cache: noCache })
    const products = productSafety(model)
    if (products.length === 0) expect(report.saturation).toBeUndefined()
    else expect(report.saturation!.safe).toBe(safe({ model }))
    expect(report.warnings.some((text) => text.includes('integer sums saturate'))).toBe(!safe({ model }))
  }, 240_000)
})
