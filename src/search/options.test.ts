import { expect, test } from 'vitest'
import { processors } from '../recipe/index.ts'
import { resolvedOptions } from './options.ts'

test('a program that says nothing searches with as many workers as the command: two where there are as many processors', () => {
  expect(resolvedOptions({}).workers).toBe(Math.min(2, processors()))
  expect(resolvedOptions({ workers: 1 }).workers).toBe(1)
})
