import { expect, test } from 'vitest'
import { modelWith, randomValue, rangesOf } from '../../../tests/quantize-kit.ts'
import { costProbes, unitSignatures } from '../../passes/index.ts'
import type { Report } from '../../report/index.ts'
import type { EvidenceCache } from './evidence-cache.ts'
import { unitMemory } from './unit-memory.ts'

const PLACE = { cpu: 'some', runtime: 'any', threads: 1 }

/** A cache that keeps everything, and counts what it had to make. */
function counting(): EvidenceCache & { made: number } {
  const kept = new Map<string, Report>()
  return {
    made: 0,
    find: async (key) => kept.get(JSON.stringify(key)),
    async get<R extends Report>(key: Readonly<Record<string, unknown>>, make: () => Promise<R>) {
      const name = JSON.stringify(key)
      const made = (kept.get(name) as R | undefined) ?? (await make())
      if (!kept.has(name)) this.made++
      kept.set(name, made)
      return made
    },
  }
}

async function signaturesOf(names: { first: string; second: string }, strides: string) {
  const { first, second } = names
  const model = modelWith(
    `g (float[1,16,8,8] x) => (float y) { ${first} = Conv<strides = [${strides}]>(x, w) ${second} = Relu(${first}) y = Conv(${second}, v) }`,
    { w: [16, 16, 1, 1], v: [8, 16, 1, 1] },
  )
  const ranges = await rangesOf(model, { x: randomValue([1, 16, 8, 8], 3) })
  return unitSignatures(costProbes(model, ranges)!, ranges, { x: [1, 16, 8, 8] })
}

test('another model of the same operators, attributes and shapes starts with what the first one showed', async () => {
  const cache = counting()
  const first = await signaturesOf({ first: 'a', second: 'b' }, '1, 1')
  const before = await unitMemory(cache, PLACE, first)
  expect(before.nodes).toEqual([])
  const costs = [...first.keys()].map((name, i) => ({ name, floatMs: i + 1, integerMs: i + 2 }))
  await before.keep(costs, 0.3)
  expect(cache.made).toBe(costs.length + 1)

  const second = await signaturesOf({ first: 'p', second: 'q' }, '1, 1')
  const after = await unitMemory(cache, PLACE, second)
  expect(after.borderNs).toBe(0.3)
  expect(after.nodes.map(({ floatMs, integerMs }) => [floatMs, integerMs])).toEqual([
    [1, 2],
    [2, 3],
  ])
  expect(after.nodes.map(({ name }) => name)).toEqual([...second.keys()])
})

test('other shapes, or another runtime, are not known', async () => {
  const cache = counting()
  const first = await signaturesOf({ first: 'a', second: 'b' }, '1, 1')
  await (await unitMemory(cache, PLACE, first)).keep(
    [...first.keys()].map((name) => ({ name, floatMs: 1, integerMs: 2 })),
    0.3,
  )
  const strided = await signaturesOf({ first: 'a', second: 'b' }, '2, 2')
  const other = await unitMemory(cache, PLACE, strided)
  expect(other).toMatchObject({ nodes: [], borderNs: undefined })
  expect((await unitMemory(cache, { ...PLACE, runtime: 'other' }, first)).nodes).toEqual([])
})

test('a unit of which no kernel is to be found is known too: it costs nothing to ask for it again', async () => {
  const cache = counting()
  const signatures = await signaturesOf({ first: 'a', second: 'b' }, '1, 1')
  const names = [...signatures.keys()]
  const before = await unitMemory(cache, PLACE, signatures)
  expect(before.unknown).toBe(names.length)
  await before.keep([{ name: names[0]!, floatMs: 1, integerMs: 2 }], undefined, names.slice(1))
  const after = await unitMemory(cache, PLACE, signatures)
  expect(after.unknown).toBe(0)
  expect(after.nodes.map(({ name }) => name)).toEqual([names[0]])
})
