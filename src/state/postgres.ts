import pg from 'pg'
import { UserError } from '../platform/index.ts'
import type { Database, Row } from './database.ts'
import { listenOn } from './postgres-listener.ts'

const CONNECT_MS = 10_000
const STATEMENT_MS = 30_000

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
  })
  // An idle connection that breaks is told here; the next statement opens another.
  pool.on('error', () => {})
  return {
    where,
    async run(statements) {
      const client = await pool.connect()
      let broken: Error | undefined
      try {
        await client.query('BEGIN')
        const results: Row[][] = []
        for (const { sql, parameters = [] } of statements)
          results.push((await client.query<Row>(sql, [...parameters])).rows)
        await client.query('COMMIT')
        return results
      } catch (error) {
        await client.query('ROLLBACK').catch((second: Error) => {
          broken = second
        })
        throw error
      } finally {
        client.release(broken)
      }
    },
    listen: (channel, listener) => listenOn(url, channel, listener),
    close: () => pool.end(),
  }
}
