import { join } from 'node:path'
import {
  explainSystemError,
  makeFolder,
  openWorkerPool,
  siblingModule,
  UserError,
  withLock,
} from '../platform/index.ts'
import type { Database, Row, Statement } from './database.ts'
import type { OpenFailure } from './pglite-thread.ts'

/**
 * PostgreSQL inside this process, in a folder that it alone owns: it has no lock of its own, and a second process on the
 * same folder would lose rows without a word. Owning and starting come with the first statement, which rejects with a
 * UserError: `busy` where another process owns the folder, or why it does not start; the next one tries again.
 *
 * @param folder null keeps everything in memory.
 */
export function openEmbedded(folder: string | null): Database {
  const pool = openWorkerPool(siblingModule(import.meta.url, 'pglite-thread'), 1)
  const place = folder === null ? null : join(folder, 'postgres')
  let owned: Promise<() => Promise<void>> | null = null
  return {
    where: folder ?? 'memory',
    async run(statements) {
      owned ??= (folder === null ? Promise.resolve(async () => {}) : own(folder)).catch((error: unknown) => {
        owned = null
        throw error
      })
      await owned
      const [failure] = await pool.map<string | null, OpenFailure | null>('openDatabase', [place])
      if (failure) throw notOpened(failure, place ?? 'memory')
      const [rows] = await pool.map<readonly Statement[], Row[][]>('runStatements', [statements])
      return rows!
    },
    async close() {
      const release = await owned?.catch(() => null)
      if (release) await pool.map('closeDatabase', [null])
      await pool.close()
      await release?.()
    },
  }
}

function notOpened(failure: OpenFailure, place: string): unknown {
  const refused = explainSystemError(failure, place, 'write')
  if (refused instanceof UserError) return refused
  return new UserError('bad-data', `the database there does not start: ${failure.message}`, {
    where: place,
    hint: 'it is damaged: put back a copy of the folder, or move it away to begin without what it remembers',
    cause: failure,
  })
}

/** Owns a folder until the function that it gives is called. */
async function own(folder: string): Promise<() => Promise<void>> {
  await makeFolder(folder)
  return new Promise((owned, refused) => {
    const done = withLock(folder, () => {
      return new Promise<void>((release) => {
        owned(async () => {
          release()
          await done
        })
      })
    })
    done.catch(refused)
  })
}
