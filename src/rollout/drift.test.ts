import { describe, expect, test } from 'vitest'
import { randomSource } from '../statistics/index.ts'
import { type DriftState, driftReport, type Glance, glance, startDrift } from './index.ts'

const settings = { reference: 400, window: 200, alpha: 0.01 }

/** Requests of a seed: one number, one category, one confidence; `moved` changes what a test wants to see. */
function feed(state: DriftState, seed: number, count: number, moved: (seen: Glance) => Glance = (seen) => seen) {
  const random = randomSource(seed)
  let next = state
  for (let i = 0; i < count; i++) {
    const [a, b, c] = [random.uniform(), random.uniform(), random.uniform()]
    next = glance(
      next,
      moved({ numbers: { 'x mean': a }, categories: { y: b < 0.7 ? 'cat' : 'dog' }, confidence: 0.8 + 0.2 * c }),
    )
  }
  return next
}
const usual = feed(startDrift(settings), 1, 400)
const stateOf = (state: DriftState) => driftReport('m', '1', state).state
const drifted = (state: DriftState) => state.features.filter((feature) => feature.drifted).map(({ name }) => name)

test('learning, then usual; nothing of any request is in the report', () => {
  expect(stateOf(usual)).toBe('learning')
  const looked = feed(usual, 2, 200)
  expect([stateOf(looked), looked.looks, looked.window.length]).toEqual(['usual', 1, 0])
  expect(looked.estimate!.before).toBeCloseTo(0.9, 1)
  expect(looked.outside).toBeLessThan(0.05)
})

test('the level of a look is shared by all tests: two of a number, one of a category and one of vectors', () => {
  const levels = (state: DriftState) => state.features.map(({ level }) => level)
  // The first of looks 1, 2, … whose levels sum to α has 6 / π² of it, the second a quarter of that.
  const first = (settings.alpha * 6) / Math.PI ** 2
  const looked = feed(usual, 2, 200)
  expect(levels(looked)).toEqual(Array(2).fill(expect.closeTo(first / 3, 12)))
  expect(levels(feed(looked, 3, 200))).toEqual(Array(2).fill(expect.closeTo(first / 12, 12)))
  const withVector = (seen: Glance): Glance => ({
    ...seen,
    vectors: { e: [seen.numbers['x mean']!, seen.confidence!] },
  })
  const known = feed(startDrift(settings), 1, 400, withVector)
  expect(levels(feed(known, 2, 200, withVector))).toEqual(Array(3).fill(expect.closeTo(first / 4, 12)))
})

test('how far categories moved is the share that would have to change', () => {
  const every = (of: number) => {
    let place = 0
    return (seen: Glance): Glance => ({ ...seen, categories: { y: place++ % of === 0 ? 'dog' : 'cat' } })
  }
  // Half were dogs, a quarter are.
  const moved = feed(feed(startDrift(settings), 1, 400, every(2)), 2, 200, every(4))
  expect(moved.features[1]!.distance).toBeCloseTo(0.25, 12)
})

test('below all that was seen is beyond it as above, in any number; without probabilities there is no estimate', () => {
  const two = (low: (i: number) => number) => {
    let place = 0
    return (seen: Glance): Glance => ({ ...seen, numbers: { ...seen.numbers, z: low(place++) } })
  }
  const known = feed(
    startDrift(settings),
    1,
    400,
    two((i) => i % 10),
  )
  const below = feed(
    known,
    1,
    200,
    two((i) => (i % 2 ? -1 : 5)),
  )
  expect(below.outside).toBeCloseTo(0.5, 12)
  const silent = (some: number) => {
    let place = 0
    return (seen: Glance): Glance => (place++ % 100 < some ? seen : { ...seen, confidence: null })
  }
  // Half of the answers are enough for a mean.
  expect(feed(usual, 2, 200, silent(50)).estimate).not.toBeNull()
  expect(feed(usual, 2, 200, silent(49)).estimate).toBeNull()
  expect(feed(feed(startDrift(settings), 1, 400, silent(0)), 2, 200).estimate).toBeNull()
})

test('twenty windows of the same, for twenty monitors: alarms at most as often as α says', () => {
  let alarms = 0
  for (let monitor = 0; monitor < 20; monitor++) {
    let state = feed(startDrift(settings), 1000 * monitor + 7, 400)
    for (let window = 0; window < 20; window++) {
      state = feed(state, 1000 * monitor + 100 + window, 200)
      if (drifted(state).length > 0) alarms++
    }
  }
  expect(alarms).toBeLessThanOrEqual(1)
})

test('each kind of change is seen, and named', () => {
  const shifted = feed(usual, 3, 200, (seen) => ({ ...seen, numbers: { 'x mean': seen.numbers['x mean']! + 0.3 } }))
  expect(drifted(shifted)).toEqual(['x mean'])
  expect(shifted.features[0]!.distance).toBeGreaterThan(0.9)
  expect(shifted.outside).toBeGreaterThan(0.2)

  const other = feed(usual, 4, 200, (seen) => ({ ...seen, categories: { y: 'bird' } }))
  expect(drifted(other)).toEqual(['y'])
  expect(other.features[1]!.distance).toBeCloseTo(1, 9)

  const unsure = feed(usual, 5, 200, (seen) => ({ ...seen, confidence: seen.confidence! - 0.3 }))
  expect(unsure.estimate!.before - unsure.estimate!.now).toBeCloseTo(0.3, 1)
  // Back to what is usual.
  expect(stateOf(feed(shifted, 6, 200))).toBe('usual')
})

test('embeddings that go together in another way are a change, though each number is as it was', () => {
  const vectorsOf = (tied: boolean) => {
    let place = 0
    return (seen: Glance): Glance => {
      const [a, b] = [seen.numbers['x mean']!, seen.confidence! * 5 - 4]
      const vector = [a, tied ? a : b, (place++ % 7) / 7]
      return { ...seen, vectors: { e: vector } }
    }
  }
  const known = feed(startDrift(settings), 11, 400, vectorsOf(false))
  expect(drifted(feed(known, 12, 200, vectorsOf(false)))).toEqual([])
  const changed = feed(known, 13, 200, vectorsOf(true))
  expect(drifted(changed)).toEqual(['e'])
  expect(changed.features.find(({ name }) => name === 'e')!.kind).toBe('vector')
})

test.each([
  ['a thousand classes', (draw: number) => `class ${Math.floor(1000 * draw)}`],
  ['texts that never come twice', (draw: number) => `text ${draw}`],
])('%s: the same is no drift, one class alone is', (_, choose) => {
  const choice = (seen: Glance): Glance => ({ ...seen, categories: { y: choose(seen.numbers['x mean']!) } })
  const known = feed(startDrift(settings), 14, 400, choice)
  expect(drifted(feed(known, 15, 200, choice))).toEqual([])
  expect(drifted(feed(known, 16, 200, (seen) => ({ ...seen, categories: { y: 'class 7' } })))).toEqual(['y'])
})

test('numbers that are none are a change, and no error', () => {
  const broken = feed(usual, 7, 200, (seen) => ({ ...seen, numbers: { 'x mean': Number.NaN } }))
  expect([broken.outside, stateOf(broken)]).toEqual([1, 'drifted'])
})

test('where numbers were missing before, missing ones are nothing beyond; numbers beyond are, and answers without a probability have no part in the mean', () => {
  const holes = (every: number) => {
    let place = 0
    return (seen: Glance): Glance =>
      place++ % every === 0 ? { ...seen, numbers: { 'x mean': Number.NaN }, confidence: Number.NaN } : seen
  }
  const known = feed(startDrift(settings), 17, 400, holes(5))
  const same = feed(known, 18, 200, holes(5))
  expect([stateOf(same), same.outside! < 0.05]).toEqual(['usual', true])
  expect(same.estimate!.now).toBeCloseTo(0.9, 1)
  const far = feed(known, 19, 200, (seen) => ({ ...seen, numbers: { 'x mean': 7 } }))
  expect(far.outside).toBe(1)
  // Never a number: any number is.
  const none = feed(startDrift(settings), 20, 400, holes(1))
  expect(feed(none, 33, 200, holes(1)).outside).toBe(0)
  expect(feed(none, 34, 200).outside).toBe(1)
})

describe('requests that ask for some outputs alone', () => {
  const without = (seen: Glance): Glance => ({ ...seen, categories: {}, numbers: {} })
  /** Of `every` requests the first asks for nothing that is watched. */
  const sparse = (every: number, moved: (seen: Glance) => Glance = (seen) => seen) => {
    let place = 0
    return (seen: Glance) => (place++ % every === 0 ? without(seen) : moved(seen))
  }
  const up = (seen: Glance): Glance => ({ ...seen, numbers: { 'x mean': seen.numbers['x mean']! + 0.3 } })

  test('what the first request did not ask for is watched all the same', () => {
    const known = feed(startDrift(settings), 21, 400, sparse(400))
    const same = feed(known, 22, 200)
    expect(same.features.map(({ name, drifted }) => [name, drifted])).toEqual([
      ['x mean', false],
      ['y', false],
    ])
    expect(drifted(feed(known, 23, 200, up))).toEqual(['x mean'])
  })

  test('asking for it more or less often is no drift, and nothing beyond; what it says then is', () => {
    const known = feed(startDrift(settings), 24, 400, sparse(2))
    const often = feed(known, 25, 200, sparse(3))
    expect([drifted(often), often.outside! < 0.05]).toEqual([[], true])
    expect(drifted(feed(known, 26, 200, sparse(2, up)))).toEqual(['x mean'])
    expect(
      drifted(
        feed(
          known,
          27,
          200,
          sparse(2, (seen) => ({ ...seen, categories: { y: 'bird' } })),
        ),
      ),
    ).toEqual(['y'])
  })

  test('a few values say nothing, in the reference or since', () => {
    const rare = (seen: Glance, i: number) => (i % 20 === 0 ? seen : without(seen))
    const numbered = (moved: (seen: Glance, i: number) => Glance) => {
      let place = 0
      return (seen: Glance) => moved(seen, place++)
    }
    const few = feed(startDrift(settings), 28, 400, numbered(rare))
    const states = [
      feed(few, 29, 200, up),
      feed(
        usual,
        30,
        200,
        numbered((seen, i) => rare(up(seen), i)),
      ),
      feed(usual, 31, 200, without),
    ]
    for (const state of states)
      expect(state.features.map(({ distance, p }) => [distance, p])).toEqual([
        [null, 1],
        [null, 1],
      ])
    expect(states.map(drifted)).toEqual([[], [], []])
    expect(states.map(({ outside }) => outside)).toEqual([null, expect.any(Number), 0])
  })
})

test('of a number that was always the same there is no distance, and another one is a change', () => {
  const always = (value: number) => (seen: Glance) => ({ ...seen, numbers: { 'x mean': value } })
  const known = feed(startDrift(settings), 1, 400, always(3))
  expect(feed(known, 2, 200, always(3)).features[0]).toMatchObject({ distance: null, drifted: false })
  expect(feed(known, 2, 200, always(4)).features[0]).toMatchObject({ distance: null, drifted: true })
})
