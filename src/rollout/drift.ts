import type { DriftReport } from '../report/index.ts'
import {
  chiSquareHomogeneity,
  kernelTwoSample,
  kolmogorovSmirnov,
  levelOfLook,
  mean,
  squaredDeviations,
  wasserstein,
} from '../statistics/index.ts'

/** What is kept of one request: a few numbers, nothing of which an input could be made again. */
export interface Glance {
  /** Mean and spread of each numeric input, confidence of the answer, and the like, by name. */
  readonly numbers: Readonly<Record<string, number>>
  /** Answers as categories, by the name of the output. */
  readonly categories: Readonly<Record<string, string>>
  /** A few projections of each large tensor, by name; not there in what older versions kept. */
  readonly vectors?: Readonly<Record<string, readonly number[]>>
  /** Probability that the model itself gives its answer; null where its outputs are no probabilities. */
  readonly confidence: number | null
}

export interface DriftSettings {
  /** Requests that say what is usual. */
  readonly reference: number
  /** Requests that are held against them, each batch of this size once. */
  readonly window: number
  /** Chance that any look at any feature ever raises a false alarm. */
  readonly alpha: number
}

export const DEFAULT_DRIFT: DriftSettings = { reference: 1000, window: 500, alpha: 0.01 }

/** What a monitor knows: plain data, so that it can be kept with the version. */
export interface DriftState {
  readonly settings: DriftSettings
  readonly reference: readonly Glance[]
  readonly window: readonly Glance[]
  readonly looks: number
  readonly features: DriftReport['features']
  readonly estimate: DriftReport['estimate']
  readonly outside: DriftReport['outside']
}

export const startDrift = (settings: DriftSettings): DriftState => ({
  settings,
  reference: [],
  window: [],
  looks: 0,
  features: [],
  estimate: null,
  outside: null,
})

/** Fewer vectors than these are not held against one another. */
const LEAST_VECTORS = 50
/** Nor are fewer numbers or categories: the tests' approximations hold for many, and few have no usual range. */
const LEAST_VALUES = 50
const enough = (values: readonly unknown[], { reference, window }: DriftSettings): boolean =>
  values.length >= Math.min(LEAST_VALUES, reference, window)

/**
 * The state after one more request: the first ones are the reference, then each full window is held against it once.
 * Numbers by Kolmogorov–Smirnov (Wasserstein's distance says how far they moved), the share of values that are no
 * numbers by χ², and so the categories; embeddings and images by a kernel's distance of their projections.
 * Each feature of the reference is looked at over the requests that have it: those that asked for an output. The levels
 * of all looks, features and tests sum to α: the monitor may run for ever. A drift that was found stays found until the
 * next window that shows none is held to the same level.
 */
export function glance(state: DriftState, seen: Glance): DriftState {
  const { settings, reference, window } = state
  if (reference.length < settings.reference) return { ...state, reference: [...reference, seen] }
  const full = [...window, seen]
  if (full.length < settings.window) return { ...state, window: full }
  return judge({ ...state, window: [] }, full)
}

function judge(state: DriftState, window: readonly Glance[]): DriftState {
  const { settings, reference } = state
  const looks = state.looks + 1
  const numbers = namesIn(reference.map((seen) => seen.numbers))
  const categories = namesIn(reference.map((seen) => seen.categories))
  const vectors = namesIn(reference.map((seen) => seen.vectors ?? {}))
  const tests = 2 * numbers.length + categories.length + vectors.length
  const level = levelOfLook(settings.alpha, looks) / Math.max(1, tests)
  const features = [
    ...numbers.map((name) => numberDrift(name, valuesOf(reference, name), valuesOf(window, name), level, settings)),
    ...categories.map((name) => categoryDrift(name, reference, window, level, settings)),
    ...vectors.flatMap((name) => vectorDrift(name, reference, window, level) ?? []),
  ]
  return {
    ...state,
    looks,
    features,
    estimate: estimateOf(reference, window),
    outside: outsideOf(reference, window, numbers, settings),
  }
}

const namesIn = (records: readonly Readonly<Record<string, unknown>>[]): readonly string[] => [
  ...new Set(records.flatMap((record) => Object.keys(record))),
]

/** Of the requests that have it; values that are no numbers too. */
const valuesOf = (glances: readonly Glance[], name: string): readonly number[] =>
  glances.flatMap(({ numbers }) => (name in numbers ? [numbers[name]!] : []))

function numberDrift(
  name: string,
  known: readonly number[],
  seen: readonly number[],
  level: number,
  settings: DriftSettings,
): DriftReport['features'][number] {
  const unknown = { name, kind: 'number', distance: null, p: 1, level, drifted: false } as const
  if (!enough(known, settings) || !enough(seen, settings)) return unknown
  const [before, now] = [known.filter(Number.isFinite), seen.filter(Number.isFinite)]
  const holes = chiSquareHomogeneity(
    [before.length, known.length - before.length],
    [now.length, seen.length - now.length],
  )
  const empty = { ...unknown, p: holes.p, drifted: holes.p < level }
  if (before.length < 2 || now.length < 2) return empty
  const p = Math.min(holes.p, kolmogorovSmirnov(before, now).p)
  // The distance says how far; whether, the tests above say.
  const { statistic } = wasserstein(before, now, { shuffles: 0 })
  const spread = Math.sqrt(squaredDeviations(before) / before.length)
  return { ...empty, distance: spread > 0 ? statistic / spread : null, p, drifted: p < level }
}

/** null where too few requests had such a tensor. */
function vectorDrift(
  name: string,
  reference: readonly Glance[],
  window: readonly Glance[],
  level: number,
): DriftReport['features'][number] | null {
  const of = (glances: readonly Glance[]) => glances.flatMap(({ vectors }) => (vectors?.[name] ? [vectors[name]] : []))
  const [before, now] = [of(reference), of(window)]
  if (Math.min(before.length, now.length) < LEAST_VECTORS) return null
  const { statistic, p } = kernelTwoSample(before, now)
  return { name, kind: 'vector', distance: statistic, p, level, drifted: p < level }
}

function categoryDrift(
  name: string,
  reference: readonly Glance[],
  window: readonly Glance[],
  level: number,
  settings: DriftSettings,
): DriftReport['features'][number] {
  const of = (glances: readonly Glance[]) =>
    glances.flatMap(({ categories }) => (name in categories ? [categories[name]!] : []))
  const [known, seen] = [of(reference), of(window)]
  if (!enough(known, settings) || !enough(seen, settings))
    return { name, kind: 'category', distance: null, p: 1, level, drifted: false }
  const [before, now] = [count(known), count(seen)]
  const categories = [...new Set([...before.keys(), ...now.keys()])]
  const list = (counts: ReadonlyMap<string, number>) => categories.map((category) => counts.get(category) ?? 0)
  const [a, b] = [list(before), list(now)]
  // It takes the rare ones together by the counts of both: chosen by those of one, they are rarer in the other.
  const { p } = chiSquareHomogeneity(a, b)
  // Half the sum of the differences of the shares: how many answers would have to change.
  const distance = a.reduce((sum, x, i) => sum + Math.abs(x / known.length - b[i]! / seen.length), 0) / 2
  return { name, kind: 'category', distance, p, level, drifted: p < level }
}

function count(categories: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const category of categories) counts.set(category, (counts.get(category) ?? 0) + 1)
  return counts
}

/**
 * Accuracy without labels: the mean of the model's own probabilities for its answers, then and now. Right as far as the
 * probabilities are, so it is shown as what it is.
 */
function estimateOf(reference: readonly Glance[], window: readonly Glance[]): DriftReport['estimate'] {
  const confidenceIn = (glances: readonly Glance[]) => {
    // Answers that are no numbers have no probability.
    const known = glances.flatMap(({ confidence }) => (Number.isFinite(confidence) ? [confidence!] : []))
    return known.length < glances.length / 2 ? null : mean(known)
  }
  const [before, now] = [confidenceIn(reference), confidenceIn(window)]
  return before === null || now === null ? null : { before, now }
}

/** Share of the requests with a number beyond everything that the reference holds, or one that is none where all are. */
function outsideOf(
  reference: readonly Glance[],
  window: readonly Glance[],
  numbers: readonly string[],
  settings: DriftSettings,
): DriftReport['outside'] {
  const ranges = numbers.flatMap((name) => {
    const known = valuesOf(reference, name)
    if (!enough(known, settings)) return []
    const finite = known.filter(Number.isFinite)
    const least = Math.min(...finite)
    const most = Math.max(...finite)
    const inside = (value: number) =>
      Number.isFinite(value) ? value >= least && value <= most : finite.length < known.length
    return [{ name, inside }]
  })
  if (ranges.length === 0) return null
  const beyond = window.filter(({ numbers }) =>
    ranges.some(({ name, inside }) => name in numbers && !inside(numbers[name]!)),
  )
  return beyond.length / window.length
}

/** The monitor's view of one version. */
export function driftReport(name: string, version: string, state: DriftState): DriftReport {
  const { settings, reference, window, looks, features, estimate, outside } = state
  return {
    kind: 'drift',
    version: 1,
    name,
    modelVersion: version,
    state: looks === 0 ? 'learning' : features.some(({ drifted }) => drifted) ? 'drifted' : 'usual',
    reference: reference.length,
    waiting: window.length,
    windowSize: settings.window,
    referenceSize: settings.reference,
    looks,
    alpha: settings.alpha,
    features,
    estimate,
    outside,
  }
}
