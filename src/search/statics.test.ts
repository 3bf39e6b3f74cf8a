import { expect, test } from 'vitest'
import type { CandidateSpec } from '../recipe/index.ts'
import { Budget, TooLong } from './budget.ts'
import { BuildsInTime } from './builds-in-time.ts'
import { Mixtures } from './mixtures.ts'
import type { Pool } from './pool.ts'
import { staged } from './staged-kit.ts'
import { Statics } from './statics.ts'
import type { Trial } from './trial.ts'

const MINUTE = 60_000

const staticsOf = (pool: Pool, budget: Budget) =>
  new Statics(pool, budget, new BuildsInTime(pool, budget), new Mixtures(pool, budget))
const settleIn = (pool: Pool, budget: Budget) => settle(staticsOf(pool, budget))
const settle = async (statics: Statics) => statics.repair(await statics.settle())

/** What candidates are made of, by its operators. */
const modelOf =
  (...operators: readonly string[]) =>
  async () => ({ graph: { nodes: operators.map((opType) => ({ opType })) } })

/** A placement with full ranges. */
const calibrated = (placement: string): CandidateSpec => ({
  id: `${placement}-minmax`,
  words: '',
  scheme: 'static-int8',
  placement,
  calibration: 'minmax',
  pass: { placement: placement === 'int8-everywhere' ? 'everywhere' : 'balanced' },
})

interface Seen {
  /** Odds of a pass, and those of a quieter mixture. */
  readonly pass: number
  readonly quieter: number
  readonly close?: number
  readonly rows?: number
  readonly spentMs?: number
}

/** One placement that is close enough, seen on these rows. */
function searchOf({ pass, quieter, close = 0.98, rows = 9, spentMs = 0 }: Seen) {
  const asked: string[] = []
  const trialOf = (spec: CandidateSpec): Trial =>
    staged<Trial>({
      built: { spec, expectedNoise: 1e-3 },
      result: {},
      comparison: { verdict: 'inconclusive', n: rows, outputs: [] },
    })
  const first = trialOf(calibrated('int8'))
  const isMixture = ({ built: { spec } }: Trial) => spec.noiseBudget !== undefined
  const pool = staged<Pool>({
    trials: [first],
    bench: {
      seen: { openMs: 1, runMs: 0.01 },
      forProducts: modelOf('MatMul'),
      build: async (spec: CandidateSpec) => trialOf(spec).built,
      rows: { calibrate: { indices: Array(100).fill(0) } },
    },
    hopeless: () => false,
    betterAndSafe: () => undefined,
    inOrder: (trials: readonly Trial[]) => trials,
    inOrderOfPromise: (trials: readonly Trial[]) => trials,
    affords: () => true,
    firstRowsSeconds: () => 0,
    affordsJudging: async () => true,
    secure: () => true,
    odds: (trial: Trial) => ({ pass: isMixture(trial) ? quieter : pass, close }),
    judgeFirstRows: async () => {},
    buildAll: async () => [],
    halve: async ([trial]) => trial!,
    build: async (spec: CandidateSpec) => {
      asked.push(`build with noise ${spec.noiseBudget?.toExponential()}`)
      return trialOf(spec)
    },
    climb: async () => void asked.push('judge'),
    time: async () => {
      asked.push('time')
      return null
    },
    note: (_, note) => void asked.push(note),
  })
  let now = 0
  const budget = new Budget(MINUTE, () => now)
  now = spentMs
  return { asked, settle: () => settleIn(pool, budget) }
}

test('what may well fail the proof is insured by a much quieter mixture, where there is plenty of time', async () => {
  const insured = searchOf({ pass: 0.6, quieter: 0.8 })
  await insured.settle()
  expect(insured.asked).toEqual(['build with noise 1e-4', 'judge', 'time'])
  const unsure = searchOf({ pass: 0.6, quieter: 0.6 })
  await unsure.settle()
  expect(unsure.asked).toEqual(['build with noise 1e-4', 'judge', 'not timed: quieter, and yet no surer to pass'])
  const others = [
    { pass: 0.95, quieter: 0.99 },
    // Without labels nothing can pass, and closeness is what counts.
    { pass: 0, quieter: 0 },
    { pass: 0.6, quieter: 0.8, spentMs: 0.6 * MINUTE },
  ]
  for (const other of others) {
    const search = searchOf(other)
    await search.settle()
    expect(search.asked).toEqual([])
  }
})

test('where few rows say that the noise holds, a quieter mixture stands by, however little time is left', async () => {
  const few = searchOf({ pass: 0, quieter: 0, close: 0.9, spentMs: 0.6 * MINUTE })
  await few.settle()
  expect(few.asked).toEqual(['build with noise 5.012e-4', 'judge', 'time'])
  const many = searchOf({ pass: 0, quieter: 0, close: 0.9, rows: 40 })
  await many.settle()
  expect(many.asked).toEqual([])
})

/** Placements by id, the fastest first, with what their outputs keep on the selection rows. */
function searchAmong(
  placements: Readonly<Record<string, number>>,
  secureId?: string,
  spentMs = 0,
  runMs = 0.01,
  rowMs = 0,
) {
  const asked: string[] = []
  const decibelsOf = (spec: CandidateSpec) =>
    Object.entries(placements).find(([id]) => spec.id.startsWith(`${id}-`))?.[1]
  const trialOf = (spec: CandidateSpec): Trial =>
    staged<Trial>({
      built: { spec, planned: {}, expectedNoise: null, model: { graph: { nodes: [] } } },
      result: {},
      comparison: { verdict: 'inconclusive', n: 100, outputs: [{ name: 'y', sqnrDb: decibelsOf(spec) }] },
    })
  const placed = Object.keys(placements).map((id) => trialOf(calibrated(id)))
  const trials = [...placed]
  const secure = ({ built: { spec } }: Trial) => spec.id === secureId
  const build = async (specs: readonly CandidateSpec[]) => {
    asked.push(specs.map(({ id }) => id).join(' '))
    const made = specs.map(trialOf)
    trials.push(...made)
    return made
  }
  const pool = staged<Pool>({
    trials,
    bench: {
      seen: { openMs: 1, runMs },
      forProducts: modelOf('MatMul'),
      build: async (spec: CandidateSpec) => ({ spec, expectedNoise: spentMs === 0 ? null : 0.01 }),
      rows: { calibrate: { indices: Array(100).fill(0) }, select: { indices: Array(100).fill(0) } },
    },
    hopeless: () => false,
    noteNotNeeded: () => {},
    withdrawNote: () => {},
    // Nothing secure is slower than the faster placement.
    betterAndSafe: () => undefined,
    inOrder: (list: readonly Trial[]) => list,
    inOrderOfPromise: (list: readonly Trial[]) => list,
    // A tenth more of the time with each placement.
    figure: ({ built: { spec } }: Trial) => 0.5 * 1.1 ** placed.findIndex(({ built }) => built.spec === spec),
    affords: () => true,
    firstRowsSeconds: (candidates: number) => (candidates * 4 * rowMs) / 1000,
    affordsJudging: async () => true,
    secure,
    odds: () => ({ pass: 0.95, close: 0.98 }),
    judgeFirstRows: async () => {},
    buildAll: build,
    build: async (spec) => (await build([spec]))[0]!,
    halve: async (list) => list.find(secure) ?? list[0]!,
    borrowTiming: () => {},
    climb: async () => {},
    climbAll: async () => {},
    time: async () => null,
    note: () => {},
  })
  let now = 0
  const budget = new Budget(MINUTE, () => now)
  now = spentMs
  return { asked, pool, trials, leftOut: () => budget.leftOut.join('; '), settle: () => settleIn(pool, budget) }
}

test('every placement has its cheap ranges before the repair of one takes the time', async () => {
  const { asked, settle } = searchAmong({ 'int8-products': 20, 'int8-typical': 30 }, 'int8-typical-mse')
  await settle()
  const ranges = (id: string) => ['percentile', 'mse', 'most-rows'].map((method) => `${id}-${method}`).join(' ')
  expect(asked.slice(0, 3)).toEqual([ranges('int8-products'), ranges('int8-typical'), 'int8-products-least-noise'])
  expect(asked.some((ids) => ids.includes('int8-typical-least-noise'))).toBe(false)
})

test('smoothed channels have the time of the same kernels, and one of their own where a residual is multiplied back', async () => {
  for (const [nodes, secure] of [
    [0, true],
    [1, true],
    [1, false],
  ] as const) {
    const id = 'int8-typical-minmax-smooth0.5'
    const { pool, settle } = searchAmong({ 'int8-typical': 20 }, secure ? id : undefined)
    const seen: string[] = []
    const buildAll = pool.buildAll
    const note = (what: string) => (trials: Trial | readonly Trial[]) => {
      if ([trials].flat().some(({ built }) => built.spec.id === id)) seen.push(what)
    }
    Object.assign(pool, {
      buildAll: async (specs: readonly CandidateSpec[]) => {
        const made = await buildAll(specs)
        for (const { built } of made)
          if (built.spec.smooth) Object.assign(built, { model: { graph: { nodes: Array(nodes).fill({}) } } })
        return made
      },
      borrowTiming: note('borrowed'),
      time: async (trials: readonly Trial[]) => note('timed')(trials),
      note: (trial: Trial, text: string) => note(text)(trial),
    })
    await settle()
    expect(seen).toEqual([nodes === 0 ? 'borrowed' : secure ? 'timed' : 'not timed: not close enough'])
  }
})

test('the repair begins with what lacks little, unless the faster one lacks little more', async () => {
  const repairs = async (placements: Readonly<Record<string, number>>) => {
    const { asked, settle } = searchAmong(placements)
    await settle()
    return asked.filter((ids) => ids.endsWith('-least-noise'))
  }
  const [everywhere, typical] = ['int8-everywhere-least-noise', 'int8-typical-least-noise']
  expect(await repairs({ 'int8-everywhere': 12, 'int8-typical': 23 })).toEqual([typical, everywhere])
  expect(await repairs({ 'int8-everywhere': 22, 'int8-typical': 23 })).toEqual([everywhere, typical])
})

test('with less than half of the time left one calibration is enough, and mixtures chosen by time come first', async () => {
  const placements = { 'int8-everywhere': 22, 'int8-typical': 20 }
  const { asked, leftOut, settle } = searchAmong(placements, 'int8-typical-minmax-quiet23.7', 0.6 * MINUTE)
  await settle()
  const [first, ...others] = asked
  expect(first!.split(' ')).toHaveLength(3)
  // Of the second placement the one that was the quietest of the first is there already; then equalised channels, which
  // take little time, and its mixture, not all that might keep it in integers.
  expect(others[0]).toBe('int8-typical-minmax-equal0.5 int8-typical-minmax-equal1')
  expect(others[1]).toMatch(/^int8-typical-minmax-quiet/)
  expect(asked.some((ids) => ids.includes('least-noise'))).toBe(false)
  expect(leftOut()).toContain('ranges of int8-typical-minmax other than minmax')
})

test('where a slow model lacks much, its mixture comes before refinements that might take the time for it', async () => {
  const first = async (decibels: number, runMs: number, rowMs = 1000) => {
    const { asked, leftOut, settle } = searchAmong({ 'int8-typical': decibels }, undefined, 0.6 * MINUTE, runMs, rowMs)
    await settle()
    return { asked: asked[0], leftOut: leftOut() }
  }
  const slow = await first(20, 60)
  expect(slow.asked).toMatch(/^int8-typical-minmax-quiet/)
  expect(slow.leftOut).toContain('other ranges of int8-typical-minmax before float in it')
  expect(slow.leftOut).toContain('equalised channels of int8-typical-minmax before float in it')
  // Equalised channels ask for no more than a few rows, which take next to no time here.
  const looked = await first(20, 60, 60)
  expect(looked.asked).toBe('int8-typical-minmax-equal0.5 int8-typical-minmax-equal1')
  expect(looked.leftOut).toContain('other ranges of')
  expect(looked.leftOut).not.toContain('equalised channels of')
  // What ranges may bring is enough, or the mixture takes little time.
  for (const [decibels, runMs] of [
    [24, 60],
    [20, 10],
  ] as const)
    expect((await first(decibels, runMs)).asked).toMatch(/percentile/)
})

test('in a hurry, equalised channels are tried on one placement, and on others where they made it secure', async () => {
  const placements = { 'int8-everywhere': 22, 'int8-typical': 20 }
  const asked = async (secure: string) => {
    const search = searchAmong(placements, secure, 0.6 * MINUTE)
    await search.settle()
    return search.asked.slice(1).map((ids) => ids.replace(/quiet.*/, 'quiet'))
  }
  const equal = (id: string) => `${id}-minmax-equal0.5 ${id}-minmax-equal1`
  const helped = await asked('int8-typical-minmax-equal1')
  expect(helped.slice(0, 2)).toEqual([equal('int8-typical'), equal('int8-everywhere')])
  const helpless = await asked('int8-everywhere-minmax-equal1')
  expect(helpless[0]).toBe(equal('int8-typical'))
  expect(helpless).not.toContain(equal('int8-everywhere'))
  expect(helpless).toContain('int8-everywhere-minmax-quiet')
})

test('where only noise counts, a mixture without the reserve is timed beside the secure one', async () => {
  const timed: string[] = []
  const decibelsOf = ({ noiseBudget }: CandidateSpec) => (noiseBudget ? -10 * Math.log10(noiseBudget) : 20)
  const trialOf = (spec: CandidateSpec): Trial =>
    staged<Trial>({
      // Mixtures show what is foretold.
      built: { spec, planned: {}, expectedNoise: 10 ** (-decibelsOf(spec) / 10) },
      result: {},
      comparison: { verdict: 'inconclusive', n: 100, outputs: [{ name: 'y', sqnrDb: decibelsOf(spec) }] },
    })
  const { pool, settle } = searchAmong({ 'int8-typical': 20 }, undefined, 0.6 * MINUTE)
  Object.assign(pool, {
    secure: ({ built: { spec } }: Trial) => decibelsOf(spec) >= 27,
    odds: ({ built: { spec } }: Trial) => ({ pass: 0, close: decibelsOf(spec) > 25 ? 0.7 : 0.3 }),
    build: async (spec: CandidateSpec) => trialOf(spec),
    time: async (added: readonly Trial[]) => timed.push(...added.map(({ built }) => built.spec.id)),
  })
  await settle()
  expect(timed).toEqual(['int8-typical-minmax-quiet25.5', 'int8-typical-minmax-quiet27.2'])
})

test('of whole numbers half as many change where roundings are four times as quiet: the first mixture is aimed so', async () => {
  const budgets: number[] = []
  const { pool, settle } = searchAmong({}, undefined, 0.6 * MINUTE)
  const trialOf = (spec: CandidateSpec): Trial => {
    const roundings = spec.noiseBudget ?? 0.01
    const share = Math.sqrt(roundings) / 4
    const output = { name: 'map', sqnrDb: 25 + 20 * Math.log10(0.01 / share), maxAbs: 1, equal: 1 - share }
    return staged<Trial>({
      built: { spec, planned: {}, expectedNoise: roundings },
      result: {},
      comparison: { verdict: 'inconclusive', n: 100, outputs: [output] },
    })
  }
  const whole = trialOf(calibrated('int8-typical'))
  const quiet = ({ comparison }: Trial) => comparison!.outputs[0]!.sqnrDb! >= 27
  Object.assign(pool, {
    trials: [whole],
    bench: { ...pool.bench, build: async (spec: CandidateSpec) => ({ spec, expectedNoise: 0.01 }) },
    secure: quiet,
    odds: () => ({ pass: 0, close: 0.7 }),
    build: async (spec: CandidateSpec) => {
      budgets.push(spec.noiseBudget!)
      return trialOf(spec)
    },
    buildAll: async () => [],
  })
  await settle()
  // 2 dB beyond what close asks for, which is 1 % changed where 2.5 % are; then the one without that reserve.
  const allowed = 0.01 * (0.01 / 0.025) ** 2
  expect(budgets).toEqual([expect.closeTo(0.95 * allowed * 10 ** -0.2, 6), expect.closeTo(allowed * 10 ** -0.05, 6)])
})

test('what a placement by formulas is foretold is of its own integers, not of those that measured costs want', async () => {
  const budgets: number[] = []
  const { pool, settle } = searchAmong({ 'int8-typical': 20 }, undefined, 0.6 * MINUTE)
  Object.assign(pool, {
    bench: {
      ...pool.bench,
      // By measured costs a probability is integer too.
      build: async (spec: CandidateSpec) => ({ spec, expectedNoise: spec.measuredCosts ? 0.6 : 0.01 }),
    },
    build: async ({ noiseBudget }: CandidateSpec) => {
      if (noiseBudget !== undefined) budgets.push(noiseBudget)
      return null
    },
  })
  await settle()
  // It showed as much as is foretold: 0.01, and is aimed just below what is secure.
  expect(budgets).toEqual([expect.closeTo(0.95 * 10 ** -2.7, 6)])
})

test('where nothing is secure, a mixture that there was no time for has what is left when nothing else is to be done', async () => {
  const { pool } = searchAmong({ 'int8-typical': 20 })
  let now = 0
  const budget = new Budget(MINUTE, () => now)
  budget.keepForProof(100, { answering: 0, judging: 0.1 }, 0)
  // Of 60 s five are for the last timing, twenty for two proofs; half of what is left is 12.5.
  now = 10_000
  const built: string[] = []
  const runs: unknown[] = []
  Object.assign(pool, {
    bench: {
      ...pool.bench,
      // Neither all runs fit nor a quarter of them, until nothing else is to be done.
      build: async (spec: CandidateSpec) => {
        runs.push(spec.noiseRuns)
        if (runs.length <= 2) throw new TooLong('roundings', 13, budget.refining)
        return { spec, expectedNoise: 0.01 }
      },
    },
    secure: () => false,
    build: async (spec: CandidateSpec) => {
      if (spec.noiseBudget !== undefined) built.push(spec.id)
      return null
    },
  })
  const statics = staticsOf(pool, budget)
  await settle(statics)
  expect(built).toEqual([])
  expect(runs).toEqual([undefined, 8])
  expect(budget.leftOut.join('; ')).toContain('float where that keeps int8-typical-minmax quiet')
  await statics.lastResort()
  expect(runs.at(-1)).toBe(8)
  expect(built).toEqual(['int8-typical-minmax-quiet27.2'])
  expect(budget.leftOut.join('; ')).not.toContain('float where that keeps')
  expect(budget.leftOut.join('; ')).toContain('what roundings do in more than 8 runs')
})

test('equalised channels that are far quieter, and not quiet enough, are what float is mixed into', async () => {
  const mixed = async (equalised: number) => {
    const { asked, pool, settle } = searchAmong({ 'int8-typical': 12 }, undefined, 0.6 * MINUTE)
    const build = pool.buildAll
    Object.assign(pool, {
      buildAll: async (specs: readonly CandidateSpec[]) => {
        const trials = await build(specs)
        for (const trial of trials.filter(({ built }) => built.spec.id.endsWith('equal1'))) {
          const [output] = trial.comparison!.outputs
          trial.comparison = { ...trial.comparison!, outputs: [{ ...output!, sqnrDb: equalised }] }
        }
        return trials
      },
    })
    await settle()
    return asked.filter((ids) => ids.includes('quiet'))[0]
  }
  expect(await mixed(22)).toMatch(/^int8-typical-minmax-equal1-quiet/)
  // So little is not worth the conversions.
  expect(await mixed(14)).toMatch(/^int8-typical-minmax-quiet/)
})

test('where nothing is secure, the quietest that may well stay close is timed, with the lossless model to fall back on', async () => {
  const timedWhere = async ({ pass = 0, secureId }: { readonly pass?: number; readonly secureId?: string }) => {
    const timed: string[] = []
    const { pool, trials } = searchAmong({ 'int8-typical': 25.8, 'int8-everywhere': 24 }, secureId)
    // Weights alone.
    const stored = { ...pool.trials[0]!, built: { ...pool.trials[0]!.built, spec: { id: 'weight-int8', words: '' } } }
    trials.push(stored)
    for (const trial of pool.trials) trial.result = { ...trial.result, p50Ms: null }
    Object.assign(pool, {
      // Of what was not timed nobody knows whether it gains.
      hopeless: ({ built: { spec } }: Trial) => spec.id !== secureId,
      odds: ({ built: { spec } }: Trial) => ({ pass, close: spec.id.startsWith('int8-typical') ? 0.7 : 0.3 }),
      time: async (added: readonly Trial[]) => timed.push(...added.map(({ built }) => built.spec.id)),
    })
    const budget = new Budget(MINUTE)
    await staticsOf(pool, budget).lastResort()
    return timed
  }
  expect(await timedWhere({})).toEqual(['int8-typical-minmax'])
  // Where another may pass by its answers, what is only close is not handed out.
  expect(await timedWhere({ pass: 0.2 })).toEqual([])
  expect(await timedWhere({ secureId: 'int8-everywhere-minmax' })).toEqual([])
  expect(await timedWhere({ secureId: 'weight-int8' })).toEqual(['int8-typical-minmax'])
})

test('a quieter mixture stands by the best where only its noise speaks for it, unless one is there already', async () => {
  const built = async (decibels: Readonly<Record<string, number>>, secure: readonly string[], pass = 0) => {
    const { asked, pool } = searchAmong(decibels, undefined, 1)
    const isSecure = ({ built: { spec } }: Trial) => secure.includes(spec.id) || spec.noiseBudget !== undefined
    Object.assign(pool, { secure: isSecure, odds: () => ({ pass, close: 0.98 }) })
    const budget = new Budget(MINUTE)
    await staticsOf(pool, budget).lastResort()
    return asked
  }
  const two = { 'int8-typical': 27.5, 'int8-products': 31 }
  // Half of what the roundings of the best are foretold to add up to: three decibels less than 20.
  expect(await built(two, ['int8-typical-minmax'])).toEqual(['int8-typical-minmax-quiet23.0'])
  expect(await built(two, ['int8-typical-minmax', 'int8-products-minmax'])).toEqual([])
  expect(await built(two, ['int8-typical-minmax'], 0.9)).toEqual([])
  expect(await built(two, [])).toEqual([])
})

test.each([
  ['which cannot pass', 0],
  ['which would pass by luck alone', 0.01],
])('what was judged on the way to the best, %s, stands by it once it is timed', async (_, pass) => {
  const { timed, settle, ids } = wayToTheBest(pass, [28.6, 27.3])
  const lastResort = await settle()
  const [quieter, best, brave] = ids()
  expect(timed).toEqual([brave, best])
  await lastResort()
  expect(timed).toEqual([brave, best, quieter])
})

test.each([0, 0.3])(
  'a mixture that lacks a little says nothing against a braver one (odds of a pass %d)',
  async (pass) => {
    const { timed, settle, ids } = wayToTheBest(pass, [26.9, 27.3, 25.8])
    await settle()
    const [, best, brave] = ids()
    expect(timed).toEqual([brave, best])
  },
)

/** A search for a mixture of which each shows this signal over noise, in decibels; all may stay close. */
function wayToTheBest(pass: number, decibels: readonly number[]) {
  const timed: string[] = []
  const { asked, pool, trials: all } = searchAmong({ 'int8-typical': 20 }, undefined, 0.6 * MINUTE)
  const trials: Trial[] = []
  // Whatever comes after these is too loud.
  const shown = [...decibels]
  Object.assign(pool, {
    odds: () => ({ pass, close: 0.98 }),
    secure: ({ comparison }: Trial) => comparison!.outputs[0]!.sqnrDb! > 27,
    hopeless: ({ result }: Trial) => result.p50Ms === null,
    build: async (spec: CandidateSpec) => {
      asked.push(spec.id)
      const trial = staged<Trial>({
        built: { spec, expectedNoise: spec.noiseBudget },
        result: { p50Ms: null },
        comparison: { verdict: 'inconclusive', n: 100, outputs: [{ name: 'y', sqnrDb: shown.shift() ?? 26 }] },
      })
      trials.push(trial)
      all.push(trial)
      return trial
    },
    time: async (added: readonly Trial[]) => {
      for (const trial of added) {
        trial.result = { ...trial.result, p50Ms: 1 }
        timed.push(trial.built.spec.id)
      }
    },
  })
  const budget = new Budget(MINUTE)
  const statics = staticsOf(pool, budget)
  return {
    timed,
    ids: () => trials.map(({ built }) => built.spec.id),
    /** Gives what it does at its end. */
    settle: async () => {
      await settle(statics)
      return () => statics.lastResort()
    },
  }
}

test('where there is no time to time kernels, formulas say which float saves the most time for its noise', async () => {
  const measured = async (openMs: number, costed: boolean) => {
    const seen: unknown[] = []
    const { pool, leftOut, settle } = searchAmong({ 'int8-typical': 20 }, undefined, 0.6 * MINUTE)
    if (costed) Object.assign(pool.trials[0]!.built, { spec: { ...calibrated('int8-typical'), measuredCosts: true } })
    Object.assign(pool, {
      bench: { ...pool.bench, seen: { openMs, runMs: 0.01 } },
      build: async (spec: CandidateSpec) => {
        if (spec.noiseBudget !== undefined) seen.push(spec.measuredCosts)
        return null
      },
    })
    await settle()
    // What is done otherwise for want of time is told.
    expect(leftOut().includes('mixtures by what kernels take here')).toBe(seen.includes(false))
    return [...new Set(seen)]
  }
  expect(await measured(1, false)).toEqual([true])
  expect(await measured(5000, false)).toEqual([false])
  // What was timed once is known.
  expect(await measured(5000, true)).toEqual([true])
})

test('channels are smoothed where products read them, and not again where it came to nothing', async () => {
  const smoothed = async (operators: readonly string[], nothing: boolean) => {
    const { asked, pool, settle } = searchAmong({ 'int8-everywhere': 22, 'int8-typical': 20 })
    const build = pool.buildAll
    Object.assign(pool, {
      bench: { ...pool.bench, forProducts: modelOf(...operators) },
      buildAll: async (specs: readonly CandidateSpec[]) => {
        const trials = await build(specs)
        if (!nothing || !specs[0]!.id.includes('smooth')) return trials
        const whole = pool.trials.find(({ built }) => specs[0]!.id.startsWith(built.spec.id))!
        whole.result = { ...whole.result, alsoMadeAs: [specs[0]!.id] }
        return []
      },
    })
    await settle()
    return asked.filter((ids) => ids.includes('smooth'))
  }
  const both = ['int8-everywhere-minmax-smooth0.5', 'int8-typical-minmax-smooth0.5']
  expect(await smoothed(['Conv', 'Gemm'], false)).toEqual(both)
  expect(await smoothed(['Conv', 'Gemm'], true)).toEqual(both.slice(0, 1))
  expect(await smoothed(['Conv'], false)).toEqual([])
})

test('where nobody knows what roundings do, no mixture is tried, which is said once', async () => {
  const warnings: string[] = []
  const { asked, pool, settle } = searchAmong({ 'int8-everywhere': 22, 'int8-typical': 20 })
  Object.assign(pool, {
    warnings,
    bench: { ...pool.bench, build: async (spec: CandidateSpec) => ({ spec, expectedNoise: 0 }) },
  })
  await settle()
  expect(asked.filter((ids) => ids.includes('quiet'))).toEqual([])
  expect(warnings).toEqual([expect.stringContaining('no mixture of float and integers was tried')])
})
