import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { explainSystemError, makeFolder, UserError, writeAtomic } from '../../platform/index.ts'
import type { Change, State } from '../../state/index.ts'
import type { Log } from '../log.ts'

/** The end of a rollout, as the database is to be told of it. */
export type Ending = Change & { readonly rollout: NonNullable<Change['rollout']> }

/** Ends of rollouts that the database has not taken yet, one a file: they outlive a server that is ended before. */
export class Unwritten {
  readonly #folder: string

  /** @param folder made when there is something to keep. */
  constructor(folder: string) {
    this.#folder = folder
  }

  async keep(ending: Ending): Promise<void> {
    makeFolder(this.#folder)
    await writeAtomic(this.#fileOf(ending), JSON.stringify(ending))
  }

  drop(ending: Ending): void {
    rmSync(this.#fileOf(ending), { force: true })
  }

  /** UserError for a file that cannot be read. */
  all(): readonly Ending[] {
    return this.#files().map((file) => {
      const path = join(this.#folder, file)
      try {
        return JSON.parse(readFileSync(path, 'utf8')) as Ending
      } catch (cause) {
        if (!(cause instanceof SyntaxError)) throw explainSystemError(cause, path, 'read')
        throw new UserError('bad-data', 'this is not JSON: the end of a rollout stood here', {
          where: path,
          hint: 'put back a copy of it, or delete it: the rollout then goes on from what was kept before',
          cause,
        })
      }
    })
  }

  #files(): readonly string[] {
    try {
      return readdirSync(this.#folder).filter((file) => /^[^.].*\.json$/.test(file))
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT') return []
      throw explainSystemError(error, this.#folder, 'read')
    }
  }

  #fileOf({ rollout }: Ending): string {
    return join(this.#folder, `${rollout.id}.json`)
  }
}

/**
 * Tells the database what an earlier run of this server could not. What another server has taken meanwhile is that
 * one's to end, and what is there already needs no telling.
 *
 * @param abandonedMs as for `State.claim`, by which nobody else takes these rollouts at that moment.
 */
export async function writeLate(unwritten: Unwritten, state: State, abandonedMs: number, log: Log): Promise<void> {
  const endings = unwritten.all()
  if (endings.length === 0) return
  const own = await state.claim(abandonedMs, [...new Set(endings.map(({ rollout }) => rollout.name))])
  for (const ending of endings) {
    const { id, name, state: ended } = ending.rollout
    if (own.some((kept) => kept.id === id)) {
      await state.keep(ending)
      log.info(`rollout ended: ${ended}; the server before could not write it`, { model: name, rollout: id })
    }
    unwritten.drop(ending)
  }
}
