import { type Dataset, repeatsIn, tellRepeats } from '../data/index.ts'
import { type Feeds, machine, ortNode, type Session } from '../engine/index.ts'
import type { Model, NumericArray } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import type {
  CalibrationReport,
  ComparisonReport,
  CostsReport,
  InspectionReport,
  LatencyReport,
  ProfileReport,
  RangeMethod,
  Scheme,
  SensitivityReport,
  Target,
} from '../report/index.ts'
import { requiredN } from '../statistics/index.ts'
import { type Built, builtFrom, type CandidateSpec, type Rounding } from './candidate.ts'
import { type EvidenceCache, inMemory } from './evidence/evidence-cache.ts'
import { openTimed, profiledRuns, quickestRun } from './evidence/first-look.ts'
import { kernelCosts } from './evidence/kernel-costs.ts'
import { curvesOn, saturatesOn } from './evidence/processor.ts'
import { rangesOf } from './evidence/ranges.ts'
import { sensitivityOf } from './evidence/sensitivity.ts'
import { exampleOf, firstFeeds } from './first-feeds.ts'
import { FloatForms, type LendOriginal } from './float-forms.ts'
import { inspect } from './inspect.ts'
import { CandidateJudge, type JudgingOptions } from './judge/candidate-judge.ts'
import { ModelFiles } from './model-files.ts'
import { neighboursChange } from './neighbours.ts'
import type { Spared } from './prune/spare.ts'
import { FORM_SECONDS } from './quantize/float-form-choice.ts'
import { taughtSteps } from './quantize/learned-steps.ts'
import { type ReadKernels, readKernels } from './quantize/measure-quantized.ts'
import { quantizationRun, quantizeSteps } from './quantize/quantize-steps.ts'
import { rangesWithChannels } from './quantize/ranges-and-channels.ts'
import { outliersDivided, smoothed } from './quantize/smooth.ts'
import { type RunsOn, refusalBy, runsOn } from './runs-on.ts'
import { type Phase, type RowsOf, shareRows } from './share-rows.ts'
import { readyFor } from './simplify.ts'
import { type TimingPurpose, timeSideBySide } from './time-side-by-side.ts'
import { startTrail, type Trail } from './trail.ts'
import { tryMetric, tryProof } from './try-metric.ts'
import { advanceOnThreads } from './weight-threads.ts'

export interface WorkbenchOptions extends JudgingOptions {
  /** Target `web`: the browser that times and judges (its path, or `auto`), instead of WebAssembly under Node. */
  readonly browser?: string | undefined
  readonly seed: number
  /** Processors that measuring, but never timing, may keep busy; 1 unless said. */
  readonly workers?: number | undefined
  /** Whether products of codes saturate in 16 bits where models run; the runtime is asked unless said. */
  readonly saturates?: boolean | undefined
  /** Rows to calibrate on; then all of `data` is for selecting and proving. */
  readonly calibrationData?: Dataset | undefined
  /** Rows to prove on; then all of `data` is for calibrating and selecting. */
  readonly proofData?: Dataset | undefined
}

/** What is known of the original once it was opened and has answered a row. */
interface Opened {
  readonly original: Built
  readonly session: Session
  readonly rows: Workbench['rows']
  readonly feeds: Feeds
  readonly seen: Workbench['seen']
  readonly place: RunsOn
  readonly files: ModelFiles | null
  readonly repeats: ReadonlyMap<number, number>
  readonly saturates: boolean
}

/**
 * Everything that a search may do with one model and its data: build candidates, time them side by side, judge them on
 * the rows that belong to a phase. Each result is evidence, kept by everything that it depends on.
 */
export class Workbench {
  readonly original: Built
  readonly rows: Readonly<Record<Phase, RowsOf>>
  readonly inspection: InspectionReport
  /** Whether products of codes saturate in 16 bits where its models run, and weights may be such that they do. */
  readonly saturates: boolean
  /** What opening the original and one run of it took, in milliseconds: a first idea, no timing. */
  readonly seen: { readonly openMs: number; readonly runMs: number }
  /** Seconds that the choice between two forms of the float model may be timed for; with 0 it keeps its own form. */
  formSeconds = FORM_SECONDS
  readonly #options: WorkbenchOptions
  readonly #feeds: Feeds
  readonly #place: RunsOn
  readonly #repeats: Opened['repeats']
  readonly #forms: FloatForms
  readonly #judge: CandidateJudge
  readonly #files: ModelFiles | null
  readonly #dependences = new Map<Built, Promise<string | null>>()
  /** What recipes of its candidates refer to, by digest. */
  readonly tensors = new Map<string, NumericArray>()

  private constructor(opened: Opened, options: WorkbenchOptions) {
    const { original, session, rows, feeds, seen, place, files, repeats, saturates } = opened
    this.saturates = saturates
    this.seen = seen
    this.#place = place
    this.#files = files
    this.#repeats = repeats
    this.original = original
    this.rows = rows
    this.inspection = inspect(original.model)
    this.#feeds = feeds
    this.#options = { ...options, cache: inMemory(options.cache) }
    this.#judge = new CandidateJudge(original, session, rows, place, this.#options)
    // Browsers round otherwise than this process: there the original answers beside the lossless model.
    const lend: LendOriginal | null = options.target === 'web' ? null : (ask) => this.#judge.lend(original, ask)
    this.#forms = new FloatForms(original.model, rows.calibrate, this.#options, lend, async (forms) => {
      if (this.formSeconds <= 0) return null
      const built = forms.map(({ id, trail }) => builtFrom({ id, words: id }, trail, {}, []))
      return (await this.time(built, this.formSeconds, 'choose')).models.slice(1).map(({ p50Ms }) => p50Ms)
    })
  }

  /** Splits the rows by seed, and sees that the original loads and runs on the first one. */
  static async open(model: Model, data: Dataset, options: WorkbenchOptions): Promise<Workbench> {
    if (data.rows < 1)
      throw new UserError('bad-data', 'there are no rows', {
        where: data.path,
        hint: 'give at least a few rows; 268 prove a margin of one point where no answer changes',
      })
    const repeats = await repeatsIn(data)
    const sets = { calibration: options.calibrationData, proof: options.proofData }
    const rows = shareRows(data, sets, options.seed, repeats)
    const raw = await runsOn(options.target, options.browser)
    // A browser takes bytes.
    const files = options.browser === undefined ? new ModelFiles() : null
    files?.keep(model)
    const place = files?.on(raw) ?? raw
    const { session, openMs } = await openTimed(() => place.open(model, { threads: options.threads }))
    try {
      // With a single row in all, the one that proves gives its shapes to the timing.
      const some = [rows.calibrate, rows.select, rows.prove].find((part) => part.indices.length > 0)!
      const feeds = await firstFeeds(session, some.data, some.indices)
      await session.run(feeds)
      const runMs = await quickestRun(session, feeds)
      const { margin, alpha, metric, label, slices, meter } = options
      await tryMetric(session, rows.select, runMs, { margin, alpha, metric, label, slices, meter })
      await tryProof(session, rows.prove, { metric, label })
      const saturates =
        options.target !== 'portable' && (options.saturates ?? (await saturatesOn(place, options.cache)))
      const trail = startTrail(model)
      const original = builtFrom({ id: 'original', words: 'the file as it came' }, trail, {}, [])
      return new Workbench(
        { original, session, rows, feeds, seen: { openMs, runMs }, place, files, repeats, saturates },
        options,
      )
    } catch (error) {
      await session.close()
      await files?.remove()
      throw error
    }
  }

  /** What a row gives each input, as far as a report may tell it. */
  get example() {
    return exampleOf(this.#feeds, this.rows.calibrate.data.constants)
  }

  async close(): Promise<void> {
    await this.#judge.release()
    await this.#files?.remove()
  }

  /** Where evidence is kept. */
  get cache(): EvidenceCache {
    return this.#options.cache
  }

  get target(): Target {
    return this.#options.target
  }

  /** The runtime that times and judges. */
  get runtime(): string {
    return this.#place.runtime
  }

  /** Processes that a candidate which is judged alone runs its rows in. */
  get processes(): number {
    return this.#judge.processes
  }

  get dataNotes(): readonly string[] {
    const { data } = this.rows.select
    return [...data.notes, ...tellRepeats(this.#repeats, data)]
  }

  /** The lossless model, proven equal on rows and random inputs. */
  async lossless(): ReturnType<FloatForms['lossless']> {
    const lossless = await this.#forms.lossless()
    this.#files?.keep(lossless.trail.model)
    return lossless
  }

  /** Whether the file rounds in a run, or has products in float64, so that candidates are made of it without. */
  async isRounded(): Promise<boolean> {
    return (await this.#forms.unrounded()) !== null
  }

  /** See `FloatForms.forProducts`: what can be coded is told by it, and not by what a fused operator hides. */
  forProducts(): Promise<Model> {
    return this.#forms.forProducts()
  }

  /** See `FloatForms.hasProducts`: without, no integers with known ranges come to be, and no channels can go. */
  hasProducts(): Promise<boolean> {
    return this.#forms.hasProducts()
  }

  /** A trained model that candidates may be made of from now on, under this name. */
  addTrained(name: string, trail: Trail): void {
    this.#forms.add(name, trail)
  }

  /** See `FloatForms.addSpared`. */
  async addSpared(name: string, noise: number): Promise<Spared | null> {
    const spared = await this.#forms.addSpared(name, noise)
    for (const [digest, numbers] of spared?.tensors ?? []) this.tensors.set(digest, numbers)
    return spared
  }

  /** Makes the model of a specification: from the float form that suits it, in the passes of its scheme. */
  async build(asked: CandidateSpec): Promise<Built> {
    this.#options.signal?.throwIfAborted()
    const unrounded = asked.scheme && asked.base === undefined && (await this.#forms.unrounded())
    const words = asked.words.replace(/^lossless, then /, 'lossless, in float32 throughout, then ')
    const spec = unrounded ? { ...asked, words } : asked
    const float = await this.#forms.of(spec)
    const trail = await readyFor(await this.#smoothed(float, spec), spec)
    return spec.scheme ? this.#quantized(trail, { ...spec, scheme: spec.scheme }) : this.#unquantized(trail, spec)
  }

  /** A candidate that no scheme quantizes: the lossless model, a trained one, or one without the file's own roundings. */
  async #unquantized(trail: Trail, spec: CandidateSpec): Promise<Built> {
    if (spec.base === undefined && !spec.unrounded) return builtFrom(spec, (await this.lossless()).trail, {}, [])
    // What was tuned is integers already.
    const made = trail.runs.findLast(({ planned }) => planned)
    const native = this.#options.target === 'native' && !made
    const finished = native ? await this.#forms.forNative(trail) : trail
    return builtFrom(spec, finished, made?.planned ?? {}, made?.refused ?? [])
  }

  async #quantized(trail: Trail, spec: CandidateSpec & { readonly scheme: Scheme }): Promise<Built> {
    const { scheme, recurrent, rounding, noiseBudget } = spec
    const { target, cache } = this.#options
    const { saturates } = this
    const pass = noiseBudget === undefined ? spec.pass : { ...spec.pass, noiseBudget }
    const evidence = await this.#evidence(trail.model, spec)
    const block = await this.#forms.block()
    const curves = scheme === 'static-int8' ? await curvesOn(target, trail.model, cache) : undefined
    const steps = quantizeSteps({ scheme, target, saturates, block, curves, recurrent, rounding, pass }, evidence)
    const quantized = await advanceOnThreads(
      trail,
      rounding ? await this.#taught(trail.model, scheme, steps, rounding) : steps,
    )
    const next = await this.#forms.finished(quantized)
    const run = quantizationRun(next, scheme)
    const layers = recurrent ? quantizationRun(next, 'dynamic-int8') : undefined
    return builtFrom(spec, next, { ...run.planned, ...layers?.planned }, run.refused, run.expectedNoise)
  }

  /**
   * What quantization must know: static integers ranges and channels of values, and whatever keeps noise within a budget
   * what its placement goes by. For scales of each run full ranges stand, which they do not exceed.
   */
  async #evidence(model: Model, { scheme, noiseBudget, measuredCosts, ...spec }: CandidateSpec) {
    const isStatic = scheme === 'static-int8'
    if (!isStatic && (scheme !== 'dynamic-int8' || noiseBudget === undefined)) return []
    const { calibration = 'minmax', samples, noiseRuns } = spec
    const [ranges, channels] = isStatic
      ? await this.#rangesAndChannels(model, calibration, samples)
      : [await this.#ranges(model, calibration, samples), null]
    const sensitivity = noiseBudget ? await this.#sensitivity(model, ranges, noiseRuns) : null
    const costs = measuredCosts ? await this.#costs(model, ranges) : null
    return [ranges, channels, sensitivity, costs].filter((report) => report !== null)
  }

  async #taught(model: Model, scheme: Scheme, steps: ReturnType<typeof quantizeSteps>, rounding: Rounding) {
    const taught = await taughtSteps(model, scheme, steps, { ...this.#options, ...this.rows.calibrate, rounding })
    for (const { tensors } of taught.flatMap(({ evidence = [] }) => evidence))
      for (const [digest, numbers] of tensors ?? []) this.tensors.set(digest, numbers)
    return taught
  }

  /** What the nodes of the lossless model cost on either side; null where this candidate's integers go by formulas. */
  async costsFor({ measuredCosts, calibration = 'minmax', samples }: CandidateSpec): Promise<CostsReport | null> {
    if (!measuredCosts) return null
    const { model } = await this.#forms.of({ scheme: 'static-int8' })
    return this.#costs(model, await this.#ranges(model, calibration, samples))
  }

  /** What static quantization asks the calibration rows for, or `samples` of them. */
  #rangesAndChannels(model: Model, method: RangeMethod, samples?: number) {
    const { data, indices } = this.rows.calibrate
    return rangesWithChannels(model, data, method, { ...this.#options, indices, samples })
  }

  /** Ranges of the values that static quantization asks for, from the calibration rows. */
  async #ranges(model: Model, method: RangeMethod, samples?: number): Promise<CalibrationReport> {
    const { data, indices } = this.rows.calibrate
    return rangesOf(model, data, method, { ...this.#options, indices, samples })
  }

  /**
   * What each node costs on either side on this machine; null where nothing can become integer, and for browsers, whose
   * runtime hands out no profile: there whole candidates are timed.
   */
  async #costs(model: Model, ranges: CalibrationReport): Promise<CostsReport | null> {
    const { threads, cache, signal, target } = this.#options
    if (target === 'web') return null
    const curves = await curvesOn(target, model, cache)
    return kernelCosts(model, ranges, this.#feeds, { threads, cache, signal, curves, runMs: this.seen.runMs })
  }

  kernels(built: Built): Promise<ReadKernels> {
    return readKernels(built.model, built.planned, this.#options.target)
  }

  /** Why the runtime does not take a candidate at all, or null where it does. */
  async refusal({ model }: Built): Promise<string | null> {
    return (await refusalBy(this.#place.open, model))?.message ?? null
  }

  /** Times the original and the candidates side by side, one row a run; only the models themselves run meanwhile. */
  async time(candidates: readonly Built[], maxSeconds: number, purpose: TimingPurpose): Promise<LatencyReport> {
    await this.#judge.release()
    const subjects = [this.original, ...candidates]
    return timeSideBySide(subjects, this.#feeds, this.#place, { ...this.#options, maxSeconds, purpose })
  }

  /** Base against candidate on the rows of a phase, or on `most` of them. */
  judge(built: Built, phase: 'select' | 'prove', most?: number): Promise<ComparisonReport> {
    return this.#judge.judge(built, phase, most)
  }

  /** Whether so many rows prove anything where no answer changes. */
  canProve(rows: number): boolean {
    return rows >= requiredN({ discordance: 0, ...this.#options })
  }

  /** Whether `judge` needs to run nothing for that, because this search or an earlier one has judged it. */
  isJudged(built: Built, phase: 'select' | 'prove', most?: number): Promise<boolean> {
    return this.#judge.isKept(built, phase, most)
  }

  /** Why answers of a candidate depend on the rows beside them, where the original's do not. */
  dependence(built: Built): Promise<string | null> {
    const { data, indices } = this.rows.select.indices.length > 1 ? this.rows.select : this.rows.prove
    const known = this.#dependences.get(built)
    if (known) return known
    const lend = this.#judge.lend.bind(this.#judge)
    const looked = neighboursChange<Built>(lend, this.original, built, data, indices)
    this.#dependences.set(built, looked)
    return looked
  }

  /** A float model with outlier channels eased as asked, by what the calibration rows say about them. */
  async #smoothed(trail: Trail, { smooth: alpha, outliersDivided: divided }: CandidateSpec): Promise<Trail> {
    const { data, indices } = this.rows.calibrate
    const { cache, signal, onProgress } = this.#options
    const looked = { indices, cache, signal, onProgress }
    if (divided) return outliersDivided(trail, data, looked)
    return alpha === undefined ? trail : smoothed(trail, data, { alpha, ...looked })
  }

  /** What each rounding that int8 under these ranges might make does to the outputs. */
  async #sensitivity(model: Model, ranges: CalibrationReport, runs?: number): Promise<SensitivityReport> {
    const { data, indices } = this.rows.calibrate
    return sensitivityOf(model, data, ranges, { ...this.#options, indices, runs })
  }

  /** Time by operator inside the runtime, or null where it cannot be read. */
  async profile(built: Built): Promise<ProfileReport | null> {
    const { threads, cache, target } = this.#options
    if (target === 'web') return null
    const { cpu, runtime } = machine()
    const { counted } = profiledRuns(this.seen.runMs)
    try {
      return await cache.get({ measure: 'profile', cpu, runtime, threads, model: built.digest }, () =>
        ortNode.profile(built.model, this.#feeds, counted, { threads }),
      )
    } catch (error) {
      // What the runtime refuses must not cost the answer of a whole search; a fault of ours must show.
      if (error instanceof UserError) return null
      throw error
    }
  }
}
