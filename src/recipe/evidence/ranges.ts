import { type Dataset, spreadRows } from '../../data/index.ts'
import { openIsolated, ortNode } from '../../engine/index.ts'
import { CALIBRATION_ROWS, calibrateAll } from '../../evaluate/index.ts'
import { inferTypes, isFloating, type Model } from '../../ir/index.ts'
import { modelDigest } from '../../onnx/index.ts'
import { calibrationValues, originsUnder } from '../../passes/index.ts'
import type { CalibrationMethod, CalibrationReport, RangeMethod } from '../../report/index.ts'
import { LEAN } from '../lean.ts'
import { type Metered, noMeter } from '../meter.ts'
import { type EvidenceCache, noCache } from './evidence-cache.ts'
import { sensitivityOf } from './sensitivity.ts'

export interface RangeOptions extends Metered {
  /** Number of rows to calibrate on; `CALIBRATION_ROWS` by default. */
  readonly samples?: number | undefined
  readonly indices?: readonly number[] | undefined
  /** Extremes from another measure in the same run; where it gives none, they are measured here. */
  readonly extremes?: (() => Promise<CalibrationReport | null>) | undefined
  readonly cache?: EvidenceCache | undefined
  /** Processors that may be kept busy; 1 by default. */
  readonly workers?: number | undefined
}

/** Methods that `least-noise` chooses from; entropy clips so much that it is hardly ever the best. */
const CHOICES: readonly CalibrationMethod[] = ['minmax', 'percentile', 'mse']
/** Methods whose ranges one reading of the values gives. */
const FAMILY: readonly CalibrationMethod[] = [...CHOICES, 'most-rows']
/** The one of these that starts the reading for all. */
const READ_FIRST = 'percentile'

/** Ranges of the values that static quantization asks for, cached by model, data and rows. */
export async function rangesOf(
  model: Model,
  data: Dataset,
  method: RangeMethod,
  options: RangeOptions,
): Promise<CalibrationReport> {
  if (method !== 'least-noise') return (await calibratedBy([method], model, data, options))[0]!
  return leastNoise(model, data, await calibratedBy(CHOICES, model, data, options), options)
}

/**
 * For each value, the range among those of several methods whose rounding disturbs the outputs least. A value that is
 * only moved from another gets the range of that one.
 */
async function leastNoise(
  model: Model,
  data: Dataset,
  reports: readonly CalibrationReport[],
  options: RangeOptions,
): Promise<CalibrationReport> {
  const [first] = reports as readonly [CalibrationReport]
  const noises: ReadonlyMap<string, number>[] = []
  for (const ranges of reports) {
    const { sources } = await sensitivityOf(model, data, ranges, options)
    noises.push(new Map(sources.flatMap(({ kind, name, noise }) => (kind === 'value' ? [[name, noise] as const] : []))))
  }
  const origin = originsUnder(model, first)
  const choose = (name: string) => {
    const heard = noises.map((noise) => noise.get(origin(name)) ?? Number.POSITIVE_INFINITY)
    return reports[heard.indexOf(Math.min(...heard))]!.ranges[name]!
  }
  const ranges = Object.fromEntries(Object.keys(first.ranges).map((name) => [name, choose(name)]))
  return { ...first, method: 'least-noise', ranges }
}

/** Leaves out shapes and indices, which pass through the same operators as floats but are never rounded. */
function floatsAmong(names: readonly string[], model: Model): readonly string[] {
  const types = inferTypes(model)
  return names.filter((name) => {
    const type = types.get(name)
    return type?.kind !== 'tensor' || isFloating(type.dtype)
  })
}

/** Values of floats that static quantization asks the ranges of. */
export const calibratedNames = (model: Model) =>
  floatsAmong(calibrationValues(model.graph, model.opsets.get('') ?? 1), model)

/**
 * Ranges by these methods. Extremes alone are far cheaper than histograms. Once there are histograms, the ranges of all
 * methods are taken from them and cached, so that no method reads the rows again.
 */
async function calibratedBy(
  methods: readonly CalibrationMethod[],
  model: Model,
  data: Dataset,
  options: RangeOptions,
): Promise<readonly CalibrationReport[]> {
  const { cache = noCache, samples = CALIBRATION_ROWS } = options
  const key = {
    measure: 'calibration',
    model: modelDigest(model),
    data: await data.digest(),
    rows: spreadRows(data, options.indices, samples),
  }
  // Without a cache, one reading still serves all methods of this call.
  const kept = new Map<CalibrationMethod, CalibrationReport>()
  const ask = (method: CalibrationMethod, family: readonly CalibrationMethod[]) =>
    cache.get({ ...key, method }, async () => {
      const known = kept.get(method)
      if (known) return known
      const extremes = family === FAMILY ? await cache.find({ ...key, method: 'minmax' }) : undefined
      const made = await measured(
        family,
        model,
        data,
        { ...options, samples },
        extremes as CalibrationReport | undefined,
      )
      for (const [other, report] of made) {
        kept.set(other, report)
        if (other !== method) await cache.get({ ...key, method: other }, async () => report)
      }
      return made.get(method)!
    })
  const reports: CalibrationReport[] = []
  for (const method of methods) {
    const family = methods.length === 1 && (method === 'minmax' || method === 'entropy') ? [method] : FAMILY
    // Whoever asks at the same time for another choice waits for the same reading.
    if (family === FAMILY && method !== READ_FIRST) await ask(READ_FIRST, FAMILY)
    reports.push(await ask(method, family))
  }
  return reports
}

/** Reads the rows once for these methods; `known` are the extremes of these rows, where they were measured before. */
async function measured(
  methods: readonly CalibrationMethod[],
  model: Model,
  data: Dataset,
  options: RangeOptions,
  known: CalibrationReport | undefined,
): Promise<ReadonlyMap<CalibrationMethod, CalibrationReport>> {
  const extremes = methods.every((method) => method === 'minmax')
  const taken = extremes ? await options.extremes?.() : null
  if (taken) return new Map([['minmax', taken]])
  // Extremes are told by the process that has the values. Histograms take the values themselves, whose way between
  // two processes would double the time; the model has proven itself in a process of its own before.
  const session = extremes ? await openIsolated(model, LEAN) : await ortNode.open(model, { threads: options.workers })
  try {
    const tick = (options.meter ?? noMeter)(extremes ? 'ranges' : 'histograms')
    const reports = await calibrateAll(session, data, {
      names: calibratedNames(model),
      methods,
      samples: options.samples,
      extremes: known,
      indices: options.indices,
      signal: options.signal,
      onRow: (done, of) => {
        options.onProgress?.(`calibrating: row ${done} of ${of}`)
        tick(done, of)
      },
    })
    return new Map(methods.map((method) => [method, reports[method]]))
  } finally {
    await session.close()
  }
}
