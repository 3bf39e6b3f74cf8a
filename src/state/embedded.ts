import { join } from 'node:path'
import { makeFolder, openWorkerPool, siblingModule, withLock } from '../platform/index.ts'
import type { Database, Row, Statement } from './database.ts'

/**
 * PostgreSQL inside this process, in a folder that it alone owns: it has no lock of its own, and a second process on the
 * same folder would lose rows without a word. It starts at the first statement.
 *
 * @param folder null keeps everything in memory.
 * @throws UserError `busy` where another process owns the folder.
 */
export async function openEmbedded(folder: string | null): Promise<Database> {
  let release = () => {}
  let released: Promise<unknown> = Promise.resolve()
  if (folder !== null) {
    await makeFolder(folder)
    await new Promise<void>((taken, refused) => {
      released = withLock(folder, () => {
        taken()
        return new Promise<void>((resolve) => {
          release = resolve
        })
      }).catch(refused)
    })
  }
  const pool = openWorkerPool(siblingModule(import.meta.url, 'pglite-thread'), 1)
  const place = folder === null ? null : join(folder, 'postgres')
  return {
    where: folder ?? 'memory',
    async run(statements) {
      const job = { folder: place, statements }
      const [rows] = await pool.map<{ folder: string | null; statements: readonly Statement[] }, Row[][]>(
        'runStatements',
        [job],
      )
      return rows!
    },
    async close() {
      await pool.map('closeDatabase', [null])
      await pool.close()
      release()
      await released
    },
  }
}
