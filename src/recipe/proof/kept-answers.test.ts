import { expect, test } from 'vitest'
import { memoryDataset } from '../../data/index.ts'
import { parseModel } from '../../ir/index.ts'
import { keptAnswers } from './kept-answers.ts'

const model = (body: string) =>
  parseModel(`<ir_version: 10, opset_import: ["" : 20]> g (float[N,2] x) => (float[N,2] y) ${body}`)
const ROWS = 6
const data = await memoryDataset(
  {
    x: {
      dtype: 'float32',
      dims: [ROWS, 2],
      data: Float32Array.from({ length: ROWS * 2 }, (_, i) => 1 + Math.sin(i * 1.7)),
    },
  },
  { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }] },
)
const twice = model('<float[1] c = {2}> { y = Mul(x, c) }')

test('answers that stayed are equal, and nothing is warned of', async () => {
  const { equivalence, warnings } = await keptAnswers(twice, model('{ y = Add(x, x) }'), data)
  expect(equivalence).toEqual({ samples: 4, realSamples: 4, maxAbs: 0, maxRel: 0, sqnrDb: null, equal: true })
  expect(warnings).toEqual([])
})

test('those that moved are not, with a warning where hardly anything is left of them', async () => {
  // 20·log10(2 / 0.02) = 40 dB, and 20·log10(2 / 1) = 6.
  const near = await keptAnswers(twice, model('<float[1] c = {2.02}> { y = Mul(x, c) }'), data)
  expect([near.equivalence.equal, Math.round(near.equivalence.sqnrDb!)]).toEqual([false, 40])
  expect(near.warnings).toEqual([])
  const far = await keptAnswers(twice, model('<float[1] c = {3}> { y = Mul(x, c) }'), data)
  expect(far.equivalence.equal).toBe(false)
  expect(far.warnings).toEqual([
    expect.stringMatching(/^the outputs keep 6\.0 dB \(of 4 rows looked at.*whet optimize/),
  ])
})

test('what is no number any more is warned of by name, though no noise can be told of it', async () => {
  const broken = model('<float[1] c = {0}> { z = Mul(x, c)\n y = Div(z, z) }')
  const { equivalence, warnings } = await keptAnswers(twice, broken, data)
  expect(equivalence).toMatchObject({ equal: false, sqnrDb: null })
  expect(warnings).toEqual([expect.stringMatching(/^output "y" changed: sample 0: element 0: .* became NaN/)])
})
