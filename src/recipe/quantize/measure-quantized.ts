import { type Dataset, spreadRows } from '../../data/index.ts'
import { type Feeds, openPair, ortNode, type Session } from '../../engine/index.ts'
import { allFeeds, comparedValues, measureBatchInvariance, measureLayers } from '../../evaluate/index.ts'
import { allNodes, type Model } from '../../ir/index.ts'
import { compareKernels, endedUnder, namedAsFound } from '../../passes/index.ts'
import { letOthersRun } from '../../platform/index.ts'
import type { QuantizationReport, Report, Target } from '../../report/index.ts'
import { LEAN } from '../lean.ts'
import type { Watched } from '../meter.ts'
import type { OpenSessions } from '../open-sessions.ts'
import { samplesFor } from '../proof/samples.ts'
import type { RunsOn } from '../runs-on.ts'
import { together } from '../together.ts'
import { rowsForNoise } from './rows-for-noise.ts'

/** What the damage is looked for on. */
export interface MeasureQuantizedOptions extends Watched {
  readonly data?: Dataset | undefined
  readonly target?: Target | undefined
  readonly seed?: number | undefined
  /** What was learned before; a calibration tells how large a row is inside the model. */
  readonly evidence?: readonly Report[] | undefined
  /** The rows to look at; all of the data by default. */
  readonly lookAt?: readonly number[] | undefined
  /** What this process shall do while the others run the models. */
  readonly meanwhile?: (() => void) | undefined
}

/** Which kernels the runtime uses; `counts` is null, with a reason, where they cannot be read. */
export interface ReadKernels {
  /** The plan, by the names of the kernels that the runtime chose within a family; as given where nothing was read. */
  readonly planned: Readonly<Record<string, number>>
  readonly counts: Readonly<Record<string, number>> | null
  readonly reason?: string
  /** Planned integer kernels that were not made, with the likely reason. */
  readonly warnings: readonly string[]
}

/** The kernels that the runtime really uses, against what was planned. */
export async function readKernels(
  model: Model,
  planned: Readonly<Record<string, number>>,
  target: Target,
): Promise<ReadKernels> {
  const read = target === 'web' ? null : await ortNode.kernels(model)
  if (read && 'reason' in read) return { planned, counts: null, reason: read.reason, warnings: [] }
  return kernelsOf(read?.counts ?? null, planned)
}

/** Kernels that were read back, or null where the runtime is one that cannot write down its graph. */
function kernelsOf(
  counts: Readonly<Record<string, number>> | null,
  planned: Readonly<Record<string, number>>,
): ReadKernels {
  if (counts === null)
    return {
      planned,
      counts,
      reason: 'onnxruntime-web cannot write down its optimised graph; only timing it there tells',
      warnings: [],
    }
  return {
    planned: namedAsFound(planned, counts),
    counts,
    warnings: compareKernels(planned, counts).map(({ reason }) => reason),
  }
}

/** What quantization did to the answers, and the kernels that it runs in. */
export interface Damage extends Pick<QuantizationReport, 'sqnrDb' | 'layers' | 'batchInvariant'> {
  readonly sqnrSamples: number
  /** Those among them that are random inputs, for want of rows. */
  readonly sqnrRandom: number
  /** Outputs whose rows depend on the rows beside them in float as well. */
  readonly dependedBefore: readonly string[]
  readonly kernels: ReadKernels
  /** The inputs that it was seen on. */
  readonly feeds: readonly Feeds[]
}

/** Rows, or random inputs where there are fewer, that the damage is measured on: their noise can differ by far. */
export const LOOKED_AT = 4

/** Of these the rows that share a run: two where a row has many elements inside the model. */
function neighboursAmong(evidence: readonly Report[]): number {
  const ranges = evidence.flatMap((report) => (report.kind === 'calibration' ? Object.values(report.ranges) : []))
  return ranges.reduce((sum, { elements = 0 }) => sum + elements, 0) > MANY ? 2 : LOOKED_AT
}
const MANY = 2 ** 22

/**
 * Values in codes that end where nothing behind them tells any more apart, as in front of a Relu what is negative: held
 * against the float ones they would seem the noisiest, and what is lost shows in the value behind.
 */
function cutShort(before: Model, after: Model, evidence: readonly Report[]): ReadonlySet<string> {
  const ranges = evidence.find((report) => report.kind === 'calibration')
  if (!ranges) return new Set()
  const ended = endedUnder(before, ranges)
  const coded = after.graph.nodes
    .filter(({ opType }) => opType === 'DequantizeLinear')
    .flatMap(({ outputs }) => outputs)
  return new Set(coded.filter((name) => ended.has(name)))
}

/** Rows beside the `few` that are looked at in any case, so that there are `wanted` where the set has them. */
function moreRows(
  session: Session,
  data: Dataset,
  rows: readonly number[] | undefined,
  wanted: number,
  few: number,
): Promise<readonly Feeds[]> {
  const known = new Set(spreadRows(data, rows, LOOKED_AT))
  const others = spreadRows(data, rows, wanted).filter((row) => !known.has(row))
  return allFeeds(session, data, others.slice(0, Math.max(0, wanted - few)))
}

/**
 * Noise at the outputs and by layer, and whether a row's answer depends on the rows beside it: two measures that run at
 * the same time. The session that answers also tells its kernels. Sessions end with those of the whole piece of work.
 */
export async function measureDamage(
  sessions: OpenSessions,
  before: Model,
  after: Model,
  place: RunsOn,
  planned: Readonly<Record<string, number>>,
  { data, lookAt, target = 'native', seed, evidence = [], meanwhile, onProgress }: MeasureQuantizedOptions,
): Promise<Damage> {
  onProgress?.('reading back what the runtime makes of it, measuring the noise')
  const { processes } = sessions
  // One session with both models in it is at hand where their kernels are those of this runtime. It takes longest to
  // load, so it comes first, and is on its way before the other model is encoded.
  const apart = cutShort(before, after, evidence)
  const names = comparedValues(before, after, apart)
  const pairing = target === 'web' ? Promise.resolve(null) : openPair(before, after, names, { processes })
  sessions.start(pairing)
  await letOthersRun()
  const candidate = await sessions.start(place.open(after, LEAN, { processes, readKernels: target !== 'web' }))
  const rows = Math.min(data?.rows ?? 0, LOOKED_AT)
  const random = rows === LOOKED_AT ? 0 : rows > 1 ? 1 : rows === 1 ? 2 : undefined
  const { feeds, real } = await samplesFor(candidate, { model: after, data, indices: lookAt, seed, random })
  const few = feeds.slice(0, LOOKED_AT)
  const rowsTogether = few.slice(0, neighboursAmong(evidence))
  const more =
    data && random === 0 ? await moreRows(candidate, data, lookAt, rowsForNoise(before, few[0]), few.length) : []
  const looked = [...few, ...more]
  const openBase = () => sessions.start(place.open(before, LEAN, { processes }))
  const measuring = together(
    measureLayers(openBase, candidate, before, after, looked, pairing, apart),
    measureBatchInvariance(candidate, rowsTogether),
  )
  measuring.catch(() => {})
  // The first runs are asked for before this process has something else to do.
  await letOthersRun()
  meanwhile?.()
  const [{ sqnrDb, layers }, batchInvariant] = await measuring
  // Scales of a whole run make every row depend on the others; what float does there need not be asked.
  const explained = batchInvariant.all || [...allNodes(after.graph)].some(({ opType }) => /^Dynamic/.test(opType))
  const own = explained ? null : await measureBatchInvariance(await openBase(), rowsTogether)
  const differs = (name: string) => batchInvariant.outputs[name] === false && own?.outputs[name] === false
  return {
    dependedBefore: Object.keys(batchInvariant.outputs).filter(differs),
    sqnrDb,
    sqnrSamples: looked.length,
    sqnrRandom: Math.max(0, few.length - real),
    layers,
    batchInvariant,
    feeds,
    kernels: kernelsOf(candidate.kernels, planned),
  }
}
