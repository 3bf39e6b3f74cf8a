import PgBoss from 'pg-boss'
import type { JobsReport } from '../report/index.ts'
import { postgresAddress } from './postgres.ts'

export type Job = JobsReport['jobs'][number]

/** What became of a job: the report of its verb, or what it said instead. */
export interface JobResult {
  readonly exitCode: number
  readonly report: unknown
  readonly message: string | null
  readonly worker: string
}

export interface TakenJob {
  readonly id: string
  readonly words: readonly string[]
  /** What it may take; whoever took it ends it then and gives it back. */
  readonly limitMs: number
}

/** Runs SQL for a queue on a connection that somebody else owns. */
export interface SqlRunner {
  executeSql(text: string, values: readonly unknown[]): Promise<{ rows: readonly object[] }>
}

const QUEUE = 'whetstone'
const SCHEMA = 'whetstone_jobs'
/** A worker that dies is not waited for longer than the job may take; then the next one begins it again. */
const RETRIES = 2
/** A living worker ends a job that takes too long by itself, and tells so, before the queue takes it for dead. */
const SLACK_MS = 60_000
const KEEP_DAYS = 30
const DAY_SECONDS = 86_400

/** The longest limit of a job, in milliseconds: the queue waits for no worker as long as a day. */
export const LONGEST_JOB_MS = 23 * 3_600_000

/** A queue of jobs in a PostgreSQL; made at the first use. Every promise rejects where the database cannot be reached. */
export class JobQueue {
  readonly #boss: PgBoss
  #ready: Promise<unknown> | null = null

  /** @param place the address of a server, or SQL on a connection that is there already. */
  constructor(place: string | SqlRunner) {
    // Else a job that has ended is hidden after half a day and gone after a week.
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
    // What goes wrong beside a call (maintenance) goes wrong in the next call too, and is told there.
    this.#boss.on('error', () => {})
  }

  /**
   * Leaves words for a worker; the id of the job.
   *
   * @param limitMs after which a job that has not ended is begun again; at most `LONGEST_JOB_MS`.
   */
  async submit(words: readonly string[], limitMs: number): Promise<string> {
    const boss = await this.#open()
    const id = await boss.send(
      QUEUE,
      { words, submitted: new Date().toISOString() },
      {
        expireInSeconds: Math.ceil((limitMs + SLACK_MS) / 1000),
        retryLimit: RETRIES,
        retentionDays: KEEP_DAYS,
      },
    )
    if (id === null) throw new Error('internal: the queue gave no id')
    return id
  }

  /** The next job, for this caller alone; null where there is none. */
  async take(): Promise<TakenJob | null> {
    const [job] = await (await this.#open()).fetch<{ words: string[] }>(QUEUE)
    if (!job) return null
    return { id: job.id, words: job.data.words, limitMs: Number(job.expireInSeconds) * 1000 - SLACK_MS }
  }

  /**
   * An answer ends the job, also where the queue had taken the worker for dead meanwhile, as after an hour without the
   * database: whoever has begun it again finishes for nothing.
   */
  async finish(id: string, result: JobResult): Promise<void> {
    await (await this.#open()).getDb().executeSql(
      `UPDATE ${SCHEMA}.job SET state = 'completed', completed_on = now(), output = $3::jsonb
       WHERE name = $1 AND id = $2 AND state < 'completed'`,
      [QUEUE, id, JSON.stringify(result, storable)],
    )
  }

  /** Gives a job back: another worker begins it again, unless that has happened too often. */
  async giveBack(id: string, result: JobResult): Promise<void> {
    await (await this.#open()).fail(QUEUE, id, JSON.parse(JSON.stringify(result, storable)))
  }

  /** Takes a job away from workers; one that has begun it already finishes for nothing. */
  async cancel(id: string): Promise<void> {
    await (await this.#open()).cancel(QUEUE, id)
  }

  /** null where there is no such job. */
  async find(id: string): Promise<{ readonly job: Job; readonly report: unknown } | null> {
    // The database takes nothing else for an id.
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return null
    const boss = await this.#open()
    const found = await boss.getJobById<{ words: string[]; submitted: string }>(QUEUE, id)
    if (!found) return null
    const result = (found.output ?? {}) as Partial<JobResult>
    const time = (date: Date | null | undefined) => (date ? new Date(date).toISOString() : null)
    const ended = found.state === 'completed' || found.state === 'failed' || found.state === 'cancelled'
    return {
      report: result.report ?? null,
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

/** PostgreSQL takes neither zero characters nor halves of surrogate pairs, which names in a model may have. */
const storable = (_: string, value: unknown) =>
  typeof value === 'string' ? value.replace(/\0|\p{Surrogate}/gu, '\ufffd') : value

/** What the queue knows of a job whose workers fell silent. */
const unanswered = (times: number) =>
  `begun ${times} times, and the worker died each time or lost the database for longer than the limit of the job`

const STATES: Readonly<Record<keyof PgBoss.JobStates, Job['state']>> = {
  created: 'waiting',
  retry: 'waiting',
  active: 'running',
  completed: 'done',
  cancelled: 'cancelled',
  failed: 'failed',
}
