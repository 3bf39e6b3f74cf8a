import { expect, test } from 'vitest'
import { undecided } from '../recipe/index.ts'
import { disturbanceWarning, roughSpeed } from './disturbed.ts'
import type { Trial } from './trial.ts'

const trial = (id: string, median: number, ci: readonly [number, number] | null) =>
  ({ built: { spec: { id } }, result: { ratio: ci && { other: id, median, ci } } }) as unknown as Trial

test('a report names what looked far faster than the timings could show, and nothing else', () => {
  const settled = [
    trial('int8-far', 0.4, [0.38, 0.43]),
    trial('int8-like', 0.97, [0.9, 1.1]),
    trial('int8-untimed', 1, null),
  ]
  expect(disturbanceWarning(settled)).toBeNull()
  const warning = disturbanceWarning([...settled, trial('int8-hidden', 0.56, [0.3, 1.24])])
  expect(warning).toContain("int8-hidden (0.30 to 1.24 of the original's time)")
  for (const id of ['int8-far', 'int8-like', 'int8-untimed']) expect(warning).not.toContain(id)
})

test('slower within the error is no disturbance', () => {
  expect(undecided({ other: 'a', median: 0.95, ci: [0.8, 1.1] } as never)).toBe(false)
  expect(undecided({ other: 'a', median: 0.5, ci: [0.3, 1] } as never)).toBe(true)
})

test('an interval that spans far apart says nothing, on whichever side of the original it lies', () => {
  expect(undecided({ other: 'a', median: 4.5, ci: [1.09, 9.25] } as never)).toBe(true)
  expect(undecided({ other: 'a', median: 4.5, ci: [4.3, 4.9] } as never)).toBe(false)
  expect(disturbanceWarning([trial('int8-open', 1.4, [0.8, 9.25])])).toContain('int8-open')
  const oneSided = [trial('int8-slow', 4.5, [1.09, 9.25]), trial('int8-fast', 0.5, [0.3, 0.8])]
  expect(disturbanceWarning(oneSided)).toBeNull()
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
