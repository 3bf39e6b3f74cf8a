import { expect, test, vi } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { openIsolated } from './ort-node-isolated.ts'
import { runtimeName } from './ort-node-version.ts'
import { reference, referenceWith } from './reference.ts'
import { productsSaturate } from './saturation.ts'

test('a runtime is asked once whether its products saturate, and tells it by its sums', async () => {
  const exact = vi.fn(reference.open)
  expect([await productsSaturate('exact', exact), await productsSaturate('exact', exact)]).toEqual([false, false])
  expect(exact).toHaveBeenCalledTimes(1)
  expect(await productsSaturate('without VNNI', referenceWith({ saturate16: true }).open)).toBe(true)
})

test('what could not be asked is asked again', async () => {
  const broken = () => Promise.reject(new Error('no such runtime'))
  await expect(productsSaturate('broken at first', broken)).rejects.toThrow('no such runtime')
  expect(await productsSaturate('broken at first', reference.open)).toBe(false)
})

/** Neighbours of one sign among others, at other sizes than the question has. */
const saturating = parseModel(`<ir_version: 10, opset_import: ["" : 21]> g (uint8[2,6] x) => (int32[2,3] y)
  <int8[6,3] w = {127, -127, 60, 100, -90, 60, 127, 127, 60, -127, -9, 60, 3, 5, 7, 90, 99, 120}> { y = MatMulInteger(x, w) }`)
const codes = {
  dtype: 'uint8',
  dims: [2, 6],
  data: Uint8Array.of(255, 250, 9, 7, 255, 240, 255, 0, 255, 255, 0, 1),
} as const

test('the real runtime answers as one of the two emulations does', async () => {
  const saturates = await productsSaturate(runtimeName, openIsolated)
  const session = await openIsolated(saturating)
  const { y } = await session.run({ x: codes })
  await session.close()
  const answer = async (saturate16: boolean) =>
    (await (await referenceWith({ saturate16 }).open(saturating)).run({ x: codes })).y!.data
  expect(y!.data).toEqual(await answer(saturates))
  expect(await answer(true)).not.toEqual(await answer(false))
})
