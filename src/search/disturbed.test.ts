import { expect, test } from 'vitest'
import { undecided } from '../recipe/index.ts'
import { disturbanceWarning, roughSpeed } from './disturbed.ts'
import { staged } from './staged-kit.ts'
import type { Trial } from './trial.ts'

const trial = (id: string, median: number, ci: readonly [number, number] | null) =>
  staged<Trial>({ built: { spec: { id } }, result: { ratio: ci && { other: id, median, ci } } })

const warningOf = (trials: readonly Trial[], chosen = 'int8-chosen', lossless?: Trial) =>
  disturbanceWarning({ trials, lossless }, chosen)

test('a report names what looked far faster than the timings could show, and nothing else', () => {
  const settled = [
    trial('int8-far', 0.4, [0.38, 0.43]),
    trial('int8-like', 0.97, [0.9, 1.1]),
    trial('int8-untimed', 1, null),
  ]
  expect(warningOf(settled)).toBeNull()
  const warning = warningOf([...settled, trial('int8-hidden', 0.56, [0.3, 1.24])])
  expect(warning).toContain("int8-hidden (0.30 to 1.24 of the original's time)")
  for (const id of ['int8-far', 'int8-like', 'int8-untimed']) expect(warning).not.toContain(id)
})

test('all that is open is told in one warning, without what is handed out, and the lossless model only beside the original', () => {
  const lossless = trial('lossless', 0.6, [0.44, 1.1])
  const trials = [lossless, trial('int8-one', 0.56, [0.3, 1.24]), trial('int8-other', 0.5, [0.2, 1.3])]
  const named = (chosen: string) =>
    warningOf(trials, chosen, lossless)!
      .match(/\S+ \(/g)!
      .map((id) => id.slice(0, -2))
  expect(named('original')).toEqual(['lossless', 'int8-one', 'int8-other'])
  expect(named('int8-one')).toEqual(['int8-other'])
})

test('slower within the error is no disturbance', () => {
  expect(undecided({ base: 'original', other: 'a', median: 0.95, ci: [0.8, 1.1] })).toBe(false)
  expect(undecided({ base: 'original', other: 'a', median: 0.5, ci: [0.3, 1] })).toBe(true)
})

test('an interval that spans far apart says nothing, on whichever side of the original it lies', () => {
  expect(undecided({ base: 'original', other: 'a', median: 4.5, ci: [1.09, 9.25] })).toBe(true)
  expect(undecided({ base: 'original', other: 'a', median: 4.5, ci: [4.3, 4.9] })).toBe(false)
  expect(warningOf([trial('int8-open', 1.4, [0.8, 9.25])])).toContain('int8-open')
  const oneSided = [trial('int8-slow', 4.5, [1.09, 9.25]), trial('int8-fast', 0.5, [0.3, 0.8])]
  expect(warningOf(oneSided)).toBeNull()
})

test('of what is handed out the report says where its speed is known only roughly', () => {
  const rough = (median: number, ci: readonly [number, number]) =>
    roughSpeed({ id: 'int8', ratio: { base: 'original', other: 'int8', median, ci } })
  expect(rough(0.06, [0.03, 0.5])).toContain('the speed of int8 is only known to lie between 2.0× and 33.3×')
  expect(rough(0.4, [0.38, 0.43])).toBeNull()
  // What is not shown to be faster claims no speed.
  expect(rough(0.9, [0.5, 1.1])).toBeNull()
  expect(roughSpeed({ id: 'int8', ratio: null })).toBeNull()
})
