import { hexOf } from './oci.ts'
import { rootDigest, STATEMENT, type Statement } from './sign.ts'

/** A file of a version that a statement speaks of. */
interface Covered {
  readonly path: string
  readonly digest: string
}

export const MODEL_PREDICATE = 'https://model_signing/signature/v1.0'
/** https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md */
export const EVALUATION_PREDICATE = 'https://in-toto.io/attestation/test-result/v0.1'

/** Files in the order of their names by code point, as model signing 1.0 asks. */
export const inOrder = <F extends Covered>(files: readonly F[]): readonly F[] =>
  [...files].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))

/** "These files are the model": the statement of OpenSSF Model Signing 1.0 over the model file and its weights. */
export function modelStatement(name: string, files: readonly Covered[]): Statement {
  const ordered = inOrder(files)
  return {
    _type: STATEMENT,
    subject: [{ name, digest: { sha256: rootDigest(ordered.map(({ digest }) => digest)) } }],
    predicateType: MODEL_PREDICATE,
    predicate: {
      resources: ordered.map(({ path, digest }) => ({ name: path, algorithm: 'sha256', digest: hexOf(digest) })),
      serialization: { method: 'files', hash_type: 'sha256', allow_symlinks: false },
    },
  }
}

interface Judged extends Covered {
  readonly verdict: string | null
}

/**
 * "This is what was measured of that model": an in-toto test result. The subject is the model by the same root digest
 * that the model's own signature has; the evidence is named with digests.
 */
export function evaluationStatement(name: string, model: readonly Covered[], evidence: readonly Judged[]): Statement {
  const of = (verdict: string) => evidence.filter((item) => item.verdict === verdict).map(({ path }) => path)
  const failed = of('regressed')
  const passed = of('pass')
  return {
    ...modelStatement(name, model),
    predicateType: EVALUATION_PREDICATE,
    predicate: {
      // No data is never a pass: without a verdict, or with an open one, the result is a warning.
      result: failed.length > 0 ? 'FAILED' : passed.length > 0 && of('inconclusive').length === 0 ? 'PASSED' : 'WARNED',
      configuration: inOrder(evidence).map(({ path, digest }) => ({ name: path, digest: { sha256: hexOf(digest) } })),
      passedTests: passed,
      warnedTests: of('inconclusive'),
      failedTests: failed,
    },
  }
}

/** The files that a statement vouches for, by name, with hexadecimal digests. */
export function coveredBy({ predicateType, predicate }: Statement): ReadonlyMap<string, string> {
  const body = predicate as {
    resources?: readonly { name?: unknown; digest?: unknown; algorithm?: unknown }[]
    configuration?: readonly { name?: unknown; digest?: { sha256?: unknown } }[]
  } | null
  const entries =
    predicateType === MODEL_PREDICATE
      ? (Array.isArray(body?.resources) ? body.resources : [])
          .filter(({ algorithm }) => algorithm === 'sha256')
          .map(({ name, digest }) => [String(name), String(digest)] as const)
      : (Array.isArray(body?.configuration) ? body.configuration : []).map(
          ({ name, digest }) => [String(name), String(digest?.sha256)] as const,
        )
  return new Map(entries)
}
