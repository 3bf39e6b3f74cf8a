import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { fromNumbers } from '../../ir/index.ts'
import { modelDigest } from '../../onnx/index.ts'
import { BLOCK } from '../../rewrite/index.ts'
import { advanceAll, recipeOf, startTrail } from '../trail.ts'
import { measuredRepairsPay, withMeasuredRepairs } from './float-form-choice.ts'

const causal = (hidden: number) => {
  const model = modelWith('g (float[N,4,64,64] x) => (float y) { a = Add(x, m) y = Softmax<axis = -1>(a) }', {})
  const numbers = Array.from({ length: 64 * 64 }, (_, i) => (i % 64 > i / 64 ? hidden : 0))
  const initializers = new Map([...model.graph.initializers, ['m', fromNumbers('float32', [64, 64], numbers)] as const])
  return startTrail({ ...model, graph: { ...model.graph, initializers } })
}

test('masks are bounded where that was measured to be faster, and nobody measures where there are none', async () => {
  const pay = (hidden: number, times: readonly number[] | null) => {
    const asked: string[] = []
    return measuredRepairsPay(
      causal(hidden),
      async (forms) => {
        asked.push(...forms.map(({ id }) => id))
        return times
      },
      BLOCK,
    ).then((pays) => [pays, ...asked])
  }
  expect(await pay(-1e9, [1, 0.6])).toEqual([true, 'plain', 'repaired'])
  // Processors without that penalty pay for three operators more.
  expect(await pay(-1e9, [1, 1.2])).toEqual([false, 'plain', 'repaired'])
  expect(await pay(-1e9, null)).toEqual([false, 'plain', 'repaired'])
  expect(await pay(-20, [1, 0.6])).toEqual([false])
  const { runs } = await withMeasuredRepairs(causal(-1e9), BLOCK)
  expect(runs.map(({ id, applied }) => [id, applied])).toEqual([
    ['boundMaskedSoftmax', 1],
    ['foldSymmetricWindows', 0],
    ['growGates', 0],
    ['growInTiles', 0],
    ['moveAxesInTurn', 0],
    ['eliminateDeadCode', 0],
  ])
})

test('windows that were folded leave the model', async () => {
  const body = 'y = Conv<strides = [160]>(x, w)'
  const model = modelWith(`g (float[N,1,16000] x) => (float y) { ${body} }`, {})
  const cosines = Array.from({ length: 320 * 400 }, (_, i) => Math.cos(Math.floor(i / 400) * ((i % 400) - 199.5)))
  const initializers = new Map([['w', fromNumbers('float32', [320, 1, 400], cosines)] as const])
  const trail = await withMeasuredRepairs(startTrail({ ...model, graph: { ...model.graph, initializers } }), BLOCK)
  expect(trail.runs.map(({ id, applied }) => [id, applied])).toContainEqual(['foldSymmetricWindows', 1])
  expect([...trail.model.graph.initializers.values()].map(({ dims }) => dims)).toContainEqual([320, 200])
  expect(trail.model.graph.initializers.has('w')).toBe(false)
})

test('gates and tiles grow in blocks where that was measured to be faster, and a recipe says of how many channels', async () => {
  const twice = 'ConvTranspose<strides = [2, 2]>'
  const model = modelWith(
    `g (float[1,3,6,5] x) => (float y) {
       a = Conv(x, w) p = GlobalAveragePool(a) g = Conv(p, u) m = Mul(a, g) c = Conv(m, u)
       t = ${twice}(c, k) y = ${twice}(t, l) }`,
    { w: [24, 3, 1, 1], u: [24, 24, 1, 1], k: [24, 8, 2, 2], l: [8, 1, 2, 2] },
  )
  const asked = (times: readonly number[]) => measuredRepairsPay(startTrail(model), async () => times, 8)
  expect(await asked([1, 0.9])).toBe(true)
  expect(await asked([1, 1.1])).toBe(false)
  const repaired = await withMeasuredRepairs(startTrail(model), 8)
  const { steps } = recipeOf(repaired)
  expect(steps).toContainEqual(expect.objectContaining({ pass: 'growGates', options: { block: 8 } }))
  expect(steps).toContainEqual(expect.objectContaining({ pass: 'growInTiles', options: {} }))
  const again = await advanceAll(
    startTrail(model),
    steps.map(({ pass, options }) => ({ pass, options })),
  )
  expect(modelDigest(again.model)).toBe(modelDigest(repaired.model))
  // 24 channels are no whole blocks of 16.
  const wide = await withMeasuredRepairs(startTrail(model), 16)
  expect(wide.runs.find(({ id }) => id === 'growGates')?.applied).toBe(0)
})
