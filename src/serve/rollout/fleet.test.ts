import { expect, test } from 'vitest'
import type { ModelSource } from '../repository/source.ts'
import { pinnedSource } from './fleet.ts'

/** A store with these versions, the oldest first: how each is called, and its digest. */
function store(versions: readonly (readonly [string, string])[]): ModelSource {
  return {
    description: 'a store',
    list: async () => [{ name: 'm', versions: versions.map(([version]) => version) }],
    async find(model, wanted) {
      const found = wanted === null ? versions.at(-1) : versions.find(([version]) => version === wanted)
      return found ? { model, version: found[0], digest: found[1], path: '' } : null
    },
  }
}
const pins = new Map([['m', { name: 'm', version: 'v1', known: ['v1', 'candidate', 'a', 'b'] }]])
const newest = async (...versions: readonly (readonly [string, string])[]) =>
  (await pinnedSource(store(versions), pins).find('m', null))?.version

test('what was rolled back stays back under any name; a version that is new is served', async () => {
  expect(await newest(['v1', 'a'], ['candidate', 'b'])).toBe('v1')
  // Its tag went to another version, or it has got one more.
  expect(await newest(['v1', 'a'], ['0123456789ab', 'b'])).toBe('v1')
  expect(await newest(['v1', 'a'], ['bad', 'b'])).toBe('v1')
  expect(await newest(['v1', 'a'], ['candidate', 'b'], ['v3', 'c'])).toBe('v3')
  expect(await newest()).toBeUndefined()
})
