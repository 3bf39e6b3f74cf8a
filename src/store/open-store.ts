import { existsSync, readdirSync } from 'node:fs'
import { join, sep } from 'node:path'
import { UserError } from '../platform/index.ts'
import { collect } from './gc.ts'
import { noVersion, openLayout } from './layout.ts'
import { isLayout } from './layout-index.ts'
import { defaultStore, parseLocation } from './location.ts'
import { assemble, publish } from './put.ts'
import {
  checkDigest,
  checkName,
  checkTag,
  DEFAULT_TAG,
  parseReference,
  type Reference,
  referenceText,
} from './reference.ts'
import { openRegistry, registryNames } from './registry.ts'
import type { Repository } from './repository.ts'
import type { Store, StoreOptions } from './store.ts'
import { verifyStore } from './verify.ts'
import { readVersion, type Version } from './version.ts'

/**
 * Opens a store: a folder (made when something is pushed), or a registry by `https://HOST[/PREFIX]`, `oci://…` or, on
 * this machine, `http://…`. Nothing is read or written yet. Default: see `defaultStore`.
 */
export function openStore(location: string = defaultStore(), options: StoreOptions = {}): Store {
  const place = parseLocation(location, options.plainHttp)
  const repository = (name: string): Repository => {
    checkName(name)
    return place.kind === 'folder'
      ? openLayout(join(place.folder, ...name.split('/')), name)
      : openRegistry(place, name)
  }
  const where = place.kind === 'folder' ? place.folder : `${place.origin}/${place.prefix}`.replace(/\/$/, '')
  const resolve = async ({ name, tag, digest }: Reference): Promise<Version> => {
    const place = repository(name)
    const found = await readVersion(place, digest ?? tag ?? DEFAULT_TAG)
    if (found) return found
    if (digest !== undefined) throw noVersion(where, referenceText({ name, digest }))
    const entries = await place.entries()
    // Of a name alone, with nothing else to mean.
    if (tag === undefined && entries.length === 1) return (await readVersion(place, entries[0]!.digest))!
    const tags = entries.flatMap((entry) => entry.tags)
    const empty = tags.length === 0 && (await store.names().catch(() => null))?.length === 0
    throw new UserError('missing-file', `there is no version ${referenceText({ name, ...(tag ? { tag } : {}) })}`, {
      where,
      hint:
        tags.length > 0
          ? `there is ${tags.map((one) => `${name}:${one}`).join(', ')}`
          : empty
            ? `nothing is kept there: whet push MODEL ${name} keeps something; was another store meant (--store)?`
            : 'whet log lists what there is',
    })
  }
  const store: Store = {
    location: where,
    kind: place.kind,
    names: async () => (place.kind === 'folder' ? layoutNames(place.folder) : registryNames(place)),
    list: (name) => repository(name).entries(),
    resolve: async (reference) => resolve(parseReference(reference)),
    async put(name, input, options = {}) {
      const target = repository(name)
      const tag = options.tag === undefined ? undefined : checkTag(options.tag)
      const artefact = await assemble(name, input, options.sign)
      await publish(target, artefact, { ...options, tag })
      const version = await resolve({ name, digest: artefact.manifest.descriptor.digest })
      return { version, findings: artefact.findings }
    },
    tag: (name, tag, digest, expect) =>
      repository(name).setTag(checkTag(tag), digest, typeof expect === 'string' ? checkDigest(expect) : expect),
    verify: (reference, options) => verifyStore(store, reference, options),
    async collect(options) {
      if (place.kind === 'registry')
        throw new UserError('unsupported', 'a registry removes what nobody needs by itself', {
          where,
          hint: 'ask whoever runs it; whet gc cleans stores in folders',
        })
      return collect(place.folder, layoutNames(place.folder, true), options)
    },
    repository,
  }
  return store
}

/**
 * Every folder below that is a layout; links are not followed. With `begun`, also those that have blobs and no index
 * yet: what a first push left that did not come to its end.
 */
function layoutNames(folder: string, begun = false): readonly string[] {
  const found: string[] = []
  const visit = (path: string, name: readonly string[]) => {
    let entries: import('node:fs').Dirent[]
    try {
      entries = readdirSync(path, { withFileTypes: true })
    } catch {
      return
    }
    const counts = () => isLayout(path) || (begun && existsSync(join(path, 'blobs', 'sha256')))
    if (name.length > 0 && counts()) found.push(name.join('/'))
    for (const entry of entries)
      if (entry.isDirectory() && entry.name !== 'blobs' && !entry.name.startsWith('.') && name.length < 16)
        visit(`${path}${sep}${entry.name}`, [...name, entry.name])
  }
  visit(folder, [])
  return found.filter((name) => isName(name)).sort()
}

function isName(name: string): boolean {
  try {
    return checkName(name) === name
  } catch {
    return false
  }
}
