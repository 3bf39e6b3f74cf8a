import { expect, test } from 'vitest'
import { together } from './together.ts'

test('both values, or the first error after both have ended and what came to be was released', async () => {
  expect(await together(Promise.resolve(1), 'two')).toEqual([1, 'two'])
  const log: string[] = []
  const slow = new Promise<string>((resolve) =>
    setTimeout(() => {
      log.push('ended')
      resolve('kept')
    }, 5),
  )
  const release = async (one: string) => {
    log.push(`released ${one}`)
  }
  await expect(together(Promise.reject(new Error('broken')), slow, release)).rejects.toThrow('broken')
  expect(log).toEqual(['ended', 'released kept'])
  await expect(together(Promise.resolve('a'), Promise.reject(new Error('late')), release)).rejects.toThrow('late')
  expect(log.at(-1)).toBe('released a')
})
