import { PGlite } from '@electric-sql/pglite'
import type { Row, Statement } from './database.ts'

// This module runs on a thread of its own: PostgreSQL in WebAssembly computes in one go, and takes seconds to start.

let open: { readonly folder: string | null; readonly database: Promise<PGlite> } | null = null

/** Runs statements on the database of `folder` (null: in memory), which is opened at the first call. */
export async function runStatements(job: {
  readonly folder: string | null
  readonly statements: readonly Statement[]
}): Promise<readonly (readonly Row[])[]> {
  open ??= { folder: job.folder, database: job.folder === null ? PGlite.create() : PGlite.create(job.folder) }
  if (open.folder !== job.folder) throw new Error('internal: this thread has another database open')
  const database = await open.database
  return database.transaction(async (transaction) => {
    const results: Row[][] = []
    for (const { sql, parameters = [] } of job.statements)
      results.push((await transaction.query<Row>(sql, [...parameters])).rows)
    return results
  })
}

/** Closes the database of this thread, where one is open; the next statement opens another. */
export async function closeDatabase(): Promise<void> {
  const database = await open?.database
  await database?.close()
  open = null
}
