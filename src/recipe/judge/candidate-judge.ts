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
 * Compares candidates with one original on the rows of a phase. The original stays open from one candidate to the next
 * until `release`, the last candidate until another one is judged: opening a large model takes longer than many rows.
 * What the original answered outlives its session.
 */
export class CandidateJudge {
  /** Processes that a candidate which is judged alone runs its rows in. */
  readonly processes: number
  readonly #original: Built
  readonly #rows: Readonly<Record<Phase, RowsOf>>
  readonly #place: RunsOn
  readonly #options: JudgingOptions
  #base: Promise<Session> | undefined
  /** Of whom nobody asks anything just now. */
  #idle: { readonly digest: string; readonly session: Session } | null = null
  /** Candidates that are being asked just now. */
  #candidates = 0
  /** What is being asked of sessions. */
  readonly #asking = new Set<Promise<unknown>>()
  /** The original meets the same rows once for every candidate, also where a timing came between. */
  readonly #baseAnswers = new AnswerMemory().of('')
  /** Those of the candidates to the selection rows: they are judged on more and more of them. */
  readonly #answers = new AnswerMemory()

  /** @param session The original, open; from now on it is closed here. */
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
   * Closes what is open, which would hold memory, and its threads a core, once nothing is asked of it any more; it is
   * opened again when it is needed.
   */
  async release(): Promise<void> {
    await Promise.allSettled(this.#asking)
    await this.#stay(null)
    const base = await this.#base
    this.#base = undefined
    await base?.close()
  }

  /** Asks something of the original or of a candidate, in the session that is open already where there is one. */
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
      // Of two that were judged at a time the one that ended last stays.
      await this.#stay({ digest, session })
      return answer
    } catch (error) {
      await session.close()
      throw error
    }
  }

  /** In a second process as well, while no other candidate is judged. */
  async #open(model: Model): Promise<Session> {
    const { threads } = this.#options
    const open = () => this.#place.open(model, { threads })
    const session = await open()
    return this.processes > 1 ? inTwoProcesses(session, open, () => this.#candidates === 1) : session
  }

  /** Leaves this one idle in the place of the one that was: which is given if it is the one `wanted`, and else closed. */
  async #stay(next: { digest: string; session: Session } | null, wanted?: string): Promise<Session | null> {
    const last = this.#idle
    this.#idle = next
    if (last && last.digest === wanted) return last.session
    await last?.session.close()
    return null
  }

  /** Base against candidate on the rows of a phase, or on `most` of them, among which are those of fewer. */
  async judge(built: Built, phase: 'select' | 'prove', most?: number): Promise<ComparisonReport> {
    const { metric, cache } = this.#options
    const indices = this.#rowsOf(phase, most)
    // A metric from a user's file may change between runs under the same name.
    if (typeof metric === 'object') return this.#compare(built, phase, indices)
    return cache.get(await this.#keyOf(built, phase, indices), () => this.#compare(built, phase, indices))
  }

  /** Whether `judge` would find the answer kept, by this search or an earlier one. */
  async isKept(built: Built, phase: 'select' | 'prove', most?: number): Promise<boolean> {
    const { metric, cache } = this.#options
    if (typeof metric === 'object') return false
    const key = await this.#keyOf(built, phase, this.#rowsOf(phase, most))
    return (await cache.find(key)) !== undefined
  }

  #rowsOf(phase: Phase, most = Number.POSITIVE_INFINITY): readonly number[] {
    const { data, indices } = this.#rows[phase]
    return spreadRows(data, indices, most)
  }

  /** Whatever a comparison depends on. */
  async #keyOf(built: Built, phase: Phase, indices: readonly number[]) {
    const { margin, alpha, metric, label, slices, target } = this.#options
    return {
      measure: 'comparison',
      // Raised where a comparison tells more than the ones that were kept.
      version: 2,
      models: [this.#original.digest, built.digest],
      data: await this.#rows[phase].data.digest(),
      indices,
      margin,
      alpha,
      metric: metric ?? null,
      label: label ?? null,
      slices: slices ?? [],
      // Integer kernels of another runtime may round otherwise.
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
