import { expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { ortNode } from '../src/engine/index.ts'
import { type Model, parseModel } from '../src/ir/index.ts'
import { saliencyOf } from '../src/recipe/index.ts'
import type { ComparisonReport } from '../src/report/index.ts'
import { flippedRows } from '../src/view/html/flips.ts'

const open = (model: Model) => ortNode.open(model)
const linear = (weights: string, after = 'z = MatMul(f, w)') =>
  parseModel(`<ir_version: 10, opset_import: ["" : 21]>
    g (float[N,1,2,2] x) => (float[N,3] z) <float[4,3] w = {${weights}}> { f = Flatten(x) ${after} }`)
const base = linear('5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0')
const candidate = linear('0, 3, 0, 1, 2, 0, -1, 1, 0, 0, 0, 9')
const inputs = [{ name: 'x', dtype: 'float32', shape: ['N', 1, 2, 2] }] as const
const rows = () =>
  memoryDataset(
    { x: { dtype: 'float32', dims: [2, 1, 2, 2], data: Float32Array.of(0, 1, 1, 0, 1, 1, 1, 0) } },
    { inputs },
  )

test('the change of an answer hangs on the difference of the two classes’ slopes', async () => {
  // Base: class 0. Candidate: class 1, so |w₁ − w₀| of the candidate.
  const found = await saliencyOf(base, candidate, await rows(), [1], { open })
  expect([...found]).toEqual([[1, { shape: [1, 2, 2], values: Float32Array.of(3, 1, 2, 0) }]])
})

test('probabilities are followed to the logits behind them', async () => {
  const soft = linear('0, 3, 0, 1, 2, 0, -1, 1, 0, 0, 0, 9', 'l = MatMul(f, w) z = Softmax(l)')
  const found = await saliencyOf(base, soft, await rows(), [1], { open })
  expect(found.get(1)!.values).toEqual(Float32Array.of(3, 1, 2, 0))
})

test('a model without a gradient has no pictures, and that is no error', async () => {
  const hard = linear('0, 3, 0, 1, 2, 0, -1, 1, 0, 0, 0, 9', 'h = Hardmax(f) z = MatMul(h, w)')
  expect((await saliencyOf(base, hard, await rows(), [0, 1], { open })).size).toBe(0)
})

test('a card shows the input of a changed row and what its change hangs on', () => {
  const picture = { width: 8, height: 8, channels: 1, pixels: new Uint8Array(64) } as const
  const report = { flips: [{ row: 7, base: '0', candidate: '1', direction: 'lost' }] } as unknown as ComparisonReport
  const one = new Map([[7, picture]])
  const html = flippedRows(report, one, one).html
  expect(html).toContain('alt="Input of row 7"')
  expect(html).toContain('alt="What the change of row 7 hangs on"')
  expect(flippedRows(report, one).html).not.toContain('hangs on')
})

test('one score a row divides two classes: its change hangs on its own slope', async () => {
  const scored = (weights: string) =>
    parseModel(`<ir_version: 10, opset_import: ["" : 21]>
      g (float[N,1,2,2] x) => (float[N,1] y) <float[4,1] w = {${weights}}> { f = Flatten(x) z = MatMul(f, w) y = Sigmoid(z) }`)
  const found = await saliencyOf(scored('1, 1, 0, 0'), scored('-1, 2, 0, 3'), await rows(), [1], { open })
  expect(found.get(1)!.values).toEqual(Float32Array.of(1, 2, 0, 3))
})
