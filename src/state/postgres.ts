import pg from 'pg'
import { UserError } from '../platform/index.ts'
import type { Database, Row } from './database.ts'
import { listenOn } from './postgres-listener.ts'

const CONNECT_MS = 10_000
/** No statement of a server takes long, and one that ends waits for it. */
const STATEMENT_MS = 10_000

/** An address that is one, and how the log names it: without a password. @throws UserError */
export function postgresAddress(url: string): { readonly url: string; readonly where: string } {
  try {
    const { protocol, hostname, port, pathname } = new URL(url)
    if (!/^postgres(ql)?:$/.test(protocol)) throw new Error(protocol)
    return { url, where: `${protocol}//${hostname}${port ? `:${port}` : ''}${pathname}` }
  } catch {
    throw new UserError('bad-argument', 'the address of the database is not valid', {
      where: '--database',
      hint: 'for example postgres://user:password@host:5432/whetstone',
    })
  }
}

const AWAY = /^(ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|28\w{3}|3D000|53300|57P0\d)$/
/** As `pg` says it, without a code. */
const SILENT = /^(Connection terminated|timeout exceeded|Query read timeout)/i

/** A database that does not answer, or lets nobody in, as a UserError `missing-file`; other errors as they are. */
export function explainDatabaseError(error: unknown, where: string): unknown {
  const { code, message } = error as { code?: string; message?: string }
  if (error instanceof UserError || !(AWAY.test(code ?? '') || SILENT.test(message ?? ''))) return error
  return new UserError('missing-file', `the database does not answer: ${message || code}`, {
    where,
    hint: 'is the server there, and do user, password and name of the database fit?',
    cause: error,
  })
}

/**
 * A PostgreSQL server by its URL. Connections that break are replaced at the next statement.
 *
 * @throws UserError for an address that is none.
 */
export function openPostgres(url: string): Database {
  const { where } = postgresAddress(url)
  const pool = new pg.Pool({
    connectionString: url,
    max: 4,
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    // A machine that is gone, or hangs, says nothing.
    query_timeout: STATEMENT_MS + 1000,
  })
  // An idle connection that breaks is told here; the next statement opens another.
  pool.on('error', () => {})
  return {
    where,
    async run(statements) {
      const client = await pool.connect().catch((error: unknown) => {
        throw explainDatabaseError(error, where)
      })
      let broken: Error | undefined
      try {
        await client.query('BEGIN')
        const results: Row[][] = []
        for (const { sql, parameters = [] } of statements)
          results.push((await client.query<Row>(sql, [...parameters])).rows)
        await client.query('COMMIT')
        return results
      } catch (error) {
        const told = explainDatabaseError(error, where)
        if (told !== error) broken = error as Error
        else
          await client.query('ROLLBACK').catch((second: Error) => {
            broken = second
          })
        throw told
      } finally {
        client.release(broken)
      }
    },
    listen: (channel, listener) => listenOn(url, channel, listener),
    close: () => pool.end(),
  }
}
