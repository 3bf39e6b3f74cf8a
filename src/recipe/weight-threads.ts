import { openWorkerPool, siblingModule } from '../platform/index.ts'
import { advanceAll, type Step, type Trail } from './trail.ts'

/**
 * `advanceAll` with threads, one a core, for passes that code many weights. They start when a pass first asks, and are
 * gone at the end; the bytes are those of one thread.
 */
export async function advanceOnThreads(trail: Trail, steps: readonly Step[]): Promise<Trail> {
  const pool = openWorkerPool(siblingModule(import.meta.url, 'weight-thread'))
  try {
    return await advanceAll(trail, steps, pool.map)
  } finally {
    await pool.close()
  }
}
