import { type Dataset, repeatsIn, tellRepeats } from '../data/index.ts'
import { type Feeds, machine, ortNode, type Session } from '../engine/index.ts'
import type { Model, NumericArray } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import type {
  ComparisonReport,
  CostsReport,
  InspectionReport,
  LatencyReport,
  ProfileReport,
  Scheme,
  Target,
} from '../report/index.ts'
import { requiredN } from '../statistics/index.ts'
import { type Built, builtFrom, type CandidateSpec, type Rounding } from './candidate.ts'
import { costsFor, type EvidenceOptions, easedOutliers, evidenceFor } from './candidate-evidence.ts'
import { type EvidenceCache, inMemory } from './evidence/evidence-cache.ts'
import { openTimed, profiledRuns, quickestRun } from './evidence/first-look.ts'
import { curvesOn, saturatesOn } from './evidence/processor.ts'
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
  /** Processors that measuring, but never timing, may keep busy; 1 by default. */
  readonly workers?: number | undefined
  /** Whether products of codes saturate in 16 bits where models run; the runtime is asked by default. */
  readonly saturates?: boolean | undefined
  /** Rows to calibrate on; then all of `data` is for selecting and proving. */
  readonly calibrationData?: Dataset | undefined
  /** Rows to prove on; then all of `data` is for calibrating and selecting. */
  readonly proofData?: Dataset | undefined
}

/** What is known once the original has been opened and has answered a row. */
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
 * the rows of a phase. Each result is evidence, and is cached under everything that it depends on.
 */
export class Workbench {
  readonly original: Built
  readonly rows: Readonly<Record<Phase, RowsOf>>
  readonly inspection: InspectionReport
  /** Whether products of codes saturate in 16 bits where the models run; false for `portable`, whose weights never let them. */
  readonly saturates: boolean
  /** What opening the original and one run took, in milliseconds: a rough idea, not a timing. */
  readonly seen: { readonly openMs: number; readonly runMs: number }
  /** Seconds for timing two forms of the float model against each other; with 0 it keeps its own form. */
  formSeconds = FORM_SECONDS
  readonly #options: WorkbenchOptions
  readonly #known: EvidenceOptions
  readonly #feeds: Feeds
  readonly #place: RunsOn
  readonly #repeats: Opened['repeats']
  readonly #forms: FloatForms
  readonly #judge: CandidateJudge
  readonly #files: ModelFiles | null
  readonly #dependences = new Map<Built, Promise<string | null>>()
  /** Tensors that the candidates' recipes refer to, by digest. */
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
    this.#known = { ...this.#options, ...rows.calibrate, feeds, runMs: seen.runMs }
    this.#judge = new CandidateJudge(original, session, rows, place, this.#options)
    // Browsers round differently from this process, so there the original must answer beside the lossless model.
    const lend: LendOriginal | null = options.target === 'web' ? null : (ask) => this.#judge.lend(original, ask)
    this.#forms = new FloatForms(original.model, rows.calibrate, this.#options, lend, async (forms) => {
      if (this.formSeconds <= 0) return null
      const built = forms.map(({ id, trail }) => builtFrom({ id, words: id }, trail, {}, []))
      return (await this.time(built, this.formSeconds, 'choose')).models.slice(1).map(({ p50Ms }) => p50Ms)
    })
  }

  /** Splits the rows by seed, and checks that the original loads and runs on the first one. */
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
      // Where there is only one row, which goes to proving, timing takes its shapes from that one.
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

  /** One row as the model is fed it, as far as a report may show it. */
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

  /** Processes among which a candidate that is judged alone divides its rows. */
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

  /** Whether the file rounds values in each run or multiplies in float64: candidates are made from a form that does neither. */
  async isRounded(): Promise<boolean> {
    return (await this.#forms.unrounded()) !== null
  }

  /** The form that shows what can be quantized, where a fused operator would hide it; see `FloatForms.forProducts`. */
  forProducts(): Promise<Model> {
    return this.#forms.forProducts()
  }

  /** Whether static integers or removing channels can change anything; see `FloatForms.hasProducts`. */
  hasProducts(): Promise<boolean> {
    return this.#forms.hasProducts()
  }

  /** Adds a trained model; from now on candidates may be made of it under this name. */
  addTrained(name: string, trail: Trail): void {
    this.#forms.add(name, trail)
  }

  /** See `FloatForms.addSpared`. */
  async addSpared(name: string, noise: number): Promise<Spared | null> {
    const spared = await this.#forms.addSpared(name, noise)
    for (const [digest, numbers] of spared?.tensors ?? []) this.tensors.set(digest, numbers)
    return spared
  }

  /** Makes the model of a specification: takes the float form that suits it through the passes of its scheme. */
  async build(asked: CandidateSpec): Promise<Built> {
    this.#options.signal?.throwIfAborted()
    const unrounded = asked.scheme && asked.base === undefined && (await this.#forms.unrounded())
    const words = asked.words.replace(/^lossless, then /, 'lossless, in float32 throughout, then ')
    const spec = unrounded ? { ...asked, words } : asked
    const float = await this.#forms.of(spec)
    const trail = await readyFor(await easedOutliers(float, spec, this.#known), spec)
    return spec.scheme ? this.#quantized(trail, { ...spec, scheme: spec.scheme }) : this.#unquantized(trail, spec)
  }

  /** A candidate that no scheme quantizes: the lossless model, a trained one, or one without the file's own roundings. */
  async #unquantized(trail: Trail, spec: CandidateSpec): Promise<Built> {
    if (spec.base === undefined && !spec.unrounded) return builtFrom(spec, (await this.lossless()).trail, {}, [])
    // A tuned model is in integers already.
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
    const evidence = await evidenceFor(trail.model, spec, this.#known)
    const block = await this.#forms.block()
    const curves = scheme === 'static-int8' ? await curvesOn(target, trail.model, cache) : undefined
    const fill = await this.#forms.fillBehind(spec)
    const steps = quantizeSteps({ scheme, target, saturates, block, fill, curves, recurrent, rounding, pass }, evidence)
    const quantized = await advanceOnThreads(
      trail,
      rounding ? await this.#taught(trail.model, scheme, steps, rounding) : steps,
    )
    const next = await this.#forms.finished(quantized)
    const run = quantizationRun(next, scheme)
    const layers = recurrent ? quantizationRun(next, 'dynamic-int8') : undefined
    return builtFrom(spec, next, { ...run.planned, ...layers?.planned }, run.refused, run.expectedNoise)
  }

  async #taught(model: Model, scheme: Scheme, steps: ReturnType<typeof quantizeSteps>, rounding: Rounding) {
    const taught = await taughtSteps(model, scheme, steps, { ...this.#options, ...this.rows.calibrate, rounding })
    for (const { tensors } of taught.flatMap(({ evidence = [] }) => evidence))
      for (const [digest, numbers] of tensors ?? []) this.tensors.set(digest, numbers)
    return taught
  }

  /** What the nodes of the lossless model cost on either side; null where this candidate's integers go by formulas. */
  async costsFor(spec: CandidateSpec): Promise<CostsReport | null> {
    return spec.measuredCosts
      ? costsFor((await this.#forms.of({ scheme: 'static-int8' })).model, spec, this.#known)
      : null
  }

  kernels(built: Built): Promise<ReadKernels> {
    return readKernels(built.model, built.planned, this.#options.target)
  }

  /** Why the runtime refuses a candidate, or null where it takes it. */
  async refusal({ model }: Built): Promise<string | null> {
    return (await refusalBy(this.#place.open, model))?.message ?? null
  }

  /** Times the original and the candidates side by side, one row a run; nothing else runs meanwhile. */
  async time(candidates: readonly Built[], maxSeconds: number, purpose: TimingPurpose): Promise<LatencyReport> {
    await this.#judge.release()
    const subjects = [this.original, ...candidates]
    return timeSideBySide(subjects, this.#feeds, this.#place, { ...this.#options, maxSeconds, purpose })
  }

  /** Compares a candidate with the original on the rows of a phase, or on `most` of them. */
  judge(built: Built, phase: 'select' | 'prove', most?: number): Promise<ComparisonReport> {
    return this.#judge.judge(built, phase, most)
  }

  /** Whether this many rows can prove anything at all: even where no answer changes, some are needed. */
  canProve(rows: number): boolean {
    return rows >= requiredN({ discordance: 0, ...this.#options })
  }

  /** Whether `judge` would answer from the cache, because this search or an earlier one has judged the candidate. */
  isJudged(built: Built, phase: 'select' | 'prove', most?: number): Promise<boolean> {
    return this.#judge.isKept(built, phase, most)
  }

  /** The proofs by which earlier searches went that asked the same question of the same proof rows. */
  earlierProofs(): Promise<readonly ComparisonReport[]> {
    return this.#judge.earlierProofs()
  }

  /** Keeps a proof for the searches that ask the same after this one. */
  keepProof(proof: ComparisonReport): Promise<void> {
    return this.#judge.keepProof(proof)
  }

  /** Why a candidate's answers depend on the rows beside them; null where they do not, or the original's do as well. */
  dependence(built: Built): Promise<string | null> {
    const { data, indices } = this.rows.select.indices.length > 1 ? this.rows.select : this.rows.prove
    const known = this.#dependences.get(built)
    if (known) return known
    const lend = this.#judge.lend.bind(this.#judge)
    const looked = neighboursChange<Built>(lend, this.original, built, data, indices)
    this.#dependences.set(built, looked)
    return looked
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
      // A refusal of the runtime must not cost the whole search; a fault of ours must show.
      if (error instanceof UserError) return null
      throw error
    }
  }
}
