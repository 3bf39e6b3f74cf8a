import type { Lanes } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import { watchForHang } from './hang.ts'

/**
 * The lanes of a process for those who try them before requests come: a run that takes longer than `ms` has hung, and
 * nobody would ever hear of it. Then `hung` rejects; the process is left to whoever started it. Never resolves.
 */
export function limitRuns(
  lanes: Lanes,
  ms: number,
  label: string,
): { readonly lanes: Lanes; readonly hung: Promise<never> } {
  let hang!: (error: UserError) => void
  const hung = new Promise<never>((_, reject) => {
    hang = reject
  })
  const within = async <T>(limitMs: number, work: Promise<T>): Promise<T> => {
    const ended = watchForHang(limitMs, () => hang(tooLong(ms, label)))
    try {
      return await work
    } finally {
      ended()
    }
  }
  return {
    lanes: {
      ...lanes,
      run: (...call) => within(ms, lanes.run(...call)),
      spin: (lane, inputs, spinMs) => within(ms + spinMs, lanes.spin(lane, inputs, spinMs)),
    },
    hung,
  }
}

const tooLong = (ms: number, label: string) =>
  new UserError('unsupported', `a run on sample inputs did not end within ${ms / 1000} seconds`, {
    where: label,
    hint: 'run the model by itself: a loop of it may never end on such inputs; --samples D gives others, --shape smaller ones',
  })
