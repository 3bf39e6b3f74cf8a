import { type Feeds, type IsolatedSession, machine, type PortValue, type Stall } from '../../engine/index.ts'
import {
  costsOf,
  DEFAULT_PRICES,
  distributionOf,
  type LatencyOptions,
  type LatencySubject,
  measureLatency,
  measureServer,
  measureSweep,
  type PriceTable,
  percentilesOf,
  queriesOf,
  SCENARIOS,
  type Scenario,
  stoppingBound,
} from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import { modelDigest, readModel } from '../../onnx/index.ts'
import { checkChoice, UserError } from '../../platform/index.ts'
import { grouped, type LatencyOf, type LatencyReport, type SweepPoint, type Target } from '../../report/index.ts'
import { type RunsOn, runsOn } from '../runs-on.ts'
import { benchDecoder } from './bench-decoder.ts'
import { benchExtras } from './bench-extras.ts'
import { type BenchInputs, type BenchInputsOptions, benchInputs, rowsOfShapes } from './bench-inputs.ts'
import { type Fit, jointly } from './own-inputs.ts'
import { pinning } from './pinning.ts'

/** The load, and where the models run. */
export interface BenchOptions extends Omit<LatencyOptions, 'onProgress' | 'rows'>, BenchInputsOptions {
  /** Which runtime runs the models: that of browsers for `web`, else this machine's. */
  readonly target?: Target | undefined
  /** Target `web`: time inside this browser (its path, or `auto`), and not in WebAssembly under Node. */
  readonly browser?: string | undefined
  /** How queries come; one after the other by default. */
  readonly scenario?: Scenario | undefined
  /** Rows of one run; the scenario's own number by default. */
  readonly batch?: number | undefined
  /** Server: queries a second. */
  readonly qps?: number | undefined
  /** Server: the limit under which the rate is searched for; sweep: the limit that the best point keeps. */
  readonly maxP99Ms?: number | undefined
  /** Also measure rows at once × threads × processes. */
  readonly sweep?: boolean | undefined
  readonly prices?: PriceTable | undefined
  /** With it, what the optimising took, in the money of `prices` and in hours of a machine, is set against what it saves. */
  readonly answersPerDay?: number | undefined
  readonly spent?: number | undefined
  readonly spentHours?: number | undefined
  /** A rehearsal: stalls that are put into every model's calls, to see that the figures show them. */
  readonly stall?: Stall | undefined
  /** Makes each model take its own inputs out of those of all. */
  readonly fit?: Fit | undefined
  readonly onProgress?: ((line: string) => void) | undefined
}

function labelled(subject: Model | string | LatencySubject, place: number): LatencySubject {
  if (typeof subject === 'string') return { label: subject, model: subject }
  return 'label' in subject ? subject : { label: `model ${place + 1}`, model: subject }
}

const SWEPT = [1, 2, 4, 8, 16, 32]
/** Enough for the early-stopping rule to allow a handful of queries over the percentile; offline, MLPerf's rows. */
const leastQueries = (scenario: Exclude<Scenario, 'server'>, rows: number) =>
  ({ 'single-stream': 1000, 'multi-stream': 700, offline: Math.ceil(24_576 / rows) })[scenario]

/**
 * Measures models side by side as their users feel them, on the first rows of the data or on random inputs that the
 * first model accepts.
 *
 * @param given Models, or paths of them; in the report each is called by its label, its path, or the place that it has.
 * @throws UserError where a model cannot be loaded or run, or does not take the rows that were asked for.
 */
export async function bench(
  given: readonly (Model | string | LatencySubject)[],
  options: BenchOptions = {},
): Promise<LatencyReport> {
  const models = given.map(labelled)
  const { scenario = 'single-stream', threads = 1, seed = 0 } = options
  if (models.length === 0) throw new UserError('bad-argument', 'There is no model to time.')
  checkChoice('scenario', scenario, Object.keys(SCENARIOS))
  const place = await placeOf(options)
  const inputs = await inputsFor(models, place, options)
  const digests = options.open ? [] : await Promise.all(models.map(digestOf))
  const query = queryOf(inputs, scenario, models[0]!.label)
  const pins = pinning(place, threads)
  const open: OpenSubject = (subject, count = threads, instance = 0) =>
    pins.open(subject.model, { ...sessionOptions(options), threads: count }, instance)

  const { report, samples } = await measureScenario(models, query, options, open)
  const prices = options.prices ?? DEFAULT_PRICES
  const extras =
    options.open || options.browser
      ? null
      : await benchExtras(models, report.models, query.feeds, query.rows, { open, prices, threads })
  const measured = report.models.map((model, i) => ({
    ...model,
    ...(digests[i] === undefined ? {} : { digest: digests[i] }),
    ...(samples[i]!.length > 0 ? { ...tailOf(samples[i]!, scenario), ...extras?.[i] } : {}),
  }))
  const swept = options.sweep
    ? await measureSweep(models, {
        open,
        feeds: new Map([...inputs.byRows].filter(([count]) => SWEPT.includes(count) || count === inputs.base)),
        cores: pins.available.length,
        seconds: secondsOf(options),
        maxP99Ms: options.maxP99Ms,
        signal: options.signal,
        onProgress: options.onProgress,
      })
    : null
  const { decoding, warnings: untimed } = await benchDecoder(models, inputs.ports, {
    ...sessionOptions(options),
    threads,
    maxSeconds: secondsOf(options),
    open: options.open ?? place.open,
    signal: options.signal,
  })
  return {
    ...report,
    ...(decoding ? { decoding } : {}),
    scenario,
    batch: query.rows,
    queryRows: query.rows * query.runs,
    models: measured,
    cores: pins.cores(),
    seed,
    ...(options.stall ? { stall: options.stall } : {}),
    ...(options.maxP99Ms === undefined ? {} : { maxP99Ms: options.maxP99Ms }),
    ...(swept ? { sweep: swept.points, best: swept.best } : {}),
    costs: costsOf(
      measured.map((model) => ratedAt(model, swept?.best[model.path], threads)),
      {
        prices,
        arch: machine().os.split(' ').at(-1)!,
        answersPerDay: options.answersPerDay,
        spent: options.spent,
        spentHours: options.spentHours,
        today: new Date(),
      },
    ),
    warnings: [...rehearsed(options.stall), ...report.warnings, ...untimed, ...pins.warnings(), ...shortRuns(measured)],
  }
}

/** Of a model, or of what a path leads to; undefined where the runtime alone can read that. */
async function digestOf({ model }: LatencySubject): Promise<string | undefined> {
  if (typeof model !== 'string') return modelDigest(model)
  try {
    return modelDigest(await readModel(model))
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}

/** Where the models run: each takes its own inputs, or is stalled on purpose, if the options say so. */
async function placeOf({ target = 'native', browser, fit, stall }: BenchOptions): Promise<RunsOn> {
  return stalling(fittedPlace(await runsOn(target, browser), fit), stall)
}

const secondsOf = ({ maxSeconds = 10 }: BenchOptions): number => maxSeconds

/** What one query brings. */
interface Query {
  readonly feeds: Feeds
  /** Rows of one run. */
  readonly rows: number
  /** Runs that answer a query of more rows than the model takes at once; offline, a run is as good as another. */
  readonly runs: number
}

/** @throws UserError where the options ask for rows that the model of this name does not take together. */
function queryOf({ byRows, base, asked }: AskedInputs, scenario: Scenario, label: string): Query {
  const queryRows = asked ?? SCENARIOS[scenario].queryRows
  const rows = byRows.has(queryRows) ? queryRows : base
  if (asked !== undefined && rows !== asked)
    throw new UserError('bad-argument', `the first model does not take ${asked} rows at once`, {
      where: label,
      hint: `it takes ${[...byRows.keys()].join(', ')}; data with too few rows also limits it`,
    })
  const runs = scenario === 'multi-stream' ? Math.max(1, Math.round(queryRows / rows)) : 1
  return { feeds: byRows.get(rows)!, rows, runs }
}

/**
 * Opens a model, with the threads of the options by default. `instance` counts those that run side by side: each has
 * cores of its own.
 */
type OpenSubject = (subject: LatencySubject, threads?: number, instance?: number) => Promise<IsolatedSession>

/** The scenario's own load on all models. */
function measureScenario(models: readonly LatencySubject[], query: Query, options: BenchOptions, open: OpenSubject) {
  const { scenario = 'single-stream', threads = 1, seed = 0, signal, onProgress } = options
  if (scenario !== 'server') return measureQueries(models, query, scenario, options, open)
  return measureServer(models, query.feeds, {
    threads,
    maxSeconds: secondsOf(options),
    seed,
    rows: query.rows,
    open,
    qps: options.qps,
    maxP99Ms: options.maxP99Ms,
    signal,
    onProgress,
  })
}

/** Queries one after the other, or as many as fit. */
function measureQueries(
  models: readonly LatencySubject[],
  { feeds, rows, runs }: Query,
  scenario: Exclude<Scenario, 'server'>,
  options: BenchOptions,
  open: OpenSubject,
) {
  return measureLatency(models, feeds, {
    ...options,
    maxSeconds: secondsOf(options),
    minRuns: options.minRuns ?? leastQueries(scenario, rows),
    rows: rows * runs,
    open: options.open ?? (async (model) => queriesOf(await open({ label: '', model }), runs)),
    onProgress: ({ rounds }) => options.onProgress?.(`round ${rounds}`),
  })
}

/** How the times of single queries, in nanoseconds, spread. */
const tailOf = (ns: Float64Array, scenario: Scenario) => ({
  percentiles: percentilesOf(ns),
  bound: stoppingBound(ns, SCENARIOS[scenario].percentile),
  distribution: distributionOf(ns),
})

/** What answers are priced at: the best point of a sweep, else the load that was measured. */
const ratedAt = ({ path, throughput }: LatencyOf, best: SweepPoint | null | undefined, threads: number) =>
  best
    ? { path, perSecond: best.throughput, cores: best.threads * best.instances }
    : { path, perSecond: throughput, cores: threads }

const fittedPlace = (place: RunsOn, fit: Fit | undefined): RunsOn =>
  fit ? { ...place, open: async (model, ...more) => fit(model, await place.open(model, ...more)) } : place

const stalling = (place: RunsOn, stall: Stall | undefined): RunsOn =>
  stall ? { ...place, open: (model, options, placement) => place.open(model, options, { ...placement, stall }) } : place

interface AskedInputs extends BenchInputs {
  readonly ports: readonly PortValue[]
  /** Rows of one run that the options name, if they do. */
  readonly asked: number | undefined
}

/** What the first model runs on; all of them, where each takes its own out of it. */
async function inputsFor(
  models: readonly LatencySubject[],
  place: RunsOn,
  options: BenchOptions,
): Promise<AskedInputs> {
  const opened: IsolatedSession[] = []
  try {
    for (const { model } of options.fit ? models : models.slice(0, 1))
      opened.push(await (options.open ?? place.open)(model, sessionOptions(options)))
    const session = opened.length > 1 ? jointly(opened) : opened[0]!
    const asked = askedRows(session.inputs, options)
    const rows = asked ?? SCENARIOS[options.scenario ?? 'single-stream'].queryRows
    const first = models[0]!.model
    const inputs = await benchInputs(session, options.sweep ? [...SWEPT, rows] : [rows], {
      ...options,
      model: async () => (typeof first === 'string' ? readModel(first) : first),
    })
    return { ...inputs, ports: session.inputs, asked }
  } finally {
    for (const session of opened) await session.close()
  }
}

function askedRows(ports: readonly PortValue[], { batch, shapes }: BenchOptions): number | undefined {
  const shaped = rowsOfShapes(ports, shapes)
  if (batch !== undefined && shaped !== undefined && batch !== shaped)
    throw new UserError('bad-argument', `a batch of ${batch} was asked for, and shapes of ${shaped} rows`, {
      where: Object.keys(shapes ?? {}).join(', '),
      hint: 'leave one of the two out',
    })
  return batch ?? shaped
}

const rehearsed = (stall: Stall | undefined): readonly string[] =>
  stall
    ? [
        `a rehearsal: ${stall.ms} ms were added on purpose to one call in ${stall.every}; these are not the models' own figures`,
      ]
    : []

function shortRuns(models: readonly LatencyOf[]): readonly string[] {
  return models.flatMap(({ path, bound }) =>
    bound && bound.ms === null
      ? [
          `${path}: ${grouped(bound.queries)} queries are too few to vouch for the ${bound.percentile * 100}th percentile; ${grouped(bound.needed)} is the least (a longer --duration gives more)`,
        ]
      : [],
  )
}

function sessionOptions({ optimization, baseDir, config }: BenchOptions): LatencyOptions {
  return { optimization, baseDir, config }
}
