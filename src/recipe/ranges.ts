import type { Dataset } from '../data/index.ts'
import { openIsolated, ortNode } from '../engine/index.ts'
import { calibrate, calibrateAll } from '../evaluate/index.ts'
import { inferTypes, isFloating, type Model } from '../ir/index.ts'
import { modelDigest } from '../onnx/index.ts'
import { calibrationValues } from '../passes/index.ts'
import type { CalibrationMethod, CalibrationReport, RangeMethod } from '../report/index.ts'
import { type EvidenceCache, noCache } from './evidence-cache.ts'
import { sensitivityOf } from './sensitivity.ts'
import { LEAN } from './simplify.ts'

export interface RangeOptions {
  /** Rows to calibrate on; 128 unless said. */
  readonly samples?: number | undefined
  readonly indices?: readonly number[] | undefined
  /** Extremes that another measure takes along; measured here where it gives none. */
  readonly extremes?: (() => Promise<CalibrationReport | null>) | undefined
  readonly cache?: EvidenceCache | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((text: string) => void) | undefined
}

/** Methods that `least-noise` chooses from; entropy clips so much that it is hardly ever the best. */
const CHOICES = ['minmax', 'percentile', 'mse'] as const

/** Ranges of the values that static quantization asks for, kept by model, data and rows. */
export async function rangesOf(
  model: Model,
  data: Dataset,
  method: RangeMethod,
  options: RangeOptions = {},
): Promise<CalibrationReport> {
  if (method !== 'least-noise') return (await calibratedBy([method], model, data, options))[0]!
  return leastNoise(model, data, await calibratedBy(CHOICES, model, data, options), options)
}

/** For each value the ranges, among those of several methods, whose rounding disturbs the outputs least. */
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
  const choose = (name: string) => {
    const heard = noises.map((noise) => noise.get(name) ?? Number.POSITIVE_INFINITY)
    return reports[heard.indexOf(Math.min(...heard))]!.ranges[name]!
  }
  const ranges = Object.fromEntries(Object.keys(first.ranges).map((name) => [name, choose(name)]))
  return { ...first, method: 'least-noise', ranges }
}

/** Shapes and indices pass through the same operators as numbers do, and nobody rounds them. */
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

/** Ranges by these methods, from one reading of the rows; one alone may be far cheaper than all of them. */
async function calibratedBy(
  methods: readonly CalibrationMethod[],
  model: Model,
  data: Dataset,
  options: RangeOptions,
): Promise<readonly CalibrationReport[]> {
  const names = calibratedNames(model)
  const samples = options.samples ?? 128
  const key = {
    measure: 'calibration',
    model: modelDigest(model),
    data: await data.digest(),
    samples,
    indices: options.indices ?? null,
  }
  const measured = async (): Promise<Partial<Record<CalibrationMethod, CalibrationReport>>> => {
    const [only] = methods
    const one = methods.length === 1 && only ? only : null
    const taken = one === 'minmax' ? await options.extremes?.() : null
    if (taken) return { minmax: taken }
    // Extremes are told by the process that has the values. Histograms take the values themselves, whose way between
    // two processes would double the time; the model has proven itself in a process of its own before.
    const session = one === 'minmax' ? await openIsolated(model, LEAN) : await ortNode.open(model)
    try {
      const settings = {
        names,
        samples,
        ...(options.indices ? { indices: options.indices } : {}),
        ...(options.signal ? { signal: options.signal } : {}),
        onRow: (done: number, of: number) => options.onProgress?.(`calibrating: row ${done} of ${of}`),
      }
      return one
        ? { [one]: await calibrate(session, data, { ...settings, method: one }) }
        : await calibrateAll(session, data, settings)
    } finally {
      await session.close()
    }
  }
  const cache = options.cache ?? noCache
  let made: ReturnType<typeof measured> | undefined
  const reports: CalibrationReport[] = []
  for (const method of methods)
    reports.push(
      await cache.get({ ...key, method }, async () => {
        made ??= measured()
        return (await made)[method] as CalibrationReport
      }),
    )
  return reports
}
