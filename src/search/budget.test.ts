import { expect, test } from 'vitest'
import { Budget, quarteredWithin, TooLong } from './budget.ts'

/** A budget on a clock that only `pass` moves. */
function budgetOf(seconds: number) {
  let ms = 5e6
  const budget = new Budget(seconds * 1000, () => ms)
  const pass = (by: number) => {
    ms += by * 1000
  }
  /** Work of `of` units, each of which takes `each` seconds behind `opening` seconds. */
  const work = (kind: 'judging' | 'histograms', of: number, each: number, opening = 0) => {
    const tick = budget.meter(kind)
    pass(opening)
    for (let done = 1; done <= of; done++) {
      pass(each)
      tick(done, of)
    }
  }
  return { budget, pass, work }
}

test('what a unit costs is foretold from the units that were done, without what comes before the first', () => {
  const { budget, work } = budgetOf(100)
  expect(budget.affordableRows(10)).toBe(Number.POSITIVE_INFINITY)
  work('judging', 11, 0.5, 7)
  expect(budget.rate('judging')).toBeCloseTo(0.5)
  expect(budget.affordableRows(10)).toBe(20)
  expect([0.9, 10.4, -1].map((seconds) => budget.affordableRows(seconds))).toEqual([1, 20, 0])
  // The mean of all that was done.
  work('judging', 11, 1.5)
  expect(budget.rate('judging')).toBeCloseTo(1)
})

test('work that goes on side by side takes its time together', () => {
  const { budget, pass, work } = budgetOf(100)
  const [one, other] = [budget.meter('judging'), budget.meter('judging')]
  for (let done = 1; done <= 101; done++) {
    pass(0.1)
    one(done, 101)
    pass(0.1)
    other(done, 101)
  }
  expect(budget.rate('judging')).toBeCloseTo(0.1, 3)
  // What lay between two pieces of work is no time of either.
  pass(50)
  work('judging', 101, 0.1)
  expect(budget.rate('judging')).toBeCloseTo(0.1, 3)
})

test('time for the proof is kept from the start, and kept again from what rows turn out to cost', () => {
  const { budget, work } = budgetOf(120)
  budget.keepForProof(100, { answering: 0.02, judging: 0.1 }, 0)
  // A twelfth of the time confirms; 100 rows at a fiftieth of a second by the original, and three proofs at a tenth.
  expect(budget.left).toBeCloseTo(120 - 10 - 2 - 30)
  // Behind the first of them 96 rows count three times as much as the 32 that they were thought to be like.
  work('judging', 97, 0.05)
  expect(budget.left).toBeCloseTo(120 - 10 - 2 - (3 / 4) * 15 - (1 / 4) * 30 - 97 * 0.05)
  // Never so much that nothing is left to prove.
  budget.keepForProof(1e6, { answering: 0, judging: 0.1 }, 0)
  expect(budget.left).toBeCloseTo(120 - 10 - 48 - 97 * 0.05)
  // Rows that are too few to prove anything tell of noise, of which some tell as much.
  budget.keepForProof(1e6, { answering: 0, judging: 0.1, canProve: false }, 0)
  expect(budget.left).toBeCloseTo(120 - 10 - 18 - 97 * 0.05)
})

test('time for the report is kept as well, a tenth at the most, and the proof may go beyond the time by half of it', () => {
  const { budget, pass } = budgetOf(120)
  budget.keepForProof(0, { answering: 0, judging: 0.1 }, 6)
  expect(budget.left).toBeCloseTo(120 - 10 - 6)
  budget.keepForProof(0, { answering: 0, judging: 0.1 }, 60)
  expect(budget.left).toBeCloseTo(120 - 10 - 12)
  pass(50)
  expect(budget.leftToProve(8)).toBeCloseTo(180 - 10 - 12 - 50 - 8)
  expect(budget.leftToProve(8, 0)).toBeCloseTo(120 - 10 - 12 - 50 - 8)
  pass(130)
  expect(budget.leftToProve(8)).toBe(12)
})

test('what is told beside the answer is left out where it would go a tenth beyond the time, unless it takes next to none', () => {
  const late = (elapsed: number, telling: number) => {
    const { budget, pass } = budgetOf(100)
    budget.keepForProof(0, { answering: 0, judging: 0.1 }, telling)
    pass(elapsed)
    return budget.late
  }
  expect([late(90, 19), late(90, 21), late(60, 39), late(111, 3), late(150, 2)]).toEqual([
    false,
    true,
    false,
    true,
    false,
  ])
})

test('work that exceeds its grant is given up after a small part of it, and tells what would have fitted', async () => {
  const { budget, work } = budgetOf(100)
  const given = await budget.granting(8, async () => work('histograms', 128, 0.5))
  expect(given).toBeInstanceOf(TooLong)
  const { seconds, share } = given as TooLong
  expect(seconds).toBeCloseTo(64)
  expect(share).toBeCloseTo(1 / 8)
  expect(budget.elapsed).toBeLessThan(5)
  expect((given as TooLong).words).toBe('64 s to measure the histograms')
  // Once the grant is over, and within it, work goes to its end.
  work('histograms', 128, 0.5)
  expect(await budget.granting(65, async () => work('histograms', 128, 0.5))).toBeUndefined()
})

test('what is done is not given up, nor what a few units alone would tell against; other errors go on their way', async () => {
  const { budget, pass, work } = budgetOf(1000)
  expect(await budget.granting(1, async () => work('histograms', 2, 5))).toBeUndefined()
  const tick = budget.meter('histograms')
  // The first five of 160 take long: by them alone it would be 320 seconds.
  const begun = budget.granting(150, async () => {
    for (let done = 1; done <= 160; done++) {
      pass(done <= 5 ? 2 : 0.05)
      tick(done, 160)
    }
  })
  expect(await begun).toBeUndefined()
  expect(await budget.granting(-1, async () => work('histograms', 128, 0.001))).toMatchObject({ share: 0 })
  await expect(budget.granting(1, async () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
})

test('one refinement takes half of what is left, the last one three quarters, and keeps one proof instead of three', () => {
  const { budget, pass, work } = budgetOf(120)
  // A twelfth confirms.
  expect([budget.left, budget.refining, budget.plenty]).toEqual([110, 55, true])
  budget.keepForProof(100, { answering: 0, judging: 0.1 }, 0)
  expect([budget.left, budget.refining]).toEqual([80, 40])
  pass(21)
  expect([budget.left, budget.plenty]).toEqual([59, false])
  budget.spendOnLast()
  expect([budget.left, budget.refining]).toEqual([79, 59.25])
  expect([budget.leftToProve(), budget.leftToProve(0)]).toEqual([149, 149])
  // A single unit is enough to go by.
  const other = budgetOf(120)
  other.work('judging', 2, 0.5)
  expect(other.budget.rate('judging')).toBe(0.5)
  work('judging', 1, 1)
  expect(budget.rate('judging')).toBeCloseTo(0.1)
})

test('what was begun may become somewhat slower than it looked, and is given up where it becomes much slower', async () => {
  const slower = async (then: number) => {
    const { budget, pass } = budgetOf(1000)
    const tick = budget.meter('histograms')
    return await budget.granting(130, async () => {
      for (let done = 1; done <= 128; done++) {
        pass(done <= 8 ? 1 : then)
        tick(done, 128)
      }
    })
  }
  expect(await slower(1.3)).toBeUndefined()
  expect(await slower(3)).toBeInstanceOf(TooLong)
})

test('rows that are read once more for what the first reading left are no endless work', async () => {
  const { budget, pass } = budgetOf(1000)
  const tick = budget.meter('ranges')
  const given = await budget.granting(20, async () => {
    for (const done of [8, 12, 8, 12]) {
      pass(1)
      tick(done, 12)
    }
  })
  expect(given).toBeUndefined()
  // Behind the first units of each reading, four took a second.
  expect(budget.rate('ranges')).toBeCloseTo(0.25)
})

test('what was left out is told once each, and nothing where nothing was', () => {
  const { budget } = budgetOf(1)
  expect([budget.warning, budget.leftOut]).toEqual([null, []])
  budget.leaveOut('one')
  expect(budget.warning).toMatch(/; one thing was left out, which the report lists$/)
  for (const what of ['two', 'one']) budget.leaveOut(what)
  expect(budget.warning).toMatch(/; 2 things were left out, which the report lists$/)
  expect(budget.leftOut).toEqual(['one', 'two'])
  for (const what of ['three', 'one']) budget.takeUp(what)
  expect(budget.leftOut).toEqual(['two'])
})

test('what took far longer than it was given is told, and not what went beyond it for its proof', () => {
  const { budget, pass } = budgetOf(5)
  pass(7.5)
  expect(budget.overrun).toBeNull()
  pass(10.52)
  expect(budget.overrun).toMatch(/^the search took 18 s where 5 s were given: /)
})

test('a timing takes a sixth of the time, 20 s at the most', () => {
  expect([60, 120, 600].map((seconds) => budgetOf(seconds).budget.timing())).toEqual([10, 20, 20])
  expect(budgetOf(60).budget.timing(3)).toBe(3)
})

test('new candidates that are timed one by one do not take as long each as all of them at once', () => {
  const { budget } = budgetOf(60)
  expect([0, 1, 2, 3, 12].map((candidates) => budget.timingOf(candidates))).toEqual([2.5, 2.5, 5, 6, 6])
  expect(budget.timingOf(3, 4)).toBe(4)
  expect([1, 2].map((candidates) => budgetOf(600).budget.timingOf(candidates))).toEqual([20, 20])
})

test('a quarter of the whole, or a quarter of that, within what fits', () => {
  expect([1000, 64, 63.9, 16, 15, 3].map((most) => quarteredWithin(64, most, 4))).toEqual([64, 64, 16, 16, 4, 4])
  expect([128, 127, 31, 0].map((most) => quarteredWithin(128, most, 8))).toEqual([128, 32, 8, 8])
})
