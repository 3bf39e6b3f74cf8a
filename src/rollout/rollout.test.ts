import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eProcess, randomSource } from '../statistics/index.ts'
import {
  DEFAULT_ROLLOUT,
  evidenceOf,
  inShare,
  learnLatency,
  noLatencies,
  observe,
  observeLabel,
  type Pair,
  reasonOf,
  simulate,
  startState,
  stop,
} from './index.ts'

const WATCH = { ...DEFAULT_ROLLOUT, promote: false }
const BAD = { baseOnly: 0.05, candidateOnly: 0 }
const EQUAL = { baseOnly: 0.02, candidateOnly: 0.02 }
const same: Pair = { disagreement: 0, baseFailed: false, candidateFailed: false, baseMs: null, candidateMs: null }
const seeds = (count: number) => Array.from({ length: count }, (_, seed) => seed + 1)
const rolledBack = (runs: readonly { readonly state: string }[]) =>
  runs.filter(({ state }) => state === 'rolled-back').length

describe('made-up rollouts, looked at after every pair', () => {
  test.each([true, false])('5 % wrong answers are rolled back within 1,000 pairs (labels: %s)', (labelled) => {
    const runs = seeds(100).map((seed) => simulate(BAD, WATCH, { seed, pairs: 1000, labelled }))
    expect(rolledBack(runs)).toBeGreaterThanOrEqual(95)
    expect(new Set(runs.map(({ alarm }) => alarm))).toContain(labelled ? 'loss' : 'disagreement')
  })

  test('different versions of equal quality stay, 20,000 pairs long', () => {
    const runs = seeds(100).map((seed) => simulate(EQUAL, WATCH, { seed, pairs: 20_000, labelled: true }))
    expect(rolledBack(runs)).toBeLessThanOrEqual(2)
  }, 60_000)

  test('an equal version is proven and goes live; a worse one never by a proof', () => {
    const equal = seeds(20).map((seed) => simulate(EQUAL, DEFAULT_ROLLOUT, { seed, pairs: 20_000, labelled: true }))
    expect(equal.filter(({ state }) => state === 'promoted').length).toBeGreaterThanOrEqual(18)
    const worse = seeds(20).map((seed) =>
      simulate({ baseOnly: 0.03, candidateOnly: 0.01 }, DEFAULT_ROLLOUT, { seed, pairs: 20_000, labelled: true }),
    )
    expect(worse.filter(({ state }) => state === 'promoted').length).toBeLessThanOrEqual(1)
    expect(rolledBack(worse)).toBeGreaterThanOrEqual(18)
  }, 60_000)

  test('a loss just at the margin is not proven harmless more often than α', () => {
    const runs = seeds(100).map((seed) =>
      simulate(
        { baseOnly: 0.03, candidateOnly: 0.02 },
        { ...DEFAULT_ROLLOUT, alpha: 0.01 },
        { seed, pairs: 3000, labelled: true },
      ),
    )
    expect(runs.filter(({ state }) => state === 'promoted').length).toBeLessThanOrEqual(4)
  }, 60_000)
})

describe('the state', () => {
  test('without labels, answers that rarely change prove that little can have been lost', () => {
    let state = startState(DEFAULT_ROLLOUT)
    for (let i = 0; i < 2000; i++) state = observe(state, same)
    expect(state).toMatchObject({ state: 'promoted', verdict: 'pass' })
    expect(reasonOf(state)).toContain('nearly equal answers')
    expect(observe(state, same)).toBe(state)
  })

  test('the evidence on labels is the e-process over all of them', () => {
    const differences = [1, 0, -1, 1, 1, 0, 0, -1, 0.5]
    const state = differences.reduce(observeLabel, startState(WATCH))
    expect(evidenceOf(state).alarms.loss).toBeCloseTo(eProcess({ differences, bound: 1 }), 9)
    expect(state.discordant).toEqual({ baseOnly: 4, candidateOnly: 2 })
  })

  test('where labels come or are promised, changed answers alone end nothing', () => {
    const changed = { ...same, disagreement: 1 }
    const many = (labels: boolean, labelled: boolean) => {
      let state = startState({ ...WATCH, labels })
      for (let i = 0; i < 50; i++) {
        if (labelled) state = observeLabel(state, 0)
        state = observe(state, changed)
      }
      return state
    }
    expect(many(false, false)).toMatchObject({ state: 'rolled-back', alarm: 'disagreement' })
    expect(many(true, false).state).toBe('running')
    expect(many(false, true).state).toBe('running')
    expect(evidenceOf(many(true, false)).alarms.disagreement).toBeGreaterThan(100)
  })

  test('a candidate that fails is rolled back by its errors; one that fails with the baseline is not', () => {
    let state = startState({ ...WATCH, labels: true })
    for (let i = 0; i < 30; i++) state = observe(state, { ...same, candidateFailed: true })
    expect(state).toMatchObject({ state: 'rolled-back', alarm: 'errors' })
    expect(reasonOf(state)).toMatch(/failed \d+ of \d+ requests, the baseline 0/)
    let both = startState(WATCH)
    for (let i = 0; i < 300; i++) both = observe(both, { ...same, candidateFailed: true, baseFailed: true })
    expect(both).toMatchObject({ state: 'running', failures: { base: 300, candidate: 300 } })
  })

  test('latency: a candidate three times as slow is rolled back, an equal one in noise is not', () => {
    const run = (slowdown: number, seed: number, busyFrom = Number.POSITIVE_INFINITY) => {
      const random = randomSource(seed)
      const draw = () => -Math.log(1 - random.uniform())
      let state = startState(WATCH)
      for (let i = 0; i < 3000; i++) {
        const busy = i > busyFrom ? 10 : 1
        state = observe(state, { ...same, baseMs: busy * (1 + draw()), candidateMs: busy * slowdown * (1 + draw()) })
      }
      return state
    }
    expect(seeds(10).map((seed) => run(3, seed).alarm)).toEqual(Array(10).fill('latency'))
    expect(rolledBack(seeds(20).map((seed) => run(1, seed)))).toBe(0)
    // A machine that gets busy slows both.
    expect(rolledBack(seeds(20).map((seed) => run(1, seed, 300)))).toBe(0)
  })

  test('what is slow is learnt from a full block: so many times the upper end of its 95th percentile', () => {
    let guard = noLatencies
    for (let i = 0; i < 255; i++) guard = learnLatency(guard, ((i * 37) % 256) + 1, 1.5)
    expect(guard.limitMs).toBeNull()
    // Of 256 the binomial of 0.95 reaches 0.995 at 251 (0.99633 against 0.98928 at 250): the 252nd.
    guard = learnLatency(guard, ((255 * 37) % 256) + 1, 1.5)
    expect(guard).toEqual({ block: [], limitMs: 1.5 * 252 })
    // It holds until the next block is full.
    expect(learnLatency(guard, 9, 1.5)).toEqual({ block: [9], limitMs: 1.5 * 252 })
  })

  test('stopping by hand; an ended rollout stays as it is', () => {
    const ended = stop(observe(startState(WATCH), same))
    expect([ended.state, ended.verdict, reasonOf(ended)]).toEqual([
      'stopped',
      'inconclusive',
      'stopped by hand after 1 pairs',
    ])
    expect([stop(ended), observe(ended, same), observeLabel(ended, 1)]).toEqual([ended, ended, ended])
  })

  test('it survives a trip through JSON', () => {
    const state = simulate(EQUAL, WATCH, { seed: 1, pairs: 200, labelled: true })
    expect(JSON.parse(JSON.stringify(state))).toEqual(state)
  })
})

test('a share of keys is sticky, grows without letting go, and is as large as it says', () => {
  const keys = Array.from({ length: 10_000 }, (_, i) => `user-${i}`)
  const taken = keys.filter((key) => inShare(key, 'r1', 0.1))
  expect(Math.abs(taken.length - 1000)).toBeLessThan(120)
  expect(taken.every((key) => inShare(key, 'r1', 0.1) && inShare(key, 'r1', 0.3))).toBe(true)
  expect(taken.filter((key) => inShare(key, 'r2', 0.1)).length).toBeLessThan(200)
  fc.assert(fc.property(fc.string(), (key) => inShare(key, 's', 1) && !inShare(key, 's', 0)))
})
