import type { Database, Statement } from './database.ts'

/** Each is applied once, in order, and never changed afterwards. */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE rollouts (
      id text PRIMARY KEY,
      name text NOT NULL,
      state text NOT NULL CHECK (state IN ('running', 'rolled-back', 'promoted', 'stopped')),
      started text NOT NULL,
      body jsonb NOT NULL
    )`,
    `CREATE UNIQUE INDEX one_running_rollout ON rollouts (name) WHERE state = 'running'`,
    `CREATE TABLE incidents (
      id text PRIMARY KEY,
      name text NOT NULL,
      at text NOT NULL,
      body jsonb NOT NULL,
      acknowledged jsonb
    )`,
    `CREATE TABLE live_versions (
      name text PRIMARY KEY,
      version text NOT NULL,
      known jsonb NOT NULL
    )`,
    `CREATE TABLE audit (
      n integer PRIMARY KEY,
      entry text NOT NULL,
      before text NOT NULL,
      hash text NOT NULL
    )`,
    `CREATE FUNCTION audit_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$`,
    `CREATE TRIGGER audit_is_final BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
      FOR EACH STATEMENT EXECUTE FUNCTION audit_is_final()`,
  ],
  [
    `CREATE TABLE monitors (
      name text NOT NULL,
      digest text NOT NULL,
      body jsonb NOT NULL,
      PRIMARY KEY (name, digest)
    )`,
  ],
  [
    `ALTER TABLE rollouts
      ADD COLUMN owner text NOT NULL DEFAULT '',
      ADD COLUMN seen timestamptz NOT NULL DEFAULT now()`,
  ],
  ['ALTER TABLE audit ADD COLUMN event text UNIQUE'],
]

/** Any number will do, if nobody else uses it: servers that start together migrate one after another. */
const LOCK = 7_218_300

/** Brings a database up to date, whoever else tries at the same time. */
export async function migrate(database: Database): Promise<void> {
  const lock: Statement = { sql: `SELECT pg_advisory_xact_lock(${LOCK})` }
  const table = 'CREATE TABLE IF NOT EXISTS migrations (n integer PRIMARY KEY)'
  await database.run([lock, { sql: table }])
  for (const [n, statements] of MIGRATIONS.entries()) {
    const [, done] = await database.run([lock, { sql: 'SELECT n FROM migrations WHERE n = $1', parameters: [n] }])
    if (done!.length > 0) continue
    // Where another server was faster, the number is taken and nothing of this is kept.
    const mark: Statement = { sql: 'INSERT INTO migrations (n) VALUES ($1)', parameters: [n] }
    await database.run([lock, mark, ...statements.map((sql) => ({ sql }))]).catch(async (error: unknown) => {
      const [rows] = await database.run([{ sql: 'SELECT n FROM migrations WHERE n = $1', parameters: [n] }])
      if (rows!.length === 0) throw error
    })
  }
}
