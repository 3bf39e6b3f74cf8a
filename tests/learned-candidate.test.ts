import { expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import type { Model } from '../src/ir/index.ts'
import { modelDigest } from '../src/onnx/index.ts'
import { applyRecipe, noCache } from '../src/recipe/index.ts'
import { optimize } from '../src/search/index.ts'
import { renderTerminal } from '../src/view/index.ts'
import { modelWith, randomValue } from './quantize-kit.ts'

const [ROWS, WIDTH, HIDDEN] = [600, 64, 6]

/** Three layers that 4 bits hurt: what rounds to the nearest code is far from 25 dB. */
const network = (): Model =>
  modelWith(
    `g (float[N,${WIDTH}] x) => (float y) { a = MatMul(x, u) r = Relu(a) b = MatMul(r, v) s = Relu(b) y = MatMul(s, w) }`,
    { u: [WIDTH, 96], v: [96, 96], w: [96, WIDTH] },
  )

/** Rows as real ones are: few directions, so that errors of some weights can make up for those of others. */
function rows() {
  const [own, spread] = [randomValue([ROWS, HIDDEN], 3, 2), randomValue([HIDDEN, WIDTH], 4)].map(
    ({ data }) => data as Float32Array,
  ) as [Float32Array, Float32Array]
  const data = Float32Array.from({ length: ROWS * WIDTH }, (_, i) => {
    const [row, column] = [Math.floor(i / WIDTH), i % WIDTH]
    let sum = 0
    for (let k = 0; k < HIDDEN; k++) sum += own[row * HIDDEN + k]! * spread[k * WIDTH + column]!
    return sum
  })
  return memoryDataset({ x: { dtype: 'float32', dims: [ROWS, WIDTH], data } })
}

test('where 4 bits are too coarse, a search learns how to round: nearer in the same kernels, and its recipe replays', async () => {
  const model = network()
  const { report, candidates, tensors } = await optimize(model, await rows(), {
    goal: 'size',
    cache: noCache,
    time: 300_000,
  })
  const find = (id: string) => report.candidates.find((one) => one.id === id)!
  const [nearest, learned] = [find('weight-int4'), find('weight-int4-learned')]
  expect(nearest.sqnrDb!).toBeLessThan(25)
  expect(learned.sqnrDb!).toBeGreaterThan(nearest.sqnrDb! + 1)
  expect(learned.kernels).toEqual(nearest.kernels)
  expect(learned.recipe).toMatch(/rounded up or down as was learned/)
  expect(learned.note).toMatch(/time as measured for weight-int4, which has the same kernels/)
  expect(renderTerminal(report, { color: false, width: 200 } as never)).toContain('weight-int4-learned')

  const built = candidates.find(({ id }) => id === 'weight-int4-learned')!
  const again = await applyRecipe(built.recipe, model, { tensors })
  expect(again.report.after.digest).toBe(modelDigest(built.model))
  // Eight bits lose too little for learning to be worth the time.
  expect(report.candidates.map(({ id }) => id)).not.toContain('weight-int8-learned')
}, 300_000)
