import { grade } from './comparison.ts'
import { boolean, type Infer, integer, list, nullable, object, oneOf, optional, report, text } from './schema.ts'
import { verdict } from './verdict.ts'

/** A file of a version; `path` is its place in the folder that `pull` makes. */
const versionFile = object({ path: text, role: text, digest: text, bytes: integer })

/** What one report of a version says. */
const evidence = object({ path: text, kind: text, verdict: nullable(verdict), grade, sentence: nullable(text) })

const signature = object({
  what: oneOf('model', 'evaluation', 'other'),
  /** SHA-256 of the public key in PEM. */
  key: text,
  covers: list(text),
})

const parent = object({ version: nullable(text), name: nullable(text), modelDigest: text })
const explained = oneOf('original', 'replayed', 'unexplained', 'unchecked')
const lineage = object({
  parent: nullable(parent),
  recipe: nullable(object({ steps: integer, whetstone: text })),
  /** Whether the recipe, replayed on the parent, gave these bytes. */
  explained,
  /** Differences that no pass of the recipe explains. */
  edits: list(text),
})

const finding = object({ level: oneOf('danger', 'note'), kind: text, where: text, what: text })

/** One version of a model in a store: the answer of `show`, and of `push`, `pull` and `tag`. */
export const version = report('version', {
  action: oneOf('show', 'push', 'pull', 'tag'),
  store: text,
  name: text,
  /** Of the manifest: NAME@DIGEST names this version for ever. */
  digest: text,
  tags: list(text),
  /** ISO time; null in registries. */
  pushed: nullable(text),
  model: object({ digest: text, bytes: integer }),
  verdict: nullable(verdict),
  grade,
  files: list(versionFile),
  evidence: list(evidence),
  data: list(object({ path: text, digest: text, rows: integer })),
  lineage: nullable(lineage),
  signatures: list(signature),
  /** What reading the graph found; null where it was not read. */
  findings: nullable(list(finding)),
  /** The folder or store that `pull` wrote to. */
  wroteTo: optional(text),
  card: nullable(text),
})
export type VersionReport = Infer<typeof version>

/** The versions of a name, newest first: the answer of `log`. Without a name: every name with its tags. */
export const history = report('history', {
  store: text,
  name: nullable(text),
  versions: list(
    object({
      name: text,
      digest: text,
      tags: list(text),
      pushed: nullable(text),
      modelBytes: integer,
      verdict: nullable(verdict),
      grade,
      sentence: nullable(text),
      parent: nullable(parent),
      explained: nullable(explained),
      signed: list(oneOf('model', 'evaluation', 'other')),
      /** What keeps this version from being read; its other fields are empty then. */
      problem: optional(text),
    }),
  ),
})
export type HistoryReport = Infer<typeof history>

/** What `verify` checked, version by version. */
export const verification = report('verification', {
  store: text,
  sound: boolean,
  versions: list(
    object({
      name: text,
      digest: text,
      tags: list(text),
      sound: boolean,
      blobs: list(object({ path: text, digest: text, bytes: integer, state: oneOf('intact', 'changed', 'missing') })),
      signatures: list(
        object({
          what: oneOf('model', 'evaluation', 'other'),
          key: text,
          /** `unchecked`: no key was given; `unknown-key`: signed by none of the keys given. */
          state: oneOf('valid', 'invalid', 'unknown-key', 'unchecked'),
          /** The key file that it was checked with. */
          by: nullable(text),
          covers: list(text),
          detail: optional(text),
        }),
      ),
      lineage: nullable(lineage),
      findings: list(finding),
      /** Everything that makes this version unsound, in one sentence each. */
      problems: list(text),
    }),
  ),
  /** What other tools have put under the names: no versions, and not judged. */
  others: optional(list(object({ name: text, digest: text, tags: list(text) }))),
  /** Of the store itself, beyond its versions. */
  problems: list(text),
})
export type VerificationReport = Infer<typeof verification>

/** What `gc` took away. */
export const collection = report('collection', {
  store: text,
  dryRun: boolean,
  /** Nothing younger is touched: a push may still be under way. */
  graceMs: integer,
  removed: list(
    object({ name: text, what: oneOf('blob', 'version', 'unfinished'), digest: nullable(text), bytes: integer }),
  ),
  freedBytes: integer,
  kept: object({ blobs: integer, bytes: integer, versions: integer }),
})
export type CollectionReport = Infer<typeof collection>
