import { expect, test } from 'vitest'
import { sideBySide } from './side-by-side.ts'

const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await Promise.resolve()
}

test('as many at a time as there are workers, begun in order, results in order', async () => {
  for (const workers of [1, 2, 3, 8]) {
    let [running, most] = [0, 0]
    const begun: number[] = []
    const results = await sideBySide([5, 1, 4, 2, 3], workers, async (item) => {
      begun.push(item)
      most = Math.max(most, ++running)
      await turns(10 * item)
      running--
      return item * 10
    })
    expect(results).toEqual([50, 10, 40, 20, 30])
    expect(begun).toEqual([5, 1, 4, 2, 3])
    expect(most).toBe(Math.min(workers, 5))
  }
})

test('an error begins nothing new and waits for what is under way', async () => {
  const ended: number[] = []
  const work = sideBySide([1, 2, 3, 4], 2, async (item) => {
    if (item === 1) throw new Error('first')
    await turns(10)
    ended.push(item)
  })
  await expect(work).rejects.toThrow('first')
  expect(ended).toEqual([2])
})

test('nothing to do is done', async () => {
  expect(await sideBySide([], 2, async () => 1)).toEqual([])
})
