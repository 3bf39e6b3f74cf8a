import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where Debian puts the programs of each version of PostgreSQL. */
const PROGRAMS = '/usr/lib/postgresql'

const programs = existsSync(PROGRAMS)
  ? readdirSync(PROGRAMS)
      .map((version) => join(PROGRAMS, version, 'bin'))
      .find((folder) => existsSync(join(folder, 'initdb')))
  : undefined

/** Whether there is a PostgreSQL to test with: one that `WHETSTONE_TEST_POSTGRES` names, or programs to start one. */
export const hasPostgres = process.env.WHETSTONE_TEST_POSTGRES !== undefined || programs !== undefined

export interface OwnPostgres {
  readonly url: string
  stop(): void
}

/** A database with nothing in it: a server in a folder of its own, on a free port of this machine. */
export async function startPostgres(): Promise<OwnPostgres> {
  const given = process.env.WHETSTONE_TEST_POSTGRES
  if (given !== undefined) return { url: given, stop: () => {} }
  const folder = mkdtempSync(join(tmpdir(), 'whet-postgres-'))
  const user = userOfServer()
  if (user) {
    chownSync(folder, user.uid, user.gid)
    // A test's folder for temporary files is its user's alone: this one must get through.
    chmodSync(tmpdir(), (statSync(tmpdir()).mode & 0o7777) | 0o001)
  }
  const run = (program: string, ...words: readonly string[]) => {
    const { status, stderr, error } = spawnSync(join(programs!, program), words, {
      ...user,
      cwd: folder,
      // The server outlives the command that starts it, and would hold a pipe open.
      stdio: ['ignore', 'ignore', program === 'initdb' ? 'pipe' : 'ignore'],
    })
    if (status !== 0) throw new Error(`${program}: ${error?.message ?? stderr}`)
  }
  const data = join(folder, 'data')
  const port = await freePort()
  run('initdb', '-D', data, '-U', 'whet', '-A', 'trust', '--no-sync')
  run('pg_ctl', '-D', data, '-w', '-o', `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1 -c fsync=off`, 'start')
  return {
    url: `postgres://whet@127.0.0.1:${port}/postgres`,
    stop() {
      run('pg_ctl', '-D', data, '-m', 'immediate', 'stop')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** PostgreSQL refuses to run for root, as which containers test: its own user then. */
function userOfServer(): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null
  const id = (flag: string) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout)
  return { uid: id('-u'), gid: id('-g') }
}

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
