import { UserError } from '../platform/index.ts'
import { isDigest } from './oci.ts'

/** `NAME`, `NAME:TAG` or `NAME@sha256:…`. */
export interface Reference {
  readonly name: string
  readonly tag?: string
  readonly digest?: string
}

/** The tag that is meant where none is written. */
export const DEFAULT_TAG = 'latest'

/** The grammar of the OCI distribution specification; it leaves no room for `..`, spaces or absolute paths. */
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/
/** Registries without a referrers interface keep the signatures of a version under such a tag. */
const REFERRERS_TAG = /^sha256-[0-9a-f]{64}$/
/** Names of files and folders of a layout: a model inside another's folder must not take them. */
const RESERVED = new Set(['blobs', 'index.json', 'oci-layout'])

/** A reference as people write it. UserError `bad-argument` says which part is wrong and what it may hold. */
export function parseReference(text: string): Reference {
  const at = text.indexOf('@')
  if (at >= 0) {
    const digest = text.slice(at + 1)
    // A tag before a digest is a comment, as everywhere with OCI references.
    return { name: checkName(text.slice(0, at).replace(/:[^/]*$/, '')), digest: checkDigest(digest, 'NAME@') }
  }
  const colon = text.lastIndexOf(':')
  if (colon < 0 || text.indexOf('/', colon) >= 0) return { name: checkName(text) }
  return { name: checkName(text.slice(0, colon)), tag: checkTag(text.slice(colon + 1)) }
}

/** Whether this is a reference that {@link parseReference} takes. */
export function isReference(text: string): boolean {
  try {
    parseReference(text)
    return true
  } catch {
    return false
  }
}

/** The name of a model as it is given. UserError `bad-argument` where it cannot be one. */
export function checkName(name: string): string {
  if (name.length > 255 || !NAME.test(name) || name.split('/').some((part) => RESERVED.has(part)))
    throw bad(
      `${JSON.stringify(name)} cannot be the name of a model`,
      'names are small letters, digits, single . _ and -, with / between parts, such as team/digits',
    )
  return name
}

/** The digest as it is given. UserError `bad-argument`, with how it is written behind `before`, where it is none. */
export function checkDigest(digest: string, before = ''): string {
  if (isDigest(digest)) return digest
  throw bad(`${JSON.stringify(digest)} is not a digest`, `write ${before}sha256: and 64 hexadecimal digits`)
}

/** The tag as it is given. UserError `bad-argument` where it cannot be one. */
export function checkTag(tag: string): string {
  if (!TAG.test(tag) || REFERRERS_TAG.test(tag))
    throw bad(`${JSON.stringify(tag)} cannot be a tag`, 'tags are letters, digits, . _ and -, such as v7 or 2024-05-01')
  return tag
}

/** The reference as it is written. */
export function referenceText({ name, tag, digest }: Reference): string {
  return digest !== undefined ? `${name}@${digest}` : `${name}:${tag ?? DEFAULT_TAG}`
}

/** Tags that people gave, without those that registries keep signatures under. */
export const isOwnTag = (tag: string): boolean => TAG.test(tag) && !REFERRERS_TAG.test(tag)

const bad = (what: string, hint: string) => new UserError('bad-argument', what, { where: 'reference', hint })
