import { expect, test } from 'vitest'
import { serveArrivals } from './arrivals.ts'
import { coresOf, pinProcess } from './ort-node-pin.ts'

/** A clock that only moves when it is told to. */
function virtual(serviceOf: (call: number) => number) {
  let time = 5
  let calls = 0
  return {
    clock: {
      now: () => time,
      waitUntil: (until: number) => {
        time = Math.max(time, until)
      },
    },
    answer: async () => {
      time += serviceOf(calls++)
    },
  }
}

test('no query starts before it arrives, and one that waits is late by its wait', async () => {
  const { clock, answer } = virtual(() => 10)
  const served = await serveArrivals(Float64Array.of(0, 4, 8, 100), answer, clock)
  expect([...served.latency]).toEqual([10, 16, 22, 10])
  expect([...served.service]).toEqual([10, 10, 10, 10])
})

test('one stall is felt by everyone who came meanwhile', async () => {
  const { clock, answer } = virtual((call) => (call === 0 ? 35 : 5))
  const served = await serveArrivals(Float64Array.of(0, 10, 20, 30, 60), answer, clock)
  expect([...served.latency]).toEqual([35, 30, 25, 20, 5])
})

test('lists of cores as Linux writes them', () => {
  expect(coresOf('0-2,5')).toEqual([0, 1, 2, 5])
  expect(coresOf('7')).toEqual([7])
})

test('a process that cannot be bound says why', async () => {
  expect(await pinProcess(process.pid, [0], 'no-such-program')).toMatch(/no-such-program is not there|has no way/)
})
