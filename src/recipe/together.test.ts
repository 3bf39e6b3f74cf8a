import { expect, test } from 'vitest'
import { together } from './together.ts'

test('both values, or the first error after both have ended', async () => {
  expect(await together(Promise.resolve(1), 'two')).toEqual([1, 'two'])
  const log: string[] = []
  const slow = new Promise<string>((resolve) =>
    setTimeout(() => {
      log.push('ended')
      resolve('late')
    }, 5),
  )
  await expect(together(Promise.reject(new Error('broken')), slow)).rejects.toThrow('broken')
  expect(log).toEqual(['ended'])
  await expect(together(Promise.resolve('a'), Promise.reject(new Error('late')))).rejects.toThrow('late')
})
