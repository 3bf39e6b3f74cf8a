import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '../platform/index.ts'
import { type Answer, type Call, discard, exchange, fetchSmall, safeUrl } from './http.ts'
import { parseJson } from './oci.ts'

/**
 * What a registry asked for with 401, as the value of an `authorization` header: Basic, or a Bearer token from the
 * realm that it names. Null where it wants credentials and there are none. User and password come from
 * `WHETSTONE_REGISTRY_USER` and `WHETSTONE_REGISTRY_PASSWORD`, else from `auths` in docker's `config.json`.
 *
 * @throws UserError `unwritable` where the realm refuses, `unsupported` for another scheme.
 */
export async function authorize(answer: Answer): Promise<string | null> {
  const challenge = String(answer.headers['www-authenticate'] ?? '')
  const [, scheme, rest] = /^(\w+)\s*(.*)$/s.exec(challenge) ?? []
  const basic = credentialsFor(answer.url)
  if (scheme?.toLowerCase() === 'basic') return basic === null ? null : `Basic ${basic}`
  if (scheme?.toLowerCase() !== 'bearer')
    throw new UserError(
      'unsupported',
      `the registry wants ${JSON.stringify(scheme ?? 'something unnamed')} to log in`,
      {
        where: answer.url.origin,
        hint: 'Whetstone knows Basic and Bearer tokens',
      },
    )
  const fields = new Map([...rest!.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!]))
  const realm = safeUrl(fields.get('realm') ?? '', answer.url)
  for (const key of ['service', 'scope']) if (fields.has(key)) realm.searchParams.set(key, fields.get(key)!)
  const call: Call = {
    method: 'GET',
    url: realm,
    ...(basic === null ? {} : { headers: { authorization: `Basic ${basic}` } }),
  }
  const { answer: asked, bytes } = await fetchSmall(realm, () => exchange(call), 1 << 20)
  if (asked.status !== 200) {
    discard(asked)
    if (basic === null && (asked.status === 401 || asked.status === 403)) return null
    throw refused(answer.url, asked.status)
  }
  const body = parseJson(bytes, realm.origin) as {
    token?: unknown
    access_token?: unknown
  } | null
  const token = body?.token ?? body?.access_token
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
    throw new UserError('bad-data', 'the registry gave no token', { where: realm.origin, hint: 'ask whoever runs it' })
  return `Bearer ${token}`
}

export const refused = (url: URL, status: number): UserError =>
  new UserError('unwritable', `the registry refuses access (${status})`, {
    where: url.href,
    hint: 'set WHETSTONE_REGISTRY_USER and WHETSTONE_REGISTRY_PASSWORD, or log in with a tool that writes ~/.docker/config.json',
  })

/** `user:password` in base64; null where nothing is known for this host. */
function credentialsFor({ host }: URL): string | null {
  const { WHETSTONE_REGISTRY_USER: user, WHETSTONE_REGISTRY_PASSWORD: password } = process.env
  if (user !== undefined && password !== undefined) return Buffer.from(`${user}:${password}`).toString('base64')
  const path = join(process.env.DOCKER_CONFIG || join(homedir(), '.docker'), 'config.json')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return null
  }
  const config = parseJson(new TextEncoder().encode(text), path) as {
    auths?: Record<string, { auth?: unknown }>
  } | null
  const auths = config?.auths ?? {}
  const entry = [host, `https://${host}`, `http://${host}`]
    .map((key) => (Object.hasOwn(auths, key) ? auths[key] : undefined))
    .find(Boolean)
  return typeof entry?.auth === 'string' && entry.auth !== '' ? entry.auth : null
}
