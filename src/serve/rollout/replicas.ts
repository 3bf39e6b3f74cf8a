import type { State } from '../../state/index.ts'
import type { Log } from '../log.ts'
import type { RolloutController } from './controller.ts'

/** Between two looks where nothing was heard, and two signs of life. */
const LOOK_EVERY_MS = 15_000

/**
 * Keeps a server in step with others on the same database: it is told when a version goes live or is rolled back, looks
 * again now and then for what it could not hear or do, and shows that it is alive. Gives the function that ends it.
 */
export function keepInStep(
  state: State,
  controller: RolloutController,
  names: () => readonly string[],
  log: Log,
): () => Promise<void> {
  let closed = false
  let looking: Promise<void> | null = null
  let again = false
  /** One look at a time, and one more where something was heard in between. */
  const look = (work: () => Promise<void>) => {
    if (closed) return
    if (looking) {
      again = true
      return
    }
    looking = work()
      .catch((error: Error) => log.warn('the other servers cannot be heard', { error: error.message }))
      .then(() => {
        looking = null
        if (!again) return
        again = false
        look(work)
      })
  }
  const follow = async () => controller.follow(await state.liveVersions())
  const stop = state.onLiveChange(() => look(follow))
  const timer = setInterval(
    () =>
      look(async () => {
        await controller.resume(names())
        await follow()
      }),
    LOOK_EVERY_MS,
  ).unref()
  return async () => {
    closed = true
    clearInterval(timer)
    await stop()
    await looking
  }
}
