import { describe, expect, test } from 'vitest'
import { memoryDataset, randomNumbers } from '../src/data/index.ts'
import { ortNode } from '../src/engine/index.ts'
import { checkModel, type Model } from '../src/ir/index.ts'
import { modelDigest } from '../src/onnx/index.ts'
import { applyRecipe, distil } from '../src/recipe/index.ts'
import { attending, seeded } from './seeded-network.ts'

const open = (model: Model) => ortNode.open(model)
const settings = { open, timed: false, seed: 1, batch: 16, rate: 0.02, margin: 0.2 } as const
const random = randomNumbers(3)
const numbers = (count: number) => Float32Array.from({ length: count }, () => 2 * random() - 1)

const ROWS = 160
const network = (channels: number) =>
  seeded(
    `g (float[N,1,6,6] x) => (float[N,2] logits) <WEIGHTS>
     { a = Conv<pads: ints = [1,1,1,1]>(x, w0)  r = Relu(a)  b = Conv<pads: ints = [1,1,1,1]>(r, w1)
       d = Add(b, r)  p = GlobalAveragePool(d)  f = Flatten(p)  logits = Gemm<transB: int = 1>(f, w2) }`,
    { w0: [channels, 1, 3, 3], w1: [channels, channels, 3, 3], w2: [2, channels] },
  )
const pictures = { dtype: 'float32', dims: [ROWS, 1, 6, 6], data: numbers(ROWS * 36) } as const
const pictureRows = () =>
  memoryDataset({ x: pictures }, { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 1, 6, 6] }] })

const tokens = { dtype: 'float32', dims: [ROWS, 4, 6], data: numbers(ROWS * 24) } as const
const tokenRows = () => memoryDataset({ x: tokens }, { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 4, 6] }] })

/** What a model attends to on the rows: means over heads, a distribution for each token. */
async function attentions(model: Model, heads: number): Promise<readonly number[]> {
  const session = await ortNode.open(model)
  const { data } = (await session.run({ x: tokens }, ['p'])).p!
  await session.close()
  const values = data as Float32Array
  return Array.from({ length: ROWS * 16 }, (_, i) => {
    let sum = 0
    for (let head = 0; head < heads; head++) sum += values[(Math.floor(i / 16) * heads + head) * 16 + (i % 16)]!
    return sum / heads
  })
}

/** Mean of Σ p·log(p/q) over tokens. */
const divergence = (p: readonly number[], q: readonly number[]) =>
  p.reduce((sum, value, i) => sum + value * Math.log(value / q[i]!), 0) / (p.length / 4)

describe('feature hints', () => {
  test('a narrower student on a coarser grid learns features through a projection that stays behind', async () => {
    const teacher = network(8)
    const options = { ...settings, width: 0.5, resolution: 0.5, epochs: 4 }
    const { model, report, recipe, tensors } = await distil(teacher, await pictureRows(), { ...options, hints: 1 })
    expect(Object.keys(report.loss)).toEqual(["teacher's logits", 'features d'])
    expect(report.epochs.at(-1)!.loss).toBeLessThan(report.epochs[0]!.loss)
    expect(checkModel(model)).toEqual([])
    expect([...model.graph.initializers.keys()].filter((name) => name.startsWith('learn/'))).toEqual([])
    const replayed = await applyRecipe(recipe, teacher, { tensors })
    expect(modelDigest(replayed.model)).toBe(modelDigest(model))
    const plain = await distil(teacher, await pictureRows(), options)
    expect(report.student.parameters).toBe(plain.report.student.parameters)
    expect(modelDigest(plain.model)).not.toBe(modelDigest(model))
  })

  test('pairs by name, for a student of one’s own', async () => {
    const options = { ...settings, student: network(3), epochs: 3, hints: 1 }
    const { report } = await distil(network(8), await pictureRows(), { ...options, hintPairs: [['r', 'd']] })
    expect(Object.keys(report.loss)).toEqual(["teacher's logits", 'features r'])
    const wrong = distil(network(8), await pictureRows(), { ...options, hintPairs: [['f', 'd']] })
    await expect(wrong).rejects.toMatchObject({
      code: 'bad-argument',
      where: 'teacher [rows,8], student [rows,3,6,6]',
    })
  })
})

describe('attention transfer', () => {
  test.each([
    ['as many heads', 2, 3],
    ['fewer heads', 1, 3],
  ] as const)('%s: the student attends to what the teacher does', async (_, heads, size) => {
    const teacher = attending(2, 4)
    const student = attending(heads, size)
    const options = { ...settings, student, epochs: 12 }
    const { model, report } = await distil(teacher, await tokenRows(), { ...options, attention: 4 })
    expect(report.loss['attention p']).toBe(4)
    expect(checkModel(model)).toEqual([])
    const wanted = await attentions(teacher, 2)
    const plain = await distil(teacher, await tokenRows(), options)
    const [without, transferred] = [await attentions(plain.model, heads), await attentions(model, heads)]
    expect(divergence(wanted, transferred)).toBeLessThan(divergence(wanted, without) / 2)
  })

  test('a model without attention: a message', async () => {
    const failed = distil(network(8), await pictureRows(), { ...settings, width: 0.5, epochs: 1, attention: 1 })
    await expect(failed).rejects.toMatchObject({ code: 'unsupported', message: 'the teacher has no attention' })
  })
})
