import { join } from 'node:path'
import { makeFolder, openWorkerPool, siblingModule, withLock } from '../platform/index.ts'
import type { Database, Row, Statement } from './database.ts'

/**
 * PostgreSQL inside this process, in a folder that it alone owns: it has no lock of its own, and a second process on the
 * same folder would lose rows without a word. Owning and starting come with the first statement, which rejects with a
 * UserError `busy` where another process owns the folder.
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
      const job = { folder: place, statements }
      const [rows] = await pool.map<{ folder: string | null; statements: readonly Statement[] }, Row[][]>(
        'runStatements',
        [job],
      )
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
