import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { WHETSTONE_VERSION } from '../src/report/index.ts'

test('recipes name the version that package.json has', () => {
  expect(WHETSTONE_VERSION).toBe(JSON.parse(readFileSync('package.json', 'utf8')).version)
})
