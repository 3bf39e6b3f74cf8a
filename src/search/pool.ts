import { foretell, type Odds } from '../evaluate/index.ts'
import {
  type Built,
  type CandidateSpec,
  provePortable,
  type ReadKernels,
  type TimingPurpose,
  type Workbench,
} from '../recipe/index.ts'
import type { ComparisonReport, LatencyReport, OptimizationReport } from '../report/index.ts'
import { mayPass } from './assurance.ts'
import { Baseline } from './baseline.ts'
import type { Budget } from './budget.ts'
import { brokenByOriginal, fitsGoal, type Original, whyHopeless } from './gain.ts'
import { figureOf, type Goal, isTimed, NO_WORSE } from './goal.ts'
import { halve } from './halve.ts'
import { JudgingSteps } from './judging-steps.ts'
import { louderMixtures } from './louder-mixtures.ts'
import { byPreference, type Standing, worthMore } from './preference.ts'
import { sideBySide } from './side-by-side.ts'
import { openedSeconds, warmSeconds } from './time-estimates.ts'
import {
  decibelsMissing,
  FAR_DECIBELS,
  firstResult,
  hasOtherBase,
  isWorse,
  quietestFirst,
  secure,
  type Trial,
  timedOf,
  usable,
  withNoise,
} from './trial.ts'

/** The candidates of a search, by id, and what may be done with them: build, time, judge, ask for the figure. */
export class Pool {
  readonly bench: Workbench
  readonly goal: Goal
  readonly warnings: string[] = []
  readonly #reasonsTold = new Set<string>()
  readonly #trials = new Map<string, Trial>()
  readonly #say: (text: string) => void
  readonly #baseline: Baseline
  readonly #budget: Budget
  readonly #steps: JudgingSteps

  /** How many candidates are built or judged at a time. */
  readonly workers: number
  /** How many of the proof rows there is time to prove on. */
  proofRows: number

  constructor(bench: Workbench, goal: Goal, budget: Budget, say: (text: string) => void, workers: number) {
    this.bench = bench
    this.#baseline = new Baseline(bench.original.bytes)
    this.#budget = budget
    this.#steps = new JudgingSteps(bench, budget)
    this.workers = workers
    this.proofRows = bench.rows.prove.indices.length
    this.goal = goal
    this.#say = say
  }

  get trials(): readonly Trial[] {
    return [...this.#trials.values()]
  }

  get baseline(): OptimizationReport['baseline'] | undefined {
    return this.#baseline.figures
  }

  get(id: string): Trial {
    const trial = this.#trials.get(id)
    if (!trial) throw new Error(`internal: there is no candidate ${id}`)
    return trial
  }

  get lossless(): Trial | undefined {
    return this.#trials.get('lossless')
  }

  /** Builds a candidate; null where it equals one that is there. */
  async build(spec: CandidateSpec): Promise<Trial | null> {
    return (await this.buildAll([spec]))[0] ?? null
  }

  /**
   * Builds candidates side by side, each as `build` does and in the order given. Whatever these ask the bench to time
   * must have been timed before: nothing else runs beside a timing.
   */
  async buildAll(specs: readonly CandidateSpec[]): Promise<readonly Trial[]> {
    const made = await sideBySide(specs, this.workers, async (spec) => {
      this.#say(`building ${spec.id}`)
      const tick = this.#budget.meter('building')
      tick(0, 1)
      const built = await this.bench.build(spec)
      const integers = spec.scheme || Object.keys(built.planned).length > 0
      const read = integers ? await this.bench.kernels(built) : null
      const refused = read?.reason ? await this.bench.refusal(built) : null
      tick(1, 1)
      return { built, read, refused }
    })
    return made.flatMap(({ built, read, refused }) => {
      if (refused === null) return this.#admit(built, read) ?? []
      // One that the runtime does not take must not end the search: the others go on.
      this.#warn(`${built.spec.id} was left out: `, refused)
      return []
    })
  }

  #admit(built: Built, read: ReadKernels | null): Trial | null {
    const { spec } = built
    const same = this.trials.find((trial) => trial.built.digest === built.digest)
    if (same) {
      const { id, alsoMadeAs = [] } = same.result
      if (spec.id !== id && !alsoMadeAs.includes(spec.id))
        same.result = { ...same.result, alsoMadeAs: [...alsoMadeAs, spec.id] }
      return null
    }
    if (built.digest === this.bench.original.digest) {
      this.warnings.push(
        spec.id === 'lossless' ? 'the lossless passes found nothing to do' : `${spec.id} leaves the model as it is`,
      )
      return null
    }
    const portable = this.bench.target === 'portable' ? provePortable(built.model) : null
    if (portable && !portable.proven) {
      this.warnings.push(`${spec.id} was left out: ${portable.sentence}`)
      return null
    }
    // Where one candidate cannot be read back, often none can: the reason is told once.
    if (read?.reason && !this.#reasonsTold.has(read.reason)) this.#warn(`${spec.id}: `, read.reason)
    const trial: Trial = { built, result: firstResult(built, read), comparison: null, dropped: false, noteUntil: null }
    this.#trials.set(spec.id, trial)
    return trial
  }

  #warn(what: string, reason: string): void {
    this.#reasonsTold.add(reason)
    this.warnings.push(`${what}${reason}`)
  }

  /** Times these candidates side by side with the original, which is timed in any case. */
  async time(
    trials: readonly Trial[],
    maxSeconds: number,
    purpose: TimingPurpose = 'choose',
  ): Promise<LatencyReport | null> {
    if (trials.length === 0 && this.baseline) return null
    const report = await this.bench.time(
      trials.map((trial) => trial.built),
      // Nobody counts how long models take to open and to warm up before they are timed.
      Math.max(maxSeconds / 2, maxSeconds - warmSeconds(this.bench.seen, trials.length + 1)),
      purpose,
    )
    this.#baseline.timed(report.models[0]!, purpose)
    for (const [i, trial] of trials.entries()) {
      const ratio = report.ratios.find((item) => item.other === trial.built.spec.id) ?? null
      const speedup = ratio ? 1 / ratio.median : null
      const { ratio: ratioBefore } = trial.result
      const before = purpose === 'confirm' && ratioBefore ? { ratioBefore } : null
      if (trial.noteUntil === 'timed') this.withdrawNote(trial)
      trial.result = { ...trial.result, ...before, ...timedOf(report.models[i + 1]!), ratio, speedup }
      if (ratioBefore) this.#lendAgain(trial, ratioBefore, trials, before)
    }
    return report
  }

  /**
   * Those that shared the earlier timing of `trial`, one object in all of them, share the later: of the same kernels and
   * the same bytes none may look faster than another because the machine was quieter before.
   */
  #lendAgain(
    trial: Trial,
    earlier: NonNullable<Trial['result']['ratio']>,
    timed: readonly Trial[],
    before: Pick<Trial['result'], 'ratioBefore'> | null,
  ): void {
    for (const other of this.trials) {
      if (timed.includes(other) || other.result.ratio !== earlier) continue
      const [{ note }, until] = [other.result, other.noteUntil]
      this.borrowTiming(other, trial)
      if (note !== undefined) this.note(other, note, until)
      other.result = { ...other.result, ...before }
    }
  }

  /** Same kernels on the same shapes take the same time; the chosen one is timed by itself before it is handed out. */
  borrowTiming(trial: Trial, from: Trial): void {
    const { ratio, speedup } = from.result
    trial.result = { ...trial.result, ...timedOf(from.result), ratio, speedup }
    this.note(trial, `time as measured for ${from.built.spec.id}, which has the same kernels`, 'timed')
  }

  /** Judges on the selection rows, or `rows` of them. */
  async judge(trial: Trial, rows?: number): Promise<void> {
    if (this.bench.rows.select.indices.length === 0) return
    const comparison = await this.bench.judge(trial.built, 'select', rows)
    trial.comparison = comparison
    this.noteMetric(comparison)
    if (trial.noteUntil === 'judged') this.withdrawNote(trial)
    trial.result = {
      ...withNoise(trial.result, comparison),
      verdict: comparison.verdict,
      grade: comparison.grade,
      metric: comparison.candidate.value ?? comparison.agreement?.rate ?? null,
      judgedRows: comparison.n,
    }
  }

  /** Whether there is time to judge so many candidates on the first rows. */
  affords(candidates: number): boolean {
    return this.#steps.affords(candidates)
  }

  /** Whether there is time to judge these on the first rows, or on those of a later step: what is kept takes none. */
  affordsJudging(trials: readonly Trial[], step = 0): Promise<boolean> {
    return this.#steps.affordsJudging(trials, step)
  }

  /** Seconds that building so many candidates of known evidence and judging them on the first rows takes. */
  firstRowsSeconds(candidates: number): number {
    return candidates * openedSeconds(this.bench.seen) + this.#steps.seconds(candidates)
  }

  async judgeFirstRows(trial: Trial): Promise<void> {
    await this.#steps.goOnFrom([trial])
    return this.judge(trial, this.#steps.rungs[0])
  }

  /**
   * Judges on more and more selection rows, for as long as there is time and these do not show that it is worse, or too
   * loud to be handed out.
   */
  async climb(trial: Trial): Promise<void> {
    await this.#steps.goOnFrom([trial])
    for (const [step, rows] of this.#steps.rungs.entries()) {
      if (step > 0 && !(await this.affordsJudging([trial], step))) return this.#steps.endsAt(step, [trial])
      await this.judge(trial, rows)
      if (this.isOut(trial)) return
    }
  }

  /**
   * Whether it is shown to be worse, or more rows would only tell how loud it is: where they are quick, noise that is
   * near enough may still turn out to be of a few rows.
   */
  isOut(trial: Trial): boolean {
    if (isWorse(trial)) return true
    if (usable(trial.result) || mayPass(this.odds(trial))) return false
    return this.#steps.rowsAreSlow || decibelsMissing(trial) >= FAR_DECIBELS
  }

  /** Judges candidates side by side, each by itself. */
  async climbAll(trials: readonly Trial[]): Promise<void> {
    await sideBySide(trials, this.workers, (trial) => this.climb(trial))
  }

  /** Judges candidates that run the same kernels, and leaves one of them: see `halve`. */
  halve(trials: readonly Trial[]): Promise<Trial> {
    return halve(this, this.#steps, trials)
  }

  /** The original's own score, from the most rows that it was seen on. */
  noteMetric(comparison: ComparisonReport): void {
    this.#baseline.scored(comparison)
  }

  /**
   * The original's own score where rows have one and no candidate was judged: on the selection rows, some of them
   * where there is little time.
   */
  async scoreOriginal(): Promise<void> {
    const { select, prove } = this.bench.rows
    // Of one row or two none is left to select by, and every proof shows these to the original.
    const phase = select.indices.length > 0 ? 'select' : 'prove'
    const rows = (phase === 'select' ? select : prove).indices.length
    const all = rows <= this.#budget.affordableRows(this.#budget.left)
    this.noteMetric(await this.bench.judge(this.bench.original, phase, all ? rows : this.#steps.rungs[0]))
  }

  /** Says in the report what became of a candidate, in place of what was said before. */
  note(trial: Trial, note: string, until: Trial['noteUntil'] = null): void {
    trial.result = { ...trial.result, note }
    trial.noteUntil = until
  }

  withdrawNote(trial: Trial): void {
    const { note: _, ...result } = trial.result
    trial.result = result
    trial.noteUntil = null
  }

  /** Says why no rows were spent on a candidate, or no more than some. */
  noteNotJudged(trial: Trial, why: string): void {
    if (trial.comparison) this.note(trial, `judged on ${trial.comparison.n} rows only: ${why}`)
    else this.note(trial, `not judged: ${why}`, 'judged')
  }

  noteNotNeeded(trial: Trial, better: Trial): void {
    // Of that moment: a later timing may tell otherwise of both.
    const { id } = better.built.spec
    const safe = better === this.lossless ? 'which gives the same answers' : 'which was expected to stay near enough'
    this.noteNotJudged(trial, `${id}, ${safe}, was ${NO_WORSE[this.goal.name]} by then`)
  }

  /** Leaves a candidate out of the race. */
  drop(trial: Trial, why: string): void {
    trial.dropped = true
    this.note(trial, why)
  }

  /** The goal's figure, smaller is better. */
  figure(trial: Trial): number {
    return figureOf(this.goal, trial.result) ?? Number.POSITIVE_INFINITY
  }

  /** The best in the goal first; what the clock cannot tell apart in the order of the plan. */
  inOrder(trials: readonly Trial[]): readonly Trial[] {
    return byPreference(trials.map((trial) => ({ trial, ...this.standing(trial) }))).map(({ trial }) => trial)
  }

  /** What the selection rows foretell of the proof, on so many rows. */
  odds(trial: Trial, rows = this.proofRows): Odds {
    const roundings = this.trials.filter((other) => !hasOtherBase(other) && other !== this.lossless)
    return foretell(
      trial.comparison,
      rows,
      roundings.flatMap(({ comparison }) => comparison ?? []),
      louderMixtures(trial, this.trials),
    )
  }

  /** The goal's figure of the original. */
  get figureBefore(): number {
    const { baseline, goal } = this
    return isTimed(goal) || !baseline ? 1 : (figureOf(goal, { ...baseline, ratio: null }) ?? Number.POSITIVE_INFINITY)
  }

  /** The best in the goal first; what the clock cannot tell apart quieter first, whatever the size of the files. */
  inOrderOfPromise(trials: readonly Trial[]): readonly Trial[] {
    const standings = quietestFirst(trials).map((trial) => ({ trial, ...this.standing(trial), bytes: 0 }))
    return byPreference(standings).map(({ trial }) => trial)
  }

  /** Whether it is expected to hold on the proof rows. */
  secure(trial: Trial): boolean {
    return secure(trial, this.odds(trial))
  }

  /** One that makes rows for this one idle: no worse in the goal, and safe; a lossless model that fits is by what it is. */
  betterAndSafe(trial: Trial): Trial | undefined {
    return this.trials.find(
      (other) =>
        other !== trial &&
        (other === this.lossless ? this.fitsGoal(other) : this.secure(other)) &&
        !worthMore(this.standing(trial), this.standing(other)),
    )
  }

  /** What decides whether it is worth having: the goal's figure, and in a tie the size of the file and whether answers stay. */
  standing(trial: Trial): Standing {
    const interval = isTimed(this.goal) ? trial.result.ratio?.ci : undefined
    return { figure: this.figure(trial), interval, bytes: trial.built.bytes, sameAnswers: trial === this.lossless }
  }

  /** What limit the original breaks, or null: where it breaks one, keeping all of them is a gain by itself. */
  get originalBreaks(): string | null {
    return brokenByOriginal(this.goal, this.#original)
  }

  /** Not better than the original in the goal, or over a limit: not worth rows. */
  hopeless(trial: Trial): boolean {
    return this.whyHopeless(trial) !== null
  }

  /** Why it is, or null. */
  whyHopeless({ result }: Trial): string | null {
    return whyHopeless(this.goal, this.#original, result)
  }

  /** Says of each hopeless candidate why it is, which outweighs whatever its note said before. */
  noteHopeless(): void {
    for (const trial of this.trials) {
      const reason = this.whyHopeless(trial)
      if (reason !== null) this.note(trial, reason)
    }
  }

  /** Better in the goal than the original (for latency: not slower, by the interval), and within every limit. */
  fitsGoal({ result }: Trial): boolean {
    return fitsGoal(this.goal, this.#original, result)
  }

  get #original(): Original {
    return { bytes: this.bench.original.bytes, baseline: this.baseline }
  }
}
