import { expect, test } from 'vitest'
import { inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'

/** Attention over `length` tokens, calibrated on `seen` of them, some of which take all of it. */
async function quantized(length: string, seen: number) {
  const model = modelWith(
    `g (float[1,${length},16] x) => (float y) {
      q = MatMul(x, w) k = Transpose<perm = [0, 2, 1]>(x) t = MatMul(q, k) s = Mul(t, half) p = Softmax(s) y = MatMul(p, x)
    }`,
    { w: [16, 16], half: [1] },
  )
  const after = await inIntegers(model, { x: randomValue([1, seen, 16], 3, 6) })
  return { model, after: after.model, report: after.report }
}

test('a known length of more than one value becomes an integer Softmax', async () => {
  expect(await kernelsOf((await quantized('8', 8)).after)).toMatchObject({ QLinearSoftmax: 1 })
})

test.each([
  ['an open length', 'n', 8],
  ['a single value', '1', 1],
])('%s stays in float, for over one value the integer kernel gives 0', async (_, length, seen) => {
  const { model, after, report } = await quantized(length, seen)
  expect(await kernelsOf(after)).not.toHaveProperty('QLinearSoftmax')
  expect(report).toMatchObject({
    refused: expect.arrayContaining([{ node: 'p', reason: expect.stringMatching(/over a single value/) }]),
  })
  const one = { x: randomValue([1, 1, 16], 5, 6) }
  const [before, now] = [(await runOnce(model, one)).y!.data, (await runOnce(after, one)).y!.data] as Float32Array[]
  for (const [i, value] of before!.entries()) expect(Math.abs(now![i]! - value)).toBeLessThan(0.2)
})
