import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { isLoopback, UserError } from '../platform/index.ts'

/** A folder on this machine, or a registry with a prefix for the names in it. */
export type Location =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 'registry'; readonly origin: string; readonly prefix: string }

/**
 * Where the store is by default: `WHETSTONE_STORE` (a folder or a URL), else the place that the system keeps for the
 * data of applications: `$XDG_DATA_HOME/whetstone/store` (`~/.local/share` where it is not set),
 * `~/Library/Application Support/whetstone/store` on macOS, `%LOCALAPPDATA%\whetstone\store` on Windows.
 */
export function defaultStore(): string {
  if (process.env.WHETSTONE_STORE) return process.env.WHETSTONE_STORE
  if (process.platform === 'win32')
    return join(process.env.LOCALAPPDATA || join(homedir(), 'AppData', 'Local'), 'whetstone', 'store')
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'whetstone', 'store')
  return join(process.env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'whetstone', 'store')
}

/**
 * A folder or a registry: `https://HOST[/PREFIX]`, `oci://HOST[/PREFIX]` (the same), or `http://…`, which is refused
 * beyond this machine unless `plainHttp` says that it is meant.
 *
 * @throws UserError `bad-argument`
 */
export function parseLocation(text: string, plainHttp = false): Location {
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined) return { kind: 'folder', folder: resolve(text) }
  let url: URL
  try {
    url = new URL(scheme === 'oci' ? text.replace(/^oci/i, 'https') : text)
  } catch (cause) {
    throw new UserError('bad-argument', `${text} is not a URL`, {
      hint: 'for example https://registry.example/models',
      cause,
    })
  }
  if (scheme !== 'oci' && scheme !== 'http' && scheme !== 'https')
    throw new UserError('bad-argument', `a store cannot be at ${scheme}://`, {
      where: text,
      hint: 'give a folder, or a registry as https://HOST/PREFIX',
    })
  if (url.username !== '' || url.password !== '')
    throw new UserError('bad-argument', 'a store URL must not hold a password: command lines are seen by others', {
      hint: 'set WHETSTONE_REGISTRY_USER and WHETSTONE_REGISTRY_PASSWORD, or log in with a tool that writes ~/.docker/config.json',
    })
  if (url.protocol === 'http:' && !plainHttp && !isLoopback(url.hostname))
    throw new UserError(
      'bad-argument',
      `${url.origin} would send models and passwords readable to everyone on the way`,
      {
        where: text,
        hint: 'use https://, or add --plain-http where the network is your own',
      },
    )
  return { kind: 'registry', origin: url.origin, prefix: url.pathname.replace(/^\/+|\/+$/g, '') }
}
