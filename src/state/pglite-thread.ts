import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import type { Row, Statement } from './database.ts'

// This module runs on a thread of its own: PostgreSQL in WebAssembly computes in one go, and takes seconds to start.

let open: { readonly folder: string | null; readonly database: PGlite } | null = null
/** Characters that were written since the last tidying. */
let written = 0

/**
 * Alone in a process, PostgreSQL neither takes away the old versions of rows nor begins its log anew by itself: a state
 * that is kept every few seconds would fill the disk.
 */
const TIDY_EVERY = 8 << 20

/** Opens the database of `folder` (null: in memory) where none is open. What went wrong is told as `OpenFailure`. */
export async function openDatabase(folder: string | null): Promise<OpenFailure | null> {
  if (open?.folder === folder) return null
  if (open) throw new Error('internal: this thread has another database open')
  try {
    const missing = folder === null ? null : await ensureThere(folder)
    if (missing !== null) return { code: undefined, message: missing }
    open = { folder, database: await (folder === null ? PGlite.create() : PGlite.create(folder)) }
    return null
  } catch (error) {
    const { errno, message } = error as { errno?: number; message?: string }
    const code = errno === undefined ? undefined : SYSTEM_CODES[errno]
    return { code, message: message || `error ${errno}` }
  }
}

/**
 * Makes a database where there is none; beside its place, so that a killed process leaves no part of one in it. PGlite
 * takes a folder without `PG_VERSION` for a new one and writes over what is there: what is missing is told instead.
 */
async function ensureThere(folder: string): Promise<string | null> {
  const files = existsSync(folder) ? readdirSync(folder) : []
  if (files.includes('PG_VERSION')) return null
  if (files.length > 0) return `PG_VERSION is missing beside ${files.slice(0, 5).join(', ')}`
  const begun = `${folder}.begun`
  rmSync(begun, { recursive: true, force: true })
  try {
    await (await PGlite.create(begun)).close()
    rmSync(folder, { recursive: true, force: true })
    renameSync(begun, folder)
    return null
  } catch (error) {
    rmSync(begun, { recursive: true, force: true })
    throw error
  }
}

/** Errors of the thread lose their fields on the way to whoever asked. */
export interface OpenFailure {
  /** Of the operating system, as Node names it. */
  readonly code: string | undefined
  readonly message: string
}

/** How WebAssembly (WASI) numbers them. */
const SYSTEM_CODES: Readonly<Record<number, string>> = {
  2: 'EACCES',
  19: 'EDQUOT',
  29: 'EIO',
  51: 'ENOSPC',
  63: 'EPERM',
  69: 'EROFS',
}

/** Runs statements on the database that is open. */
export async function runStatements(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]> {
  if (!open) throw new Error('internal: no database is open')
  const { database } = open
  const rows = await orDead(() =>
    database.transaction(async (transaction) => {
      const results: Row[][] = []
      for (const { sql, parameters = [] } of statements)
        results.push((await transaction.query<Row>(sql, [...parameters])).rows)
      return results
    }),
  )
  for (const { parameters = [] } of statements)
    for (const value of parameters) if (typeof value === 'string') written += value.length
  if (written >= TIDY_EVERY) {
    written = 0
    // What was asked for is done, whatever becomes of this.
    await orDead(() => database.exec('VACUUM').then(() => database.exec('CHECKPOINT'))).catch(() => {})
  }
  return rows
}

/** Beyond an error, as after a panic because the disk is full, the database is dead: the next statement opens another. */
async function orDead<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if ((error as { severity?: string }).severity !== 'ERROR') open = null
    throw error
  }
}

/** Closes the database of this thread, where one is open. Where it cannot, what it has taken stands in its log. */
export async function closeDatabase(): Promise<void> {
  const database = open?.database
  open = null
  await database?.close().catch(() => {})
}
