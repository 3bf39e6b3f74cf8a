import { expect, test } from 'vitest'
import { fewGroups } from './few-groups.ts'

const MB = 2 ** 20
/** Values of 10 MB each. */
const session = {
  fetchGroups: async (_: unknown, names: readonly string[], bytes: number) => {
    const each = Math.max(1, Math.floor(bytes / (10 * MB)))
    return Array.from({ length: Math.ceil(names.length / each) }, (_, i) => names.slice(i * each, (i + 1) * each))
  },
}
const names = Array.from({ length: 80 }, (_, i) => `v${i}`)
const sizes = async (free: number, bytes = 10 * MB) =>
  (await fewGroups(session, {}, names, bytes, free)).map(({ length }) => length)

test('few groups stay as they are, many become larger ones, as far as the machine has memory', async () => {
  expect(await sizes(1e12, 200 * MB)).toEqual(Array(4).fill(20))
  expect(await sizes(1e12)).toEqual(Array(4).fill(20))
  // Two values at a time is what this machine has memory for.
  expect(await sizes(24 * 20 * MB)).toEqual(Array(40).fill(2))
  expect(await sizes(0)).toEqual(Array(80).fill(1))
})
