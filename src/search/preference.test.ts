import { expect, test } from 'vitest'
import { byPreference, worthMore } from './preference.ts'

test('where two are as fast, the clearly smaller file is worth more; speed beyond a tie always is', () => {
  const large = { figure: 0.73, bytes: 639e3 }
  expect(worthMore({ figure: 0.73, bytes: 358e3 }, large)).toBe(true)
  expect(worthMore({ figure: 0.74, bytes: 358e3 }, large)).toBe(true)
  expect(worthMore({ figure: 0.75, bytes: 358e3 }, large)).toBe(false)
  expect(worthMore({ figure: 0.73, bytes: 620e3 }, large)).toBe(false)
  expect(worthMore({ figure: 0.7, bytes: 900e3 }, large)).toBe(true)
})

test('where two are as fast, answers that stay are worth more than a file that is a third smaller, not than half of it', () => {
  const lossless = { figure: 0.63, bytes: 4.57e6, sameAnswers: true }
  expect(worthMore({ figure: 0.63, bytes: 2.93e6 }, lossless)).toBe(false)
  expect(worthMore({ figure: 0.63, bytes: 2.2e6 }, lossless)).toBe(true)
  expect(worthMore({ figure: 0.6, bytes: 2.93e6 }, lossless)).toBe(true)
  expect(worthMore({ ...lossless, bytes: 4e6 }, { figure: 0.63, bytes: 4.57e6 })).toBe(true)
  // Where both keep the answers, none are given up for the smaller one.
  expect(worthMore({ ...lossless, bytes: 4e6 }, lossless)).toBe(true)
})

test('the best first, and before it whatever ties with it in a smaller file', () => {
  const list = [
    { id: 'slow and tiny', figure: 1, bytes: 10 },
    { id: 'fastest', figure: 0.5, bytes: 100 },
    { id: 'tie, smallest', figure: 0.505, bytes: 40 },
    { id: 'tie, smaller', figure: 0.502, bytes: 60 },
  ]
  expect(byPreference(list).map(({ id }) => id)).toEqual(['tie, smallest', 'tie, smaller', 'fastest', 'slow and tiny'])
})

test('a tie of figures is left as it was given, whatever the clock said of it', () => {
  const given = (...figures: readonly number[]) =>
    byPreference(figures.map((figure, place) => ({ place, figure, bytes: 100 }))).map(({ place }) => place)
  expect(given(0.505, 0.5, 0.507)).toEqual([0, 1, 2])
  expect(given(0.5, 0.505, 0.507)).toEqual([0, 1, 2])
  // Files of nearly the same size tie too.
  const files = [100, 95].map((bytes) => ({ figure: 0.5, bytes }))
  expect(byPreference(files)).toEqual(files)
  // Only what ties with the very best: 0.515 does not, though it ties with what does.
  expect(given(0.515, 0.507, 0.5)).toEqual([1, 2, 0])
})

test('figures that a disturbed moment could not tell apart tie, and the smaller file wins', () => {
  const lossless = { figure: 0.729, interval: [0.691, 0.746], bytes: 600 } as const
  const small = { figure: 0.752, interval: [0.697, 0.802], bytes: 300 } as const
  expect([worthMore(small, lossless), worthMore(lossless, small)]).toEqual([true, false])
  const steady = { ...small, interval: [0.748, 0.756] } as const
  const steadier = { ...lossless, interval: [0.725, 0.733] } as const
  expect([worthMore(steady, steadier), worthMore(steadier, steady)]).toEqual([false, true])
  expect(byPreference([lossless, small])).toEqual([small, lossless])
  // It takes one of the two intervals to hold the other's figure, whichever it is.
  const wide = { figure: 0.7, interval: [0.6, 0.9], bytes: 600 } as const
  const narrow = { figure: 0.75, interval: [0.74, 0.76], bytes: 600 } as const
  expect([worthMore(wide, narrow), worthMore({ ...wide, interval: [0.69, 0.71] }, narrow)]).toEqual([false, true])
  // What is a tenth better is better, however disturbed.
  expect(worthMore({ ...small, figure: 0.65, interval: [0.3, 0.9], bytes: 600 }, lossless)).toBe(true)
})
