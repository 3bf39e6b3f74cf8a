/** One statement in the SQL of PostgreSQL, parameters as `$1`, `$2`. */
export interface Statement {
  readonly sql: string
  readonly parameters?: readonly unknown[]
}

export type Row = Readonly<Record<string, unknown>>

/** A PostgreSQL, embedded or elsewhere. */
export interface Database {
  /** How the log names it; without a password. */
  readonly where: string
  /** All or nothing, in order; the rows of each. Rejects where the database cannot be reached or says no. */
  run(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]>
  /**
   * Hears what is notified on a channel (`pg_notify`), until the function that it gives is called. Missing where nobody
   * else can write. `opened` is called each time that the connection stands, also after it broke: what was said in
   * between is lost.
   */
  listen?(channel: string, listener: Listener): () => Promise<void>
  close(): Promise<void>
}

/** Hears of one channel of a database. */
export interface Listener {
  opened(): void
  heard(payload: string): void
}
