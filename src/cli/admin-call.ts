import { UserError } from '../platform/index.ts'
import { kinds, type Report } from '../report/index.ts'
import type { Arguments, OptionSpec } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

/** Options of the verbs that speak to a running server. */
export const ADMIN_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  admin: {
    type: 'string',
    value: 'URL',
    help: 'admin face of the server (WHETSTONE_ADMIN, else http://127.0.0.1:8002)',
  },
}

/** Node's own client gives up after five minutes, and says of no server that it is there. */
const LONGEST_MS = 290_000

interface AdminCall<K extends Report['kind']> {
  /** What the server answers. */
  readonly kind: K
  readonly path: string
  /** POSTed; undefined asks. */
  readonly body?: object
  /** What to do where the server refuses: it says what is wrong, not by which command to go on. */
  readonly hint: string
  readonly longestMs?: number
}

/**
 * Asks the admin face of a running server and reads the report that it answers. The key is taken from `WHETSTONE_KEY`:
 * on the command line everybody could read it.
 *
 * @throws UserError where no server answers or not in time, and with the server's own words where it refuses.
 */
export async function callAdmin<K extends Report['kind']>(
  options: Arguments,
  { kind, path, body, hint, longestMs = LONGEST_MS }: AdminCall<K>,
): Promise<Extract<Report, { kind: K }>> {
  const place = options.text('admin') ?? process.env.WHETSTONE_ADMIN ?? 'http://127.0.0.1:8002'
  const url = new URL(path, addressOf(place))
  const key = process.env.WHETSTONE_KEY
  let answer: Response
  let text: string
  try {
    answer = await fetch(url, {
      method: body ? 'POST' : 'GET',
      headers: key ? { authorization: `Bearer ${key}` } : {},
      signal: AbortSignal.timeout(longestMs),
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    text = await answer.text()
  } catch (error) {
    if ((error as Error).name === 'TimeoutError')
      throw new UserError('busy', `the server has not answered within ${longestMs / 1000} seconds`, {
        where: url.origin,
        hint: 'it may still be at it: its log says what it does, "whet rollout status NAME" what came of a rollout',
        cause: error,
      })
    throw new UserError('missing-file', `no server answers at ${url.origin}`, {
      where: url.origin,
      hint: 'start one (whet serve SOURCE), or name its admin face with --admin http://127.0.0.1:PORT',
      cause: error,
    })
  }
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw stranger(url, 'what answers there is no Whetstone server')
  }
  if (!answer.ok) throw refused(url, answer.status, document, hint)
  const { kind: got } = document as { kind?: unknown }
  if (got !== kind || !Object.hasOwn(kinds, kind)) throw stranger(url, 'the answer is no report of this kind')
  return document as Extract<Report, { kind: K }>
}

function addressOf(place: string): URL {
  try {
    const url = new URL(place.includes('://') ? place : `http://${place}`)
    if (/^https?:$/.test(url.protocol)) return url
  } catch {}
  throw wrongCall(`--admin ${place}: not an address`, 'for example --admin http://127.0.0.1:8002')
}

const stranger = (url: URL, message: string) =>
  new UserError('bad-data', message, { where: url.href, hint: 'name the admin face of the server with --admin' })

function refused(url: URL, status: number, document: unknown, hint: string): UserError {
  const { error } = document as { error?: unknown }
  const said = typeof error === 'string' ? error : `the server answered ${status}`
  if (status === 401 || status === 403)
    return new UserError('bad-argument', said, {
      where: url.origin,
      hint: 'put a key with the scope admin into WHETSTONE_KEY',
    })
  if (status === 404 && said === 'Not Found')
    return new UserError('missing-file', 'this face of the server knows no rollouts', {
      where: url.origin,
      hint: 'name its admin face with --admin; its log says where it is',
    })
  if (said.startsWith('Request for unknown model'))
    return new UserError('bad-argument', said, {
      where: url.origin,
      hint: `whet serve calls a model by its file, its folder or its name in the store; POST ${url.origin}/v2/repository/index lists those of this server`,
    })
  return new UserError(status === 409 || status === 503 ? 'busy' : 'bad-argument', said, { where: url.origin, hint })
}
