import { type CandidateSpec, type Dataset, diskCache, type Model, Workbench } from '../recipe/index.ts'
import type { ComparisonReport, LatencyReport, OptimizationReport } from '../report/index.ts'
import { chooseByProof } from './choose.ts'
import { type Contender, finalists } from './finalists.ts'
import { brokenLimit, figureOf, type Goal } from './goal.ts'
import type { Optimized, OptimizeOptions } from './options.ts'
import { calibrationSpecs, dataFreeSpecs, placementSpecs, withFloat } from './plan.ts'
import { reportOn } from './report-on.ts'
import { worstNoise } from './sentence.ts'
import { firstResult, promising, safetyOf, secure, type Trial } from './trial.ts'

/** Finalists that may touch the proof rows. */
const FINALISTS = 4
const DEFAULT_TIME = 300_000
/** Shares of the integer products that `repair` leaves in float, the most sensitive first. */
const FLOAT_SHARES = [0.1, 0.2, 0.3, 0.4, 0.55, 0.7]
/** Candidates that are judged even when the time is up: without a verdict nothing can be handed out. */
const ALWAYS_JUDGED = 3
/** What a candidate must save over the lossless model in the goal to be worth any change of answers. */
const WORTH_IT = 0.98
/** A candidate must beat this ratio by its whole interval to count as not slower. */
const NOT_SLOWER = 1.02

/**
 * Plans candidates, builds them, times them side by side with the original, judges them on the selection rows, proves
 * the finalists on rows that nothing else has touched, and chooses. What is handed out was measured better in the goal
 * and passed; else it is the lossless model, or the original, with the reason.
 */
export async function optimize(model: Model, data: Dataset, options: OptimizeOptions = {}): Promise<Optimized> {
  const run = new Optimization(model, data, options)
  return run.go()
}

class Optimization {
  readonly #model: Model
  readonly #data: Dataset
  readonly #options: OptimizeOptions
  readonly #goal: Goal
  readonly #trials = new Map<string, Trial>()
  readonly #warnings: string[] = []
  readonly #elapsed: Record<string, number> = {}
  readonly #started = performance.now()
  #bench!: Workbench
  #baseline: OptimizationReport['baseline'] | undefined

  constructor(model: Model, data: Dataset, options: OptimizeOptions) {
    this.#model = model
    this.#data = data
    this.#options = options
    const { goal = 'latency', maxBytes, maxP99Ms, maxRssBytes } = options
    this.#goal = {
      name: goal,
      ...(maxBytes === undefined ? {} : { maxBytes }),
      ...(maxP99Ms === undefined ? {} : { maxP99Ms }),
      ...(maxRssBytes === undefined ? {} : { maxRssBytes }),
    }
  }

  async go(): Promise<Optimized> {
    const {
      margin = 0.01,
      alpha = 0.05,
      seed = 0,
      threads = 1,
      target = 'native',
      cache = diskCache(),
      calibration,
      proof,
    } = this.#options
    this.#bench = await this.#phase('reading', () =>
      Workbench.open(this.#model, this.#data, {
        ...this.#options,
        margin,
        alpha,
        seed,
        threads,
        target,
        cache,
        calibrationData: calibration,
        proofData: proof,
      }),
    )
    try {
      await this.#phase('building', () => this.#buildFirst())
      await this.#phase('timing', () => this.#time([...this.#trials.keys()], this.#seconds(20)))
      await this.#phase('calibrations', () => this.#refine())
      await this.#phase('judging', () => this.#judgeAll())
      await this.#phase('sensitive nodes', () => this.#repair())
      const choice = await this.#phase('proving', () => this.#prove())
      return await this.#phase('reporting', () => this.#report(choice))
    } finally {
      await this.#bench.close()
    }
  }

  async #phase<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.#options.signal?.throwIfAborted()
    this.#options.onProgress?.(name)
    const from = performance.now()
    const result = await work()
    this.#elapsed[name] = Math.round(performance.now() - from) / 1000
    return result
  }

  get #timeLeft(): boolean {
    return performance.now() - this.#started < (this.#options.time ?? DEFAULT_TIME)
  }

  /** What one timing may take, in seconds: less than `most` where little time was given in all. */
  #seconds(most: number): number {
    return Math.min(most, (this.#options.time ?? DEFAULT_TIME) / 1000 / 6)
  }

  async #buildFirst(): Promise<void> {
    await this.#build({ id: 'lossless', words: 'same answers from fewer operators' })
    if (this.#bench.rows.calibrate.indices.length > 0) for (const spec of placementSpecs()) await this.#build(spec)
    else this.#warnings.push('static int8 was not tried: there is no row to calibrate on')
    for (const spec of dataFreeSpecs(this.#bench.inspection, this.#goal.name)) await this.#build(spec)
  }

  /** Builds a candidate unless it equals one that is there; what did not become integer is dropped with the reason. */
  async #build(spec: CandidateSpec): Promise<Trial | null> {
    this.#options.onProgress?.(`building ${spec.id}`)
    const built = await this.#bench.build(spec)
    const twin = [...this.#trials.values()].find((trial) => trial.built.digest === built.digest)
    if (twin) return null
    if (spec.id === 'lossless' && built.digest === this.#bench.original.digest) {
      this.#warnings.push('the lossless passes found nothing to do')
      return null
    }
    const read = spec.scheme ? await this.#bench.kernels(built) : null
    if (read?.reason) this.#warnings.push(`${spec.id}: ${read.reason}`)
    const trial: Trial = { built, result: firstResult(built, read), p99Ms: null, comparison: null }
    this.#trials.set(spec.id, trial)
    return trial
  }

  /** Times the named trials side by side with the original. */
  async #time(ids: readonly string[], maxSeconds: number): Promise<LatencyReport | null> {
    if (ids.length === 0 && this.#baseline) return null
    const trials = ids.map((id) => this.#trials.get(id)!)
    const report = await this.#bench.time(
      trials.map((trial) => trial.built),
      maxSeconds,
    )
    const original = report.models[0]!
    this.#baseline ??= {
      bytes: this.#bench.original.bytes,
      p50Ms: original.p50Ms,
      loadMs: original.loadMs,
      peakRssBytes: original.peakRssBytes,
      metric: null,
      metricName: 'agreement',
    }
    for (const [i, trial] of trials.entries()) {
      const timed = report.models[i + 1]!
      const ratio = report.ratios.find((item) => item.other === trial.built.spec.id) ?? null
      trial.p99Ms = timed.p99Ms
      trial.result = {
        ...trial.result,
        p50Ms: timed.p50Ms,
        loadMs: timed.loadMs,
        peakRssBytes: timed.peakRssBytes,
        ratio,
        speedup: ratio ? 1 / ratio.median : null,
      }
    }
    return report
  }

  /** The other calibrations of the placement that is best in the goal. */
  async #refine(): Promise<void> {
    const statics = [...this.#trials.values()].filter(
      (trial) => trial.built.spec.scheme === 'static-int8' && !this.#hopeless(trial),
    )
    const best = statics.sort((a, b) => this.#figure(a) - this.#figure(b))[0]
    if (!best) return
    for (const spec of calibrationSpecs(best.built.spec)) {
      if (!this.#timeLeft) return
      const trial = await this.#build(spec)
      // Same kernels on the same shapes: the ranges do not change the time. The chosen one is timed again.
      if (trial) this.#borrowTiming(trial, best)
    }
  }

  #borrowTiming(trial: Trial, from: Trial): void {
    const { p50Ms, loadMs, peakRssBytes, ratio, speedup } = from.result
    trial.p99Ms = from.p99Ms
    trial.result = {
      ...trial.result,
      p50Ms,
      loadMs,
      peakRssBytes,
      ratio,
      speedup,
      note: `time as measured for ${from.built.spec.id}, which has the same kernels`,
    }
  }

  /** Candidates that may win, the best in the goal first, so that the time goes where it decides something. */
  async #judgeAll(): Promise<void> {
    const worth = [...this.#trials.values()].filter(
      (trial) => trial.built.spec.id !== 'lossless' && !this.#hopeless(trial),
    )
    worth.sort((a, b) => this.#figure(a) - this.#figure(b))
    for (const [place, trial] of worth.entries()) {
      if (place >= ALWAYS_JUDGED && !this.#timeLeft)
        trial.result = { ...trial.result, note: 'not judged: the time was up' }
      else await this.#judge(trial)
    }
  }

  async #judge(trial: Trial): Promise<void> {
    if (this.#bench.rows.select.indices.length === 0) return
    const comparison = await this.#bench.judge(trial.built, 'select')
    trial.comparison = comparison
    this.#baseline = { ...this.#baseline!, metric: comparison.base.value, metricName: comparison.metric }
    trial.result = {
      ...trial.result,
      verdict: comparison.verdict,
      grade: comparison.grade,
      metric: comparison.candidate.value ?? comparison.agreement?.rate ?? null,
      sqnrDb: worstNoise(comparison),
    }
  }

  /** Where no integer candidate is secure, leaves its most disturbing nodes in float, more each time. */
  async #repair(): Promise<void> {
    const statics = [...this.#trials.values()].filter(
      (trial) => trial.built.spec.scheme === 'static-int8' && trial.comparison,
    )
    if (statics.length === 0 || statics.some(secure)) return
    const best = statics.sort((a, b) => safetyOf(b) - safetyOf(a))[0]!
    const { nodes } = await this.#bench.sensitivity(best.built)
    const worst = nodes
      .filter((node) => node.sqnrDb !== null)
      .sort((a, b) => a.sqnrDb! - b.sqnrDb!)
      .map((node) => node.name)
    const added: string[] = []
    for (const share of FLOAT_SHARES) {
      if (!this.#timeLeft) break
      const keep = worst.slice(0, Math.max(1, Math.ceil(worst.length * share)))
      const trial = await this.#build(withFloat(best.built.spec, keep))
      if (!trial) continue
      added.push(trial.built.spec.id)
      await this.#judge(trial)
      if (secure(trial)) break
    }
    if (added.length > 0) await this.#time(added, this.#seconds(10))
  }

  /** Worse than the original in the goal or over a limit: not worth rows. */
  #hopeless(trial: Trial): boolean {
    const limit = brokenLimit(this.#goal, { ...trial.result, p99Ms: trial.p99Ms })
    if (limit) {
      trial.result = { ...trial.result, note: `over the limit: ${limit}` }
      return true
    }
    if (trial.built.spec.id === 'lossless') return false
    const { ratio, bytes } = trial.result
    if (this.#goal.name === 'size') {
      const smaller = bytes !== null && bytes < this.#bench.original.bytes
      if (!smaller) trial.result = { ...trial.result, note: 'not smaller than the original' }
      return !smaller
    }
    if (this.#goal.name === 'memory') return false
    const faster = ratio !== null && ratio.ci[1] < 1
    if (!faster) trial.result = { ...trial.result, note: 'not faster than the original' }
    return !faster
  }

  #figure(trial: Trial): number {
    return figureOf(this.#goal, { ...trial.result, p99Ms: trial.p99Ms }) ?? Number.POSITIVE_INFINITY
  }

  /** Judges on the proof rows; the verdict takes the place of the one from the selection rows. */
  async #proofOf(trial: Trial): Promise<ComparisonReport> {
    const proof = await this.#bench.judge(trial.built, 'prove')
    trial.result = { ...trial.result, verdict: proof.verdict, grade: proof.grade }
    return proof
  }

  async #prove() {
    const lossless = this.#trials.get('lossless')
    const contenders: Contender[] = [...this.#trials.values()]
      .filter(
        (trial) =>
          trial !== lossless &&
          !this.#hopeless(trial) &&
          (trial.comparison === null ? this.#bench.rows.select.indices.length === 0 : promising(trial)),
      )
      .map((trial) => ({ id: trial.built.spec.id, figure: this.#figure(trial), safety: safetyOf(trial) }))
      .filter((contender) => !lossless || contender.figure < WORTH_IT * this.#figure(lossless))
    const chain = finalists(contenders, FINALISTS)
    if (lossless && !this.#fitsGoal(lossless) && !lossless.result.note)
      lossless.result = {
        ...lossless.result,
        note:
          this.#goal.name === 'latency' || this.#goal.name === 'cost'
            ? 'not shown to be as fast as the original'
            : 'not better in the goal than the original',
      }
    const first: readonly Contender[] =
      lossless && this.#fitsGoal(lossless)
        ? [{ id: 'lossless', figure: this.#figure(lossless), safety: Number.POSITIVE_INFINITY }]
        : []
    const choice = await chooseByProof([...first, ...chain], (id) => this.#proofOf(this.#trials.get(id)!), {
      provenOnly: this.#options.provenOnly ?? false,
    })
    return this.#confirm(choice)
  }

  /** Better in the goal than the original (for latency: not slower, by the interval), and within every limit. */
  #fitsGoal(trial: Trial): boolean {
    const { ratio, bytes, peakRssBytes } = trial.result
    if (brokenLimit(this.#goal, { ...trial.result, p99Ms: trial.p99Ms })) return false
    if (this.#goal.name === 'size') return bytes !== null && bytes < this.#bench.original.bytes
    if (this.#goal.name === 'memory') {
      const before = this.#baseline?.peakRssBytes ?? null
      return peakRssBytes !== null && before !== null && peakRssBytes < before
    }
    return ratio !== null && ratio.ci[1] < NOT_SLOWER
  }

  /** Times the chosen one alone against the original once more: the promise is about this very file. */
  async #confirm(choice: Awaited<ReturnType<typeof chooseByProof>>): Promise<typeof choice> {
    if (choice.id === 'original') return choice
    const trial = this.#trials.get(choice.id)!
    await this.#time([choice.id], this.#seconds(15))
    if (trial.result.note?.startsWith('time as')) {
      const { note: _, ...rest } = trial.result
      trial.result = rest
    }
    if (this.#fitsGoal(trial)) return choice
    const lossless = this.#trials.get('lossless')
    trial.result = { ...trial.result, note: 'not confirmed: slower than the original when timed again' }
    if (lossless && lossless !== trial && this.#fitsGoal(lossless)) {
      const proof = await this.#bench.judge(lossless.built, 'prove')
      if (proof.verdict === 'pass' || (proof.grade === 'close' && !this.#options.provenOnly))
        return {
          id: 'lossless',
          proof,
          reason: `${choice.id} was not confirmed to be faster when timed again alone, so the lossless model is handed out.`,
        }
    }
    return {
      id: 'original',
      proof: null,
      reason: `${choice.id} was not confirmed to be faster when timed again alone, so the original is handed out.`,
    }
  }

  async #report(choice: Awaited<ReturnType<typeof chooseByProof>>): Promise<Optimized> {
    const { options, bench } = { options: this.#options, bench: this.#bench }
    if (this.#baseline === undefined) await this.#time([], this.#seconds(5))
    const chosen = this.#trials.get(choice.id)
    if (chosen && choice.proof) {
      const { verdict, grade } = choice.proof
      // The table compares all candidates on the same rows, so the metric stays that of the selection.
      chosen.result = { ...chosen.result, verdict, grade }
      if (this.#baseline!.metric === null)
        this.#baseline = { ...this.#baseline!, metric: choice.proof.base.value, metricName: choice.proof.metric }
    }
    return reportOn({
      bench,
      goal: this.#goal,
      options,
      trials: [...this.#trials.values()],
      choice,
      baseline: this.#baseline!,
      data: this.#data,
      elapsed: this.#elapsed,
      warnings: this.#warnings,
    })
  }
}
