import { describe, expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { openIsolated, ortNode, productsSaturate, referenceWith, type Session } from '../src/engine/index.ts'
import { type Model, tensorOf } from '../src/ir/index.ts'
import { modelDigest } from '../src/onnx/index.ts'
import { productSafety } from '../src/passes/index.ts'
import { applyRecipe, noCache, quantize, startTrail } from '../src/recipe/index.ts'
import type { OpenSessions } from '../src/recipe/open-sessions.ts'
import { quantizedHere } from '../src/recipe/quantize/quantized-here.ts'
import type { RunsOn } from '../src/recipe/runs-on.ts'
import { optimize } from '../src/search/index.ts'
import { modelWith, numbers, optimizedBy, randomValue, rangesOf } from './quantize-kit.ts'

/** A product whose neighbouring weights lean to one side, and are all large (`by` 1) or of which each second is small. */
function leaning(by: number): Model {
  const base = modelWith('g (float[N,64] x) => (float y) { y = MatMul(x, w) }', { w: [64, 64] })
  const next = numbers(3)
  const values = Float32Array.from({ length: 64 * 64 }, (_, i) => {
    const size = next() * 0.1 + 0.9
    return Math.floor(i / 64) % 2 === 0 ? size : by * size
  })
  return {
    ...base,
    graph: { ...base.graph, initializers: new Map([['w', tensorOf('float32', [64, 64], values, 'w')]]) },
  }
}

const positive = (rows: number) => {
  const value = randomValue([rows, 64], 5)
  return { ...value, data: (value.data as Float32Array).map((x) => 1.5 + x) }
}
/** Weights of either sign, and inputs that codes hold exactly, of which each second is 0: no sum of two ever leaves 16 bits. */
const usual = modelWith('g (float[N,64] x) => (float y) { y = MatMul(x, w) }', { w: [64, 64] })
const byTurns = (rows: number) => {
  const value = randomValue([rows, 64], 5)
  const code = (x: number, i: number) => (i === 0 ? 255 : i % 2 === 0 ? Math.round(255 * Math.abs(x)) : 0)
  return { ...value, data: (value.data as Float32Array).map((x, i) => code(x, i) / 255) }
}

/** A runtime whose products saturate, or are exact, on any machine: the reference interpreter on the integer operators. */
const place = (saturate16: boolean): RunsOn => ({
  runtime: `emulation ${saturate16 ? 'without' : 'with'} VNNI`,
  open: (async (model: Model) => referenceWith({ saturate16 }).open(await optimizedBy(model, 'extended'))) as never,
})
const sessions = {
  start: <S>(opening: Promise<S>) => opening,
  close: async (opening: Promise<Session>) => (await opening).close(),
} as unknown as OpenSessions

describe('where sums of two products saturate', () => {
  const made = async (base: Model, x: ReturnType<typeof positive>, saturates: boolean) => {
    const data = await memoryDataset({ x })
    const options = { scheme: 'static-int8', data, pass: { placement: 'everywhere' } } as const
    return quantizedHere(sessions, place(saturates), startTrail(base), [await rangesOf(base, { x })], options)
  }
  const safe = ({ model }: { readonly model: Model }) => productSafety(model).every(({ unsafe }) => unsafe.length === 0)

  test('weights are so small that none does, where that is nearer', async () => {
    const { saturation, trail } = await made(leaning(1), positive(40), true)
    expect(saturation).toMatchObject({ safe: true, sqnrSamples: 40 })
    expect(saturation!.sentence).toMatch(/saturate in 16 bits in emulation without VNNI .* so small that no sum does/)
    expect(saturation!.sqnrDb!.full).toBeLessThan(22)
    expect(saturation!.sqnrDb!.reduced).toBeGreaterThan(30)
    expect(safe(trail)).toBe(true)
  })

  test('weights keep their full range where what saturates is less than what smaller ones lose', async () => {
    const { saturation, trail } = await made(usual, byTurns(40), true)
    expect(saturation).toMatchObject({ safe: false })
    expect(saturation!.sentence).toMatch(/keep their full range .* where products are exact it answers otherwise/)
    expect(saturation!.sqnrDb!.full).toBeGreaterThan(saturation!.sqnrDb!.reduced!)
    expect(safe(trail)).toBe(false)
  })

  test('nothing is said where products are exact, and of weights that leave nothing to choose', async () => {
    expect((await made(leaning(1), positive(40), false)).saturation).toBeUndefined()
    expect((await made(leaning(-1), positive(40), true)).saturation).toBeUndefined()
  })

  test('the recipe makes the same bytes, whatever the machine that it is replayed on', async () => {
    const data = await memoryDataset({ x: positive(40) })
    for (const scheme of ['static-int8', 'dynamic-int8'] as const) {
      const options = {
        scheme,
        data,
        cache: noCache,
        pass: scheme === 'static-int8' ? { placement: 'everywhere' } : {},
      }
      const { model, recipe, report } = await quantize(leaning(1), { ...options, saturates: true })
      // Full range is nearer where products are exact in truth, and only there.
      const saturates = await productsSaturate(ortNode.name, openIsolated)
      expect([scheme, report.saturation!.safe]).toEqual([scheme, saturates])
      expect(safe({ model })).toBe(saturates)
      const ours = report.passes.find(({ id }) => id.startsWith('quantize'))!
      expect((ours.options as { target?: string }).target).toBe(saturates ? 'portable' : undefined)
      expect(modelDigest((await applyRecipe(recipe, leaning(1))).model)).toBe(modelDigest(model))
      const exact = await quantize(leaning(1), { ...options, saturates: false })
      expect(exact.report.saturation).toBeUndefined()
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
    const { report, model } = await optimize(leaning(1), data, { saturates: true, time: 5_000, cache: noCache })
    const products = productSafety(model)
    if (products.length === 0) expect(report.saturation).toBeUndefined()
    else expect(report.saturation!.safe).toBe(safe({ model }))
    expect(report.warnings.some((text) => text.includes('saturate in 16 bits'))).toBe(!safe({ model }))
  }, 240_000)
})
