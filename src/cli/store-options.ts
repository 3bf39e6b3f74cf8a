import { defaultStore, openStore, type Store } from '../store/index.ts'
import type { Arguments, OptionSpec } from './verb.ts'

/** Options that every verb of the store takes. */
export const STORE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  store: {
    type: 'string',
    value: 'DIR|URL',
    help: 'a folder, or a registry as https://HOST/PREFIX (default: WHETSTONE_STORE, else a folder of yours)',
  },
  'plain-http': { type: 'boolean', help: 'allow http:// beyond this machine' },
}

export const KEY: OptionSpec = {
  type: 'string',
  multiple: true,
  value: 'PUB',
  help: 'public key (PEM) that must have signed it; may be repeated',
}

/** The store that --store names, or this user's own. */
export function storeOf(options: Arguments): Store {
  return openStore(options.text('store') ?? defaultStore(), { plainHttp: options.flag('plain-http') })
}
