import { describe, expect, test } from 'vitest'
import { AUGMENTATIONS, augmented, changesOf, checkAugmentations, laidOver } from './augment.ts'

const same = { mirrored: false, down: 0, right: 0, noise: 0, noiseSeed: 1, own: 1 }
const picture = { dims: [1, 1, 8, 8], data: Float32Array.from({ length: 64 }, (_, i) => i) }

describe('rows are changed', () => {
  test('by seed, epoch and row alone: other rows beside it and other kinds leave a change as it is', () => {
    const at = { seed: 3, epoch: 2 }
    const [first, second] = changesOf([7, 9], AUGMENTATIONS, at)
    expect(changesOf([9], AUGMENTATIONS, at)[0]).toEqual(second)
    expect(changesOf([7], ['crop'], at)[0]).toMatchObject({ down: first!.down, right: first!.right, noise: 0, own: 1 })
    expect(changesOf([7], AUGMENTATIONS, { ...at, epoch: 3 })[0]).not.toEqual(first)
    expect(changesOf([7], AUGMENTATIONS, { ...at, seed: 4 })[0]).not.toEqual(first)
    const many = changesOf(
      Array.from({ length: 400 }, (_, i) => i),
      AUGMENTATIONS,
      at,
    )
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
    expect(mean(many.map(({ mirrored }) => Number(mirrored)))).toBeCloseTo(0.5, 1)
    expect(mean(many.map(({ own }) => own))).toBeCloseTo(0.5, 1)
    expect(mean(many.map(({ down }) => down))).toBeCloseTo(0, 0)
  })

  test('mirrored from left to right, channels first and last', () => {
    const change = [{ ...same, mirrored: true }]
    const first = augmented(picture, change)
    expect([...first.subarray(0, 8)]).toEqual([7, 6, 5, 4, 3, 2, 1, 0])
    expect(augmented({ ...picture, data: first }, change)).toEqual(picture.data)
    const last = augmented({ dims: [1, 1, 2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }, change)
    expect([...last]).toEqual([3, 2, 1, 6, 5, 4])
    const colours = augmented({ dims: [1, 5, 2, 3], data: Float32Array.from({ length: 30 }, (_, i) => i) }, change)
    expect([...colours.subarray(0, 6)]).toEqual([3, 4, 5, 0, 1, 2])
  })

  test('moved by an eighth at most, the border drawn out', () => {
    const moved = augmented(picture, [{ ...same, down: 1, right: -1 }])
    expect([...moved.subarray(0, 8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 7])
    expect([...moved.subarray(8, 16)]).toEqual([1, 2, 3, 4, 5, 6, 7, 7])
    expect([...moved.subarray(16, 24)]).toEqual([9, 10, 11, 12, 13, 14, 15, 15])
  })

  test('with noise in proportion to their own deviation', () => {
    const data = Float32Array.from({ length: 4000 }, (_, i) => (i % 2 ? 10 : -10))
    const noisy = augmented({ dims: [1, 4000], data }, [{ ...same, noise: 0.05 }])
    const squares = noisy.reduce((sum, value, i) => sum + (value - data[i]!) ** 2, 0)
    expect(Math.sqrt(squares / data.length)).toBeCloseTo(0.5, 1)
    expect(data[0]).toBe(-10)
  })

  test('laid over the next row, labels by the same shares', () => {
    const changes = [
      { ...same, own: 0.75 },
      { ...same, own: 0.5 },
    ]
    const mixed = augmented({ dims: [2, 2], data: Float32Array.of(0, 4, 8, 0) }, changes)
    expect([...mixed]).toEqual([2, 3, 4, 2])
    expect([...laidOver(Float32Array.of(1, 0, 0, 1), changes)]).toEqual([0.75, 0.25, 0.5, 0.5])
  })

  test('but not where that means nothing', () => {
    const table = [{ name: 'x', dtype: 'float32', rowShape: [12] }]
    expect(() => checkAugmentations(['flip'], table)).toThrow(/no input is a picture/)
    expect(() => checkAugmentations(['mixup', 'noise'], table)).not.toThrow()
    const ids = [{ name: 'ids', dtype: 'int64', rowShape: [12] }]
    expect(() => checkAugmentations(['noise'], ids)).toThrow(/no input holds floats/)
    expect(() => checkAugmentations(['mixup'], ids)).toThrow(/whole numbers/)
  })
})
