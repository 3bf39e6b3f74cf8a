import { spreadRows } from '../../data/index.ts'
import type { Session } from '../../engine/index.ts'
import { compare, type Metric } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import type { ComparisonReport, Target } from '../../report/index.ts'
import type { Built } from '../candidate.ts'
import type { EvidenceCache } from '../evidence/evidence-cache.ts'
import { type Metered, noMeter } from '../meter.ts'
import type { RunsOn } from '../runs-on.ts'
import type { Phase, RowsOf } from '../share-rows.ts'
import { earlierProofs, keepProof } from './earlier-proofs.ts'
import { AnswerMemory, memoSession } from './memo-session.ts'
import { nameModels } from './name-models.ts'
import { inTwoProcesses } from './two-processes.ts'

/** What is the same for all candidates of one original. */
export interface JudgingOptions extends Metered {
  readonly target: Target
  readonly margin: number
  readonly alpha: number
  readonly threads: number
  /** Models that may run at a time beside the original; 1 by default. */
  readonly workers?: number | undefined
  readonly metric?: string | Metric | undefined
  readonly label?: string | undefined
  readonly slices?: readonly string[] | undefined
  readonly cache: EvidenceCache
}

/**
 * Compares candidates with one original on the rows of a phase. Opening a large model takes longer than many rows, so
 * the original stays open until `release`, and the last candidate until another one is judged. The original's answers
 * are kept even longer.
 */
export class CandidateJudge {
  /** Processes among which a candidate that is judged alone divides its rows. */
  readonly processes: number
  readonly #original: Built
  readonly #rows: Readonly<Record<Phase, RowsOf>>
  readonly #place: RunsOn
  readonly #options: JudgingOptions
  #base: Promise<Session> | undefined
  /** The last candidate, open and not in use. */
  #idle: { readonly digest: string; readonly session: Session } | null = null
  /** Number of candidates in use. */
  #candidates = 0
  /** Work that uses a session now. */
  readonly #asking = new Set<Promise<unknown>>()
  /** Answers of the original, which every candidate is compared with on the same rows. */
  readonly #baseAnswers = new AnswerMemory().of('')
  /** Answers of candidates to the selection rows, since they are judged on more and more of these. */
  readonly #answers = new AnswerMemory()

  /** @param session The original, open; the judge closes it. */
  constructor(
    original: Built,
    session: Session,
    rows: Readonly<Record<Phase, RowsOf>>,
    place: RunsOn,
    options: JudgingOptions,
  ) {
    this.#original = original
    this.#base = Promise.resolve(session)
    this.#rows = rows
    this.#place = place
    this.#options = options
    this.processes = (options.workers ?? 1) > 1 && options.target !== 'web' ? 2 : 1
  }

  /**
   * Closes all sessions once they are not in use, since they hold memory and their threads a core. They are opened
   * again when they are needed.
   */
  async release(): Promise<void> {
    await Promise.allSettled(this.#asking)
    await this.#stay(null)
    const base = await this.#base
    this.#base = undefined
    await base?.close()
  }

  /** Asks something of the original or a candidate, in its open session where there is one. */
  async lend<T>(built: Built, ask: (session: Session) => Promise<T>): Promise<T> {
    const asking = built.digest === this.#original.digest ? this.#lendBase(ask) : this.#lendCandidate(built, ask)
    this.#asking.add(asking)
    try {
      return await asking
    } finally {
      this.#asking.delete(asking)
    }
  }

  async #lendBase<T>(ask: (session: Session) => Promise<T>): Promise<T> {
    const { threads } = this.#options
    this.#base ??= this.#place.open(this.#original.model, { threads })
    return ask(await this.#base)
  }

  async #lendCandidate<T>(built: Built, ask: (session: Session) => Promise<T>): Promise<T> {
    this.#candidates++
    try {
      return await this.#lendOpened(built, ask)
    } finally {
      this.#candidates--
    }
  }

  async #lendOpened<T>({ model, digest }: Built, ask: (session: Session) => Promise<T>): Promise<T> {
    const session = (await this.#stay(null, digest)) ?? (await this.#open(model))
    try {
      const answer = await ask(session)
      // Of two candidates judged at the same time, the one that ends last stays open.
      await this.#stay({ digest, session })
      return answer
    } catch (error) {
      await session.close()
      throw error
    }
  }

  /** Opens a candidate, with a second process for the times when no other candidate is judged. */
  async #open(model: Model): Promise<Session> {
    const { threads } = this.#options
    const open = () => this.#place.open(model, { threads })
    const session = await open()
    return this.processes > 1 ? inTwoProcesses(session, open, () => this.#candidates === 1) : session
  }

  /** Replaces the idle candidate; returns the one before if its digest is `wanted`, and closes it otherwise. */
  async #stay(next: { digest: string; session: Session } | null, wanted?: string): Promise<Session | null> {
    const last = this.#idle
    this.#idle = next
    if (last && last.digest === wanted) return last.session
    await last?.session.close()
    return null
  }

  /** Compares on the rows of a phase, or on `most` of them; a smaller number takes a subset of the same rows. */
  async judge(built: Built, phase: 'select' | 'prove', most?: number): Promise<ComparisonReport> {
    const { metric, cache } = this.#options
    const indices = this.#rowsOf(phase, most)
    // A metric from a user's file may change between runs under the same name.
    if (typeof metric === 'object') return this.#compare(built, phase, indices)
    return cache.get(await this.#keyOf(built, phase, indices), () => this.#compare(built, phase, indices))
  }

  /** Whether `judge` would answer from the cache. */
  async isKept(built: Built, phase: 'select' | 'prove', most?: number): Promise<boolean> {
    const { metric, cache } = this.#options
    if (typeof metric === 'object') return false
    const key = await this.#keyOf(built, phase, this.#rowsOf(phase, most))
    return (await cache.find(key)) !== undefined
  }

  /** The proofs by which earlier searches went that asked the same question of the same proof rows. */
  async earlierProofs(): Promise<readonly ComparisonReport[]> {
    return earlierProofs(this.#options.cache, await this.#question())
  }

  /** Keeps a proof for the searches that ask the same after this one. */
  async keepProof(proof: ComparisonReport): Promise<void> {
    await keepProof(this.#options.cache, await this.#question(), proof)
  }

  /** What is asked of the proof rows: other margins and levels are the same question, asked again. */
  async #question() {
    const { metric, label } = this.#options
    const { data, indices } = this.#rows.prove
    return {
      base: this.#original.digest,
      data: await data.digest(),
      indices,
      metric: (typeof metric === 'object' ? metric.name : metric) ?? null,
      label: label ?? null,
    }
  }

  #rowsOf(phase: Phase, most = Number.POSITIVE_INFINITY): readonly number[] {
    const { data, indices } = this.#rows[phase]
    return spreadRows(data, indices, most)
  }

  /** Everything that a comparison depends on. */
  async #keyOf(built: Built, phase: Phase, indices: readonly number[]) {
    const { margin, alpha, metric, label, slices, target } = this.#options
    return {
      measure: 'comparison',
      // To be raised when comparisons say more than those that were cached.
      version: 2,
      models: [this.#original.digest, built.digest],
      data: await this.#rows[phase].data.digest(),
      indices,
      margin,
      alpha,
      metric: metric ?? null,
      label: label ?? null,
      slices: slices ?? [],
      // Integer kernels of another runtime may round differently.
      ...(target === 'web' ? { runtime: this.#place.runtime } : {}),
    }
  }

  #compare(built: Built, phase: 'select' | 'prove', indices: readonly number[]): Promise<ComparisonReport> {
    return this.lend(this.#original, (base) =>
      this.lend(built, (opened) => {
        const candidate = phase === 'select' ? memoSession(opened, this.#answers.of(built.digest)) : opened
        return this.#compareSessions(memoSession(base, this.#baseAnswers), candidate, built, phase, indices)
      }),
    )
  }

  async #compareSessions(
    base: Session,
    candidate: Session,
    built: Built,
    phase: 'select' | 'prove',
    indices: readonly number[],
  ): Promise<ComparisonReport> {
    const { margin, alpha, metric, label, slices, signal, meter = noMeter, onProgress } = this.#options
    const tick = meter('judging')
    const doing = `${phase === 'prove' ? 'proving' : 'judging'} ${built.spec.id}`
    const report = await compare(base, candidate, this.#rows[phase].data, {
      margin,
      alpha,
      indices,
      metric,
      label,
      slices,
      signal,
      onProgress: (done, of) => {
        onProgress?.(`${doing}: row ${done} of ${of}`)
        tick(done, of)
      },
    })
    return nameModels(report, this.#original.model, built.model)
  }
}
