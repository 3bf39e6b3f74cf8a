import { expect, test } from 'vitest'
import { decibels, inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'
import { clipByComparison } from './clip-by-comparison.ts'
import { repairKernels } from './kernel-repairs.ts'

const WEIGHTS = { w: [64, 64], b: [64], v: [10, 64] }
const BOUNDS = '<float lo = {-0.2}, float hi = {0.5}>'

async function quantized(body: string, keepFloat: readonly string[]) {
  const model = modelWith(`g (float[N,64] x) => (float y) ${BOUNDS} { ${body} }`, WEIGHTS)
  const feeds = { x: randomValue([3, 64], 3) }
  const run = await inIntegers(model, feeds, { keepFloat })
  return { before: run.model, after: repairKernels(run.model), feeds }
}

test.each([
  ['Relu', 'r = Relu(h)', { Max: 1 }],
  ['Clip', 'r = Clip(h, lo, hi)', { Max: 1, Min: 1 }],
  ['Clip from below', 'r = Clip(h, lo)', { Max: 1 }],
  ['Clip from above', 'r = Clip(h, "", hi)', { Min: 1 }],
])('a product in integers stays one before a %s that one node reads in float', async (_, clip, comparisons) => {
  for (const product of ['h = Gemm<transB = 1>(x, w, b)', 'h = MatMul(x, w)']) {
    const { before, after, feeds } = await quantized(`${product} ${clip} y = Sin(r)`, ['Sin', 'Relu', 'Clip'])
    const integers = product.includes('Gemm') ? { QGemm: 1 } : { MatMulIntegerToFloat: 1 }
    expect(await kernelsOf(after)).toMatchObject({ ...comparisons, ...integers })
    expect(await kernelsOf(before)).not.toMatchObject(integers)
    const [old, now] = [await runOnce(before, feeds), await runOnce(after, feeds)]
    expect(decibels(old.y!, now.y!)).toBeGreaterThan(100)
  }
})

test.each([
  ['codes are made of it', 'h = Gemm<transB = 1>(x, w, b) r = Relu(h) y = Gemm<transB = 1>(r, v)', []],
  ['it is an output', 'h = Gemm<transB = 1>(x, w, b) y = Relu(h)', ['Relu']],
  ['several read it', 'h = Gemm<transB = 1>(x, w, b) r = Relu(h) s = Sin(r) y = Add(r, s)', ['Relu', 'Sin', 'Add']],
  ['the product is in float', 'h = Gemm<transB = 1>(x, w, b) r = Relu(h) y = Sin(r)', ['Gemm', 'Relu', 'Sin']],
])('left alone: %s', async (_, body, keepFloat) => {
  const { before } = await quantized(body, keepFloat)
  const { report } = await clipByComparison.run(before, {}, [])
  expect(report.applied).toBe(0)
  if (!keepFloat.includes('Gemm')) expect(await kernelsOf(before)).toHaveProperty('QGemm')
})
