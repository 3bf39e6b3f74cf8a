import type { IncidentReport } from '../report/index.ts'
import type { Database, Statement } from './database.ts'
import { migrate } from './migrations.ts'
import { storable } from './storable.ts'

/** A rollout as it is kept; `body` is whatever continues it. */
export interface KeptRollout {
  readonly id: string
  readonly name: string
  readonly state: string
  readonly started: string
  readonly body: unknown
}

/**
 * The version that a rollout left live, and the versions that there were then, by name, some also by digest: a newer
 * one is a later decision.
 */
export interface LiveVersion {
  readonly name: string
  readonly version: string
  readonly known: readonly string[]
}

/** Who did what to what, `at` an ISO time; `detail` is JSON. */
export interface AuditEntry {
  readonly at: string
  readonly act: string
  readonly who: string
  readonly name: string
  readonly detail: unknown
}

/** One thing that must be remembered together, or not at all. */
export interface Change {
  /** Names an act, so that it is written once, however often it is given: an answer that was lost leaves it open. */
  readonly event?: string
  readonly rollout?: KeptRollout
  readonly incident?: IncidentReport
  readonly live?: LiveVersion
  readonly audit?: AuditEntry
}

/** Where the version that is live has changed, the name of its model. */
const LIVE_CHANNEL = 'whetstone_live'

/**
 * What a server must remember, in a database that is opened and migrated at the first use. Where several servers share
 * one, each rollout belongs to one of them, the `owner`: nobody else writes its progress while it shows signs of life.
 */
export class State {
  readonly #database: Database
  readonly #owner: string
  #ready: Promise<void> | null = null

  /** @param owner the same for a server that starts again. */
  constructor(database: Database, owner = '') {
    this.#database = database
    this.#owner = owner
  }

  /** Whether other servers may use the same database. */
  get shared(): boolean {
    return this.#database.listen !== undefined
  }

  get where(): string {
    return this.#database.where
  }

  /** Writes a change whole, once. A rollout that has ended is never brought back by a late write. */
  async keep({ event, rollout, incident, live, audit }: Change): Promise<void> {
    // Where the first try is still at it, the name is taken: then this one fails, and the next finds it.
    if (event !== undefined && (await this.#has(event))) return
    const statements: Statement[] = []
    if (rollout)
      statements.push({
        sql: `INSERT INTO rollouts (id, name, state, started, body, owner) VALUES ($1, $2, $3, $4, $5::text::jsonb, $6)
          ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body, seen = now()
            WHERE rollouts.state = 'running' AND rollouts.owner = excluded.owner`,
        parameters: [
          rollout.id,
          rollout.name,
          rollout.state,
          rollout.started,
          JSON.stringify(rollout.body, storable),
          this.#owner,
        ],
      })
    if (incident)
      statements.push({
        sql: `INSERT INTO incidents (id, name, at, body) VALUES ($1, $2, $3, $4::text::jsonb) ON CONFLICT (id) DO NOTHING`,
        parameters: [incident.id, incident.name, incident.at, JSON.stringify(incident, storable)],
      })
    if (live)
      statements.push({
        sql: `INSERT INTO live_versions (name, version, known) VALUES ($1, $2, $3::text::jsonb)
          ON CONFLICT (name) DO UPDATE SET version = excluded.version, known = excluded.known`,
        parameters: [live.name, live.version, JSON.stringify(live.known, storable)],
      })
    // Delivered when the whole change is there.
    if (live) statements.push({ sql: 'SELECT pg_notify($1, $2)', parameters: [LIVE_CHANNEL, live.name] })
    if (audit) statements.push(...auditStatements(audit, event))
    await this.#run(statements)
  }

  /**
   * Takes the running rollouts that are this server's, or whose owner has shown no sign of life for `abandonedMs`, and
   * shows a sign of life for each. Two servers never get the same one.
   *
   * @param names of the models that it serves; null takes those of all.
   */
  async claim(abandonedMs: number, names: readonly string[] | null): Promise<readonly KeptRollout[]> {
    const [rows] = await this.#run([
      {
        sql: `UPDATE rollouts SET owner = $1, seen = now()
          WHERE state = 'running' AND ($3::text[] IS NULL OR name = ANY($3::text[])) AND (owner = $1 OR seen < now() - $2 * interval '1 millisecond')
          RETURNING id, name, state, started, body`,
        parameters: [this.#owner, abandonedMs, names],
      },
    ])
    return rows as unknown as readonly KeptRollout[]
  }

  /**
   * Calls `changed` when another server may have changed which version is live, and whenever that may have gone unheard:
   * at the beginning, and when the connection to the database stands again. Gives the function that ends it.
   */
  onLiveChange(changed: () => void): () => Promise<void> {
    return this.#database.listen?.(LIVE_CHANNEL, { opened: changed, heard: changed }) ?? (async () => {})
  }

  /** Rollouts of a model, or of all, the newest first. */
  async rollouts(name: string | null): Promise<readonly KeptRollout[]> {
    const [rows] = await this.#run([
      {
        sql: `SELECT id, name, state, started, body FROM rollouts
          WHERE $1::text IS NULL OR name = $1 ORDER BY n DESC`,
        parameters: [name],
      },
    ])
    return rows as unknown as readonly KeptRollout[]
  }

  /** The newest first. */
  async incidents(): Promise<readonly IncidentReport[]> {
    const [rows] = await this.#run([{ sql: 'SELECT body, acknowledged FROM incidents ORDER BY n DESC' }])
    return rows!.map(incidentOf)
  }

  async incident(id: string): Promise<IncidentReport | null> {
    const [rows] = await this.#run([
      { sql: 'SELECT body, acknowledged FROM incidents WHERE id = $1', parameters: [id] },
    ])
    return rows![0] ? incidentOf(rows![0]) : null
  }

  /** Writes down who has seen an incident; the first one stays. null where there is no such incident. */
  async acknowledge(
    id: string,
    acknowledged: NonNullable<IncidentReport['acknowledged']>,
  ): Promise<IncidentReport | null> {
    await this.#run([
      {
        sql: 'UPDATE incidents SET acknowledged = $2::text::jsonb WHERE id = $1 AND acknowledged IS NULL',
        parameters: [id, JSON.stringify(acknowledged, storable)],
      },
      ...auditStatements({
        at: acknowledged.at,
        act: 'incident-ack',
        who: acknowledged.by,
        name: '',
        detail: { id, note: acknowledged.note },
      }),
    ])
    return this.incident(id)
  }

  /** What was usual for a model of this digest; null where none was watched. */
  async monitor(name: string, digest: string): Promise<unknown> {
    const [rows] = await this.#run([
      { sql: 'SELECT body FROM monitors WHERE name = $1 AND digest = $2', parameters: [name, digest] },
    ])
    return rows![0]?.body ?? null
  }

  async keepMonitor(name: string, digest: string, body: unknown): Promise<void> {
    await this.#run([
      {
        sql: `INSERT INTO monitors (name, digest, body) VALUES ($1, $2, $3::text::jsonb)
          ON CONFLICT (name, digest) DO UPDATE SET body = excluded.body`,
        parameters: [name, digest, JSON.stringify(body, storable)],
      },
    ])
  }

  async liveVersions(): Promise<readonly LiveVersion[]> {
    const [rows] = await this.#run([{ sql: 'SELECT name, version, known FROM live_versions' }])
    return rows as unknown as readonly LiveVersion[]
  }

  /** Every act, the oldest first, and the number of the first whose hash does not follow from those before; else null. */
  async audit(): Promise<{ readonly entries: readonly AuditEntry[]; readonly brokenAt: number | null }> {
    const [rows] = await this.#run([
      {
        sql: `SELECT n, entry, hash = ${HASH('before', 'entry')}
            AND before = COALESCE(LAG(hash) OVER (ORDER BY n), '')
            AND n = ROW_NUMBER() OVER (ORDER BY n) AS follows
          FROM audit ORDER BY n`,
      },
    ])
    const broken = rows!.find(({ follows }) => follows !== true)
    return {
      entries: rows!.map(({ entry }) => JSON.parse(entry as string) as AuditEntry),
      brokenAt: broken ? (broken.n as number) : null,
    }
  }

  async #has(event: string): Promise<boolean> {
    const [rows] = await this.#run([{ sql: 'SELECT n FROM audit WHERE event = $1', parameters: [event] }])
    return rows!.length > 0
  }

  async close(): Promise<void> {
    await this.#ready?.catch(() => {})
    await this.#database.close()
  }

  async #run(statements: readonly Statement[]) {
    // A database that could not be reached is asked again at the next call.
    this.#ready ??= migrate(this.#database).catch((error: unknown) => {
      this.#ready = null
      throw error
    })
    await this.#ready
    return this.#database.run(
      statements.map(({ sql, parameters = [] }) => ({ sql, parameters: parameters.map((one) => storable('', one)) })),
    )
  }
}

const HASH = (before: string, entry: string) => `encode(sha256(convert_to(${before} || ${entry}, 'UTF8')), 'hex')`

/** Appends to the chain: the hash of an entry is that of the hash before it and its text. */
function auditStatements(entry: AuditEntry, event: string | null = null): readonly Statement[] {
  return [
    { sql: 'LOCK TABLE audit IN EXCLUSIVE MODE' },
    {
      sql: `INSERT INTO audit (n, event, entry, before, hash)
        SELECT COALESCE(MAX(n), 0) + 1, $2::text, $1::text, COALESCE((SELECT hash FROM audit ORDER BY n DESC LIMIT 1), ''),
          ${HASH("COALESCE((SELECT hash FROM audit ORDER BY n DESC LIMIT 1), '')", '$1::text')}
        FROM audit`,
      parameters: [JSON.stringify(entry, storable), event],
    },
  ]
}

function incidentOf(row: Readonly<Record<string, unknown>>): IncidentReport {
  return { ...(row.body as IncidentReport), acknowledged: row.acknowledged as IncidentReport['acknowledged'] }
}
