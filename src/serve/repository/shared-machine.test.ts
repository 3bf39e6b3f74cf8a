import { expect, test } from 'vitest'
import { SharedMachine } from './shared-machine.ts'

const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

test('works go on beside one another; the parts that need the machine for themselves have it', async () => {
  const machine = new SharedMachine()
  let beside = 0
  let alone = 0
  let most = 0
  const others: number[] = []
  const work = async (before: number, fails: boolean) => {
    most = Math.max(most, ++beside)
    await turns(before)
    beside--
    await machine.alone(async () => {
      alone++
      await turns(3)
      others.push(beside + alone - 1)
      alone--
      if (fails) throw new Error('a measurement fails')
    })
    beside++
    await turns(2)
    beside--
  }
  const ends = await Promise.allSettled([5, 1, 9, 3].map((before, i) => machine.beside(() => work(before, i === 1))))
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
  expect(most).toBe(4)
  expect(others).toEqual([0, 0, 0, 0])
})
