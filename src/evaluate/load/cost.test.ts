import { expect, test } from 'vitest'
import type { IsolatedSession } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import { costsOf } from './cost.ts'
import { DEFAULT_PRICES } from './default-prices.ts'
import { estimateEnergy, measureEnergy } from './energy.ts'
import { parsePrices } from './prices.ts'

const ours = { name: 'ours', perHour: 0.36, cores: 4, source: 'contract', asOf: '2026-05' }
const prices = { ...DEFAULT_PRICES, currency: 'EUR', machines: [ours, { ...ours, name: 'arm', arch: 'arm64' }] }
const today = new Date('2026-03-01T00:00:00Z')

test('a million answers: price of the cores for as long as they take', () => {
  const found = costsOf(
    [
      { path: 'a', perSecond: 100, cores: 1 },
      { path: 'b', perSecond: 100, cores: 8 },
    ],
    { prices, arch: 'x64', today },
  )
  // 10 000 s on a quarter of 0.36 an hour; eight cores are more than the machine has: all of it.
  expect(found.perMillion).toEqual([
    { path: 'a', machine: 'ours', amount: 0.25 },
    { path: 'b', machine: 'ours', amount: 1 },
  ])
  expect(found.breakEven).toBeUndefined()
  expect(found.assumes).toMatch(/as fast as one here/)
})

test('what was spent is earned back on a day, later, or never', () => {
  const rates = [
    { path: 'a', perSecond: 100, cores: 1 },
    { path: 'faster', perSecond: 200, cores: 1 },
    { path: 'slower', perSecond: 50, cores: 1 },
    { path: 'idle', perSecond: 0, cores: 1 },
  ]
  const { breakEven, perMillion } = costsOf(rates, {
    ...{ prices, arch: 'x64', today, answersPerDay: 8e6, spent: 9.28, spentHours: 2 },
  })
  expect(perMillion.map(({ path }) => path)).toEqual(['a', 'faster', 'slower'])
  // 0.125 saved a million, 8 million a day: 1 a day. Spent: 9.28 and two hours of 0.36.
  expect(breakEven![0]).toMatchObject({ path: 'faster', savedPerDay: 1, date: '2026-03-11' })
  expect(breakEven![0]!.spent).toBeCloseTo(10, 9)
  expect(breakEven![0]!.days).toBeCloseTo(10, 9)
  expect(breakEven![1]).toMatchObject({ path: 'slower', days: null, date: null })
  expect(breakEven![1]!.savedPerDay).toBeLessThan(0)
})

test('the default table says for every price where it is from and when', () => {
  for (const machine of DEFAULT_PRICES.machines) {
    expect(machine.source.length).toBeGreaterThan(10)
    expect(machine.asOf).toMatch(/^20\d\d/)
  }
  expect(new Set(DEFAULT_PRICES.machines.map(({ arch }) => arch))).toEqual(new Set(['x64', 'arm64']))
  // It is a table of the form that users write.
  expect(parsePrices(JSON.stringify(DEFAULT_PRICES), 'prices.json', DEFAULT_PRICES)).toEqual(DEFAULT_PRICES)
})

test.each([
  ['{', /prices\.json: not JSON/],
  ['[]', /not an object/],
  ['{"currency":"EUR","machines":[],"machnies":[]}', /no field "machnies"; there are currency, machines/],
  ['{"machines":[]}', /"currency" should be/],
  ['{"currency":"EUR","machines":[]}', /at least one/],
  ['{"currency":"EUR","machines":[3]}', /machines\[0\] is not an object/],
  [JSON.stringify({ currency: 'EUR', machines: [{ ...ours, perHour: -1 }] }), /machines\[0\]\.perHour/],
  [JSON.stringify({ currency: 'EUR', machines: [{ ...ours, asOf: undefined }] }), /machines\[0\]\.asOf/],
  [JSON.stringify({ currency: 'EUR', machines: [ours], wattsPerThread: 0 }), /wattsPerThread/],
])('a table of prices that cannot be used is refused with the field: %s', (text, message) => {
  const parse = () => parsePrices(text, 'prices.json', DEFAULT_PRICES)
  expect(parse).toThrow(UserError)
  expect(parse).toThrow(message)
})

test('energy is what the counter says, wraps included, and else an estimate that is called one', async () => {
  let microjoules = 990e6
  const session = (microjoulesOfRun: number): IsolatedSession =>
    ({
      async timeRuns(_: unknown, count: number, warm = 0) {
        microjoules = (microjoules + microjoulesOfRun * (count + warm)) % 1000e6
        return new Float64Array(count).fill(5e6)
      },
    }) as unknown as IsolatedSession
  const read = () => [{ name: 'package-0', microjoules, range: 1000e6 }]
  const found = await measureEnergy([session(40_000), session(10_000)], {}, 2, read)
  expect(found).toMatchObject([{ measured: true }, { measured: true }])
  const [first, second] = found as readonly { joulesPerAnswer: number }[]
  // 0.04 J a run of two rows.
  expect(first!.joulesPerAnswer).toBeCloseTo(0.02, 9)
  expect(second!.joulesPerAnswer).toBeCloseTo(0.005, 9)
  expect(await measureEnergy([], {}, 1, () => ({ reason: 'only root' }))).toEqual({ reason: 'only root' })

  const estimate = estimateEnergy(0.5, 2, DEFAULT_PRICES, 'only root')
  expect(estimate).toMatchObject({ joulesPerAnswer: 4, measured: false })
  expect(estimate.how).toMatch(/^estimate, not measured: only root/)
})
