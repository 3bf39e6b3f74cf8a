import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RolloutReport } from '../report/index.ts'
import { eProcess, randomSource } from '../statistics/index.ts'
import {
  DEFAULT_ROLLOUT,
  evidenceOf,
  incidentOf,
  inShare,
  learnLatency,
  noLatencies,
  observe,
  observeLabel,
  type Pair,
  type RolloutState,
  reasonOf,
  simulate,
  startState,
  stop,
  type Versions,
} from './index.ts'

const WATCH = { ...DEFAULT_ROLLOUT, promote: false }
const BAD = { baseOnly: 0.05, candidateOnly: 0 }
const EQUAL = { baseOnly: 0.2, candidateOnly: 0.2 }
const same: Pair = { disagreement: 0, baseFailed: false, candidateFailed: false, baseMs: null, candidateMs: null }
const seeds = (count: number) => Array.from({ length: count }, (_, seed) => seed + 1)
/** The mean over the bets λ = 1/32 … 31/32 of what each has made. */
const bets = (made: (share: number) => number) =>
  Array.from({ length: 31 }, (_, i) => made((i + 1) / 32)).reduce((sum, value) => sum + value, 0) / 31
const rolledBack = (runs: readonly { readonly state: string }[]) =>
  runs.filter(({ state }) => state === 'rolled-back').length

describe('made-up rollouts, looked at after every pair', () => {
  test.each([true, false])('5 % wrong answers are rolled back within 1,000 pairs (labels: %s)', (labelled) => {
    const runs = seeds(100).map((seed) => simulate(BAD, WATCH, { seed, pairs: 1000, labelled }))
    expect(rolledBack(runs)).toBeGreaterThanOrEqual(95)
    expect(new Set(runs.map(({ alarm }) => alarm))).toContain(labelled ? 'loss' : 'disagreement')
  })

  test('different versions of equal quality stay, 800 differences long', () => {
    // Pairs that agree do not move the evidence of a loss: 800 that all differ say as much as 20,000 of which 4 % do.
    const torn = { baseOnly: 0.5, candidateOnly: 0.5 }
    const runs = seeds(100).map((seed) => simulate(torn, WATCH, { seed, pairs: 800, labelled: true }))
    expect(rolledBack(runs)).toBeLessThanOrEqual(2)
  })

  test('an equal version is proven and goes live; a worse one never by a proof', () => {
    const run = (versions: Versions) => (seed: number) =>
      simulate(versions, { ...DEFAULT_ROLLOUT, margin: 0.1 }, { seed, pairs: 2000, labelled: true })
    const equal = seeds(20).map(run(EQUAL))
    expect(equal.filter(({ state }) => state === 'promoted').length).toBeGreaterThanOrEqual(18)
    const worse = seeds(20).map(run({ baseOnly: 0.3, candidateOnly: 0.1 }))
    expect(worse.filter(({ state }) => state === 'promoted').length).toBeLessThanOrEqual(1)
    expect(rolledBack(worse)).toBeGreaterThanOrEqual(18)
  })

  test('a loss just at the margin is not proven harmless more often than α', () => {
    const runs = seeds(100).map((seed) =>
      simulate(
        { baseOnly: 0.3, candidateOnly: 0.2 },
        { ...DEFAULT_ROLLOUT, margin: 0.1, alpha: 0.01 },
        { seed, pairs: 300, labelled: true },
      ),
    )
    expect(runs.filter(({ state }) => state === 'promoted').length).toBeLessThanOrEqual(4)
  })
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

  test('an alarm is reached when the mean of all bets is, not the luckiest of them', () => {
    // Every bet λ = k/32 on a loss that comes each time has made (1 + λ)ⁿ of 1.
    const wealth = (n: number) => bets((share) => (1 + share) ** n)
    const first = seeds(20).find((n) => wealth(n) >= 100)!
    let state = startState(WATCH)
    while (state.state === 'running') state = observeLabel(state, 1)
    expect(state).toMatchObject({ state: 'rolled-back', alarm: 'loss', verdict: 'regressed', labelled: first })
    expect(evidenceOf(state).eValue).toBeCloseTo(wealth(first), 6)
    expect(evidenceOf(state).proofs.loss).toBeCloseTo(
      bets((share) => (1 + (share * (0.01 - 1)) / 1.01) ** first),
      9,
    )
  })

  test('while it runs, the evidence is that of the alarm that is nearest', () => {
    const state = [1, 1, 1].reduce(observeLabel, observe(startState(WATCH), same))
    expect(evidenceOf(state).eValue).toBeCloseTo(
      bets((share) => (1 + share) ** 3),
      9,
    )
  })

  test('the path holds 1, 2, 5, 10 … pairs and where a proof comes; later pairs may take it back', () => {
    const wealth = (n: number) => bets((share) => (1 + share * 0.01) ** n)
    const first = seeds(2000).find((n) => wealth(n) >= 100)!
    let state = startState(WATCH)
    for (let i = 0; i < 1100; i++) state = observe(state, same)
    expect(state).toMatchObject({ state: 'running', verdict: 'pass', pairs: 1100, labelled: 0, disagreements: 0 })
    const { path, proofs } = evidenceOf(state)
    expect(path.map(({ pairs }) => pairs)).toEqual([1, 2, 5, 10, 20, 50, 100, 200, 500, first, 1000])
    expect(path.find(({ pairs }) => pairs === first)!.proof).toBeCloseTo(wealth(first), 6)
    expect(proofs.loss).toBe(1)
    expect(reasonOf(state)).toBe('not worse by more than 0.01: proven by 1,100 pairs of nearly equal answers')
    // Five changed answers cost each bet (1 − 0.99 λ)⁵, and labels would come.
    state = { ...state, settings: { ...WATCH, labels: true } }
    for (let i = 0; i < 5; i++) state = observe(state, { ...same, disagreement: 1 })
    expect(state).toMatchObject({ state: 'running', verdict: 'inconclusive', disagreements: 5 })
    expect(reasonOf(state)).toBe('1,105 pairs, 0 of them with a label: nothing is decided yet')
  })

  test('what is counted: shares of changed rows, a failure of the candidate as one, none where the baseline failed', () => {
    const pairs = [
      { ...same, disagreement: 0.5 },
      { ...same, disagreement: 0.25, candidateFailed: true },
      { ...same, disagreement: 1, baseFailed: true },
    ]
    const state = [0, 1, 0, -1].reduce(observeLabel, pairs.reduce(observe, startState(WATCH)))
    expect(state).toMatchObject({
      pairs: 3,
      labelled: 4,
      disagreements: 1.5,
      failures: { base: 1, candidate: 1 },
      discordant: { baseOnly: 1, candidateOnly: 1 },
    })
    // Labels come when they come: the path is one of pairs.
    expect(state.path.map(({ pairs }) => pairs)).toEqual([1, 2])
    expect(reasonOf(startState(WATCH))).toBe('no request was answered by both yet')
  })

  test('changed answers decide as soon as most pairs have no label', () => {
    let state = startState(WATCH)
    for (let i = 0; i < 30; i++) state = observeLabel(state, 0)
    for (let i = 0; i < 100; i++) state = observe(state, { ...same, disagreement: 1 / 3 })
    expect(state).toMatchObject({ state: 'rolled-back', alarm: 'disagreement', pairs: 61 })
    expect(reasonOf(state)).toBe('33 % of the answers changed, more than the 2 % allowed without labels')
  })

  test('labels prove that little is lost, in so many labels', () => {
    let state = startState(DEFAULT_ROLLOUT)
    while (state.state === 'running') state = observeLabel(state, 0)
    expect(state).toMatchObject({ state: 'promoted', verdict: 'pass', pairs: 0 })
    expect(reasonOf(state)).toBe(`not worse by more than 0.01: proven by ${state.labelled} labels`)
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
      for (let i = 0; i < 1000; i++) {
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

  test('latencies are compared where both are known and something is known to be slow', () => {
    const times = (baseMs: number | null, candidateMs: number | null) => ({ ...same, baseMs, candidateMs })
    const unmoved = (state: RolloutState) => expect(evidenceOf(state).alarms.latency).toBe(1)
    let state = observe(startState(WATCH), times(1, 1000))
    unmoved(state)
    for (let i = 1; i < 256; i++) state = observe(state, times(((i * 37) % 256) + 1, null))
    const learnt = state
    for (let i = 0; i < 20; i++) state = observe(observe(state, times(null, 1000)), times(1000, null))
    unmoved(state)
    expect(state.latency.block).toEqual(Array(20).fill(1000))
    for (let i = 0; i < 20; i++) state = observe(state, times(1, 1000))
    const slow = seeds(20).find((n) => bets((share) => (1 + (share * 0.95) / 1.05) ** n) >= 100)!
    expect(state).toMatchObject({ state: 'rolled-back', alarm: 'latency', pairs: 256 + 40 + slow })
    expect(reasonOf(state)).toBe(
      "the candidate took longer than 378.0 ms (1.5 times the baseline's 95th percentile) more often than the baseline, in over 5 % of the pairs",
    )
    // Where nobody asks for a speed, slow answers end nothing.
    state = { ...learnt, settings: { ...WATCH, maxSlowdown: null } }
    for (let i = 0; i < 20; i++) state = observe(state, times(1, 1000))
    expect(state).toMatchObject({ state: 'running', latency: learnt.latency })
    unmoved(state)
  })

  test('stopping by hand; an ended rollout stays as it is', () => {
    const ended = stop(observe(startState(WATCH), same))
    expect([ended.state, ended.verdict, reasonOf(ended)]).toEqual([
      'stopped',
      'inconclusive',
      'stopped by hand after 1 pair',
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

test('whoever was in a share stays in it over versions: FNV-1a and the last step of MurmurHash3, reckoned elsewhere', () => {
  const places = [
    ['user-1', 'r1', 0.46057],
    ['user-2', 'r1', 0.90389],
    ['user-1', 'r2', 0.80256],
    ['', 'r1', 0.43046],
  ] as const
  for (const [key, salt, place] of places)
    expect([inShare(key, salt, place - 1e-5), inShare(key, salt, place + 1e-5)]).toEqual([false, true])
})

describe('what is written down of an alarm', () => {
  const report = (alarm: RolloutReport['alarm']) =>
    ({
      ...{ name: 'm', id: 'r1', alarm, reason: 'why', settings: DEFAULT_ROLLOUT, eValue: 120, pairs: 40 },
      ...{ base: { version: 'v1' }, candidate: { version: 'v2' } },
    }) as unknown as RolloutReport
  const incident = (alarm: RolloutReport['alarm'], served: Record<string, number>) =>
    incidentOf(report(alarm), { id: 'i7', at: 'now', drill: false, comparison: 'whet compare …', inputs: [], served })

  test('says what happened, whom it reached, and what to do first', () => {
    const { runbook, what, rollout } = incident('errors', { v1: 900, v2: 3 })
    expect([what, rollout]).toEqual(['m: v2 was rolled back, v1 answers: why', 'r1'])
    expect(runbook[1]).toMatch(/^3 answers of the candidate went out/)
    expect(runbook[2]).toMatch(/^Read the log of the server/)
    expect(runbook.slice(3)).toEqual(['whet compare …', 'whet incident ack i7 --note "what was found"'])
    for (const served of [{}, { v1: 900, v2: 0 }])
      expect(incident('loss', served).runbook[1]).toBe('Nobody was given an answer of the candidate.')
  })

  test('is nothing without one', () => expect(() => incident(null, {})).toThrow(/^internal: /))
})
