import PgBoss from 'pg-boss'
import type { JobsReport } from '../report/index.ts'
import { postgresAddress } from './postgres.ts'
import { storable } from './storable.ts'

type Job = JobsReport['jobs'][number]

/** How a job ended: the report of its verb, or its message instead. */
export interface JobResult {
  readonly exitCode: number
  readonly report: unknown
  readonly message: string | null
  readonly worker: string
}

/** A job that this worker alone has taken; `words` are those of the command. */
export interface TakenJob {
  readonly id: string
  readonly words: readonly string[]
  /** Time that it may take; after it, the worker stops the job and gives it back. */
  readonly limitMs: number
  /** How often it was begun before this time. */
  readonly retries: number
}

/** What the queue keeps of a job. */
interface Kept {
  readonly words: readonly string[]
  /** When, as text. */
  readonly submitted: string
  readonly limitMs: number
}

/** A result as the database keeps it: the report is text, since `jsonb` does not keep the order of fields. */
type KeptResult = Omit<JobResult, 'report'> & { readonly report: string }

const keptOf = (result: JobResult): KeptResult => ({ ...result, report: JSON.stringify(result.report) })

/** Runs SQL for a queue on a connection that the caller owns. */
export interface SqlRunner {
  executeSql(text: string, values: readonly unknown[]): Promise<{ rows: readonly object[] }>
}

const QUEUE = 'whetstone'
const SCHEMA = 'whetstone_jobs'
const RETRIES = 2
/** A worker that was silent for this long counts as dead, and another begins its job again. */
const SILENT_SECONDS = 120
const KEEP_DAYS = 30
const DAY_SECONDS = 86_400

/** Milliseconds between two signs of life of a worker; often enough that some may fail. */
export const KEEP_EVERY_MS = 20_000

/** A queue of jobs in PostgreSQL, made at first use. Every promise rejects where the database cannot be reached. */
export class JobQueue {
  readonly #boss: PgBoss
  #ready: Promise<unknown> | null = null

  /** @param place the address of a server, or SQL on a connection that is there already. */
  constructor(place: string | SqlRunner) {
    // By default, pg-boss hides an ended job after half a day and deletes it after a week.
    const kept = { archiveCompletedAfterSeconds: KEEP_DAYS * DAY_SECONDS, deleteAfterDays: 1 }
    const common = { schema: SCHEMA, schedule: false, ...kept }
    this.#boss = new PgBoss(
      typeof place === 'string'
        ? { ...common, connectionString: postgresAddress(place).url, max: 2 }
        : {
            ...common,
            db: {
              executeSql: async (text, values) => ({ rows: [...(await place.executeSql(text, values ?? [])).rows] }),
            },
          },
    )
    // An error outside of a call (in maintenance) will show in the next call as well.
    this.#boss.on('error', () => {})
  }

  /**
   * Leaves a command for a worker, and returns the id of the job.
   *
   * @param limitMs after which a job that has not ended is begun again.
   */
  async submit(words: readonly string[], limitMs: number): Promise<string> {
    const boss = await this.#open()
    const kept: Kept = { words, submitted: new Date().toISOString(), limitMs }
    const id = await boss.send(QUEUE, kept, {
      expireInSeconds: SILENT_SECONDS,
      retryLimit: RETRIES,
      retentionDays: KEEP_DAYS,
    })
    if (id === null) throw new Error('internal: the queue gave no id')
    return id
  }

  /** The next job, for this caller alone; null where there is none. */
  async take(): Promise<TakenJob | null> {
    const [job] = await (await this.#open()).fetch<Kept>(QUEUE, { includeMetadata: true })
    if (!job) return null
    const { words, limitMs } = job.data
    return { id: job.id, words, limitMs, retries: job.retryCount }
  }

  /**
   * A sign of life of the worker that has the job, due every `KEEP_EVERY_MS`. A worker that counted as dead, as after
   * an hour without the database, gets its job back unless another has begun it since.
   *
   * @returns false where it is no longer this worker's: it was cancelled, has its answer, or another has begun it.
   */
  async keep({ id, retries }: TakenJob): Promise<boolean> {
    const { rows } = await (await this.#open()).getDb().executeSql(
      `UPDATE ${SCHEMA}.job
       SET state = 'active', completed_on = NULL, expire_in = now() - started_on + $4 * interval '1 second'
       WHERE name = $1 AND id = $2 AND retry_count = $3 AND state IN ('active', 'retry', 'failed')
       RETURNING id`,
      [QUEUE, id, retries, SILENT_SECONDS],
    )
    return rows.length > 0
  }

  /**
   * Ends the job with its result, even where this worker counted as dead meanwhile; one that has begun the job again
   * learns of it from `keep`.
   */
  async finish(id: string, result: JobResult): Promise<void> {
    await (await this.#open()).getDb().executeSql(
      `UPDATE ${SCHEMA}.job SET state = 'completed', completed_on = now(), output = $3::jsonb
       WHERE name = $1 AND id = $2 AND state NOT IN ('completed', 'cancelled')`,
      [QUEUE, id, JSON.stringify(keptOf(result), storable)],
    )
  }

  /** Gives a job back, so that another worker begins it again unless that has happened too often. */
  async giveBack(id: string, result: JobResult): Promise<void> {
    await (await this.#open()).fail(QUEUE, id, JSON.parse(JSON.stringify(keptOf(result), storable)))
  }

  /** Gives a job back that was interrupted through no fault of its own: as if it had not been begun this time. */
  async putBack({ id, retries }: TakenJob, result: JobResult): Promise<void> {
    await (await this.#open()).getDb().executeSql(
      `UPDATE ${SCHEMA}.job
       SET state = 'created', started_on = NULL, expire_in = $4 * interval '1 second', output = $5::jsonb
       WHERE name = $1 AND id = $2 AND retry_count = $3 AND state = 'active'`,
      [QUEUE, id, retries, SILENT_SECONDS, JSON.stringify(keptOf(result), storable)],
    )
  }

  /** Takes a job away from workers; one that has begun it already is told so by `keep`. */
  async cancel(id: string): Promise<void> {
    await (await this.#open()).cancel(QUEUE, id)
  }

  /** null where there is no such job. */
  async find(id: string): Promise<{ readonly job: Job; readonly report: unknown } | null> {
    // The database takes nothing else for an id.
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return null
    const boss = await this.#open()
    const found = await boss.getJobById<Kept>(QUEUE, id)
    if (!found) return null
    const result = (found.output ?? {}) as Partial<KeptResult>
    const time = (date: Date | null | undefined) => (date ? new Date(date).toISOString() : null)
    const ended = found.state === 'completed' || found.state === 'failed' || found.state === 'cancelled'
    return {
      report: JSON.parse(result.report ?? 'null'),
      job: {
        id,
        words: found.data.words,
        state: STATES[found.state],
        submitted: found.data.submitted,
        started: time(found.startedOn),
        ended: ended ? time(found.completedOn) : null,
        retries: found.retryCount,
        exitCode: ended ? (result.exitCode ?? null) : null,
        worker: result.worker ?? null,
        message: result.message ?? (found.state === 'failed' ? unanswered(found.retryCount + 1) : null),
      },
    }
  }

  /** Every job that is kept, the newest first. */
  async list(): Promise<readonly Job[]> {
    const boss = await this.#open()
    const { rows } = await boss.getDb().executeSql(`SELECT id FROM ${SCHEMA}.job WHERE name = $1`, [QUEUE])
    const found = await Promise.all((rows as { id: string }[]).map(({ id }) => this.find(id)))
    return found
      .flatMap((one) => (one ? [one.job] : []))
      .sort((a, b) => b.submitted.localeCompare(a.submitted) || b.id.localeCompare(a.id))
  }

  async close(): Promise<void> {
    if (await this.#ready?.catch(() => null)) await this.#boss.stop({ graceful: false, close: true, wait: true })
  }

  async #open(): Promise<PgBoss> {
    this.#ready ??= this.#boss
      .start()
      .then(() => this.#boss.createQueue(QUEUE))
      // It looks for dead workers once a minute, which whoever comes and goes does not live to see.
      .then(() => this.#boss.maintain())
      .then(() => true)
      .catch((error: unknown) => {
        this.#ready = null
        throw error
      })
    await this.#ready
    return this.#boss
  }
}

/** What the queue knows of a job whose workers fell silent. */
const unanswered = (times: number) =>
  `begun ${times} times, and each time nothing was heard of the worker for ${SILENT_SECONDS} seconds: it died, or lost the database`

const STATES: Readonly<Record<keyof PgBoss.JobStates, Job['state']>> = {
  created: 'waiting',
  retry: 'waiting',
  active: 'running',
  completed: 'done',
  cancelled: 'cancelled',
  failed: 'failed',
}
