import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { readFileBytes, UserError } from '../platform/index.ts'
import { damaged, hexOf, MEDIA, parseJson } from './oci.ts'

/**
 * Signatures as OpenSSF Model Signing 1.0 lays them out: an in-toto Statement v1 in a DSSE envelope in a Sigstore
 * bundle, signed by a long-lived key. The key is Ed25519; bundles signed by others with P-256 or P-384 verify too.
 */
export interface Bundle {
  readonly mediaType: string
  readonly verificationMaterial: { readonly publicKey?: { readonly hint?: string } }
  readonly dsseEnvelope: {
    readonly payload: string
    readonly payloadType: string
    readonly signatures: readonly { readonly sig: string; readonly keyid?: string | null }[]
  }
}

/** An in-toto statement: who is meant, by digest, and what is said of them. */
export interface Statement {
  readonly _type: string
  readonly subject: readonly { readonly name: string; readonly digest: Readonly<Record<string, string>> }[]
  readonly predicateType: string
  readonly predicate: unknown
}

export const STATEMENT = 'https://in-toto.io/Statement/v1'
const PAYLOAD = 'application/vnd.in-toto+json'

/** A key that signatures are checked with. */
export interface PublicKey {
  readonly path: string
  /** SHA-256 of the key as PEM, which is what bundles call it by. */
  readonly hint: string
  readonly key: KeyObject
}

/** A key that signs. */
export interface PrivateKey extends PublicKey {
  readonly secret: KeyObject
}

/** A private Ed25519 key in PEM, such as `openssl genpkey -algorithm ed25519 -out key.pem` writes. */
export async function readPrivateKey(path: string): Promise<PrivateKey> {
  const text = new TextDecoder().decode(await readFileBytes(path))
  if (text.includes('ENCRYPTED'))
    throw new UserError('unsupported', 'the key has a passphrase', {
      where: path,
      hint: 'write it without one for this: openssl pkey -in KEY -out PLAIN',
    })
  const secret = keyOf(
    () => createPrivateKey(text),
    path,
    'a private key: openssl genpkey -algorithm ed25519 -out key.pem',
  )
  if (secret.asymmetricKeyType !== 'ed25519')
    throw new UserError('bad-argument', `the key is ${secret.asymmetricKeyType}, and Whetstone signs with Ed25519`, {
      where: path,
      hint: 'make one: openssl genpkey -algorithm ed25519 -out key.pem',
    })
  const key = createPublicKey(secret)
  return { path, key, secret, hint: hintOf(key) }
}

/** A public key in PEM (Ed25519, P-256 or P-384). */
export async function readPublicKey(path: string): Promise<PublicKey> {
  const text = new TextDecoder().decode(await readFileBytes(path))
  if (text.includes('PRIVATE KEY'))
    throw new UserError('bad-argument', 'this is a private key, and checking wants the public one', {
      where: path,
      hint: 'openssl pkey -in key.pem -pubout -out pub.pem',
    })
  const key = keyOf(() => createPublicKey(text), path, 'a public key: openssl pkey -in key.pem -pubout -out pub.pem')
  if (key.asymmetricKeyType !== 'ed25519' && key.asymmetricKeyType !== 'ec')
    throw new UserError('bad-argument', `a key of type ${key.asymmetricKeyType} signs no models`, {
      where: path,
      hint: 'give the Ed25519 (or P-256, P-384) key of whoever signed',
    })
  return { path, key, hint: hintOf(key) }
}

function keyOf(read: () => KeyObject, path: string, wanted: string): KeyObject {
  try {
    return read()
  } catch (cause) {
    throw new UserError('bad-argument', 'this is not a key in PEM', { where: path, hint: `give ${wanted}`, cause })
  }
}

const hintOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'pem' }))
    .digest('hex')

/** Pre-authentication encoding of DSSE v1: what is really signed, so that a payload cannot pass as another type. */
function preAuthEncoding(type: string, payload: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.byteLength} `), payload])
}

/** A statement, signed: a Sigstore bundle around a DSSE envelope, with a key of one's own instead of a certificate. */
export function signStatement(statement: Statement, { secret, hint }: PrivateKey): Bundle {
  const payload = Buffer.from(JSON.stringify(statement))
  return {
    mediaType: MEDIA.bundle,
    verificationMaterial: { publicKey: { hint } },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: PAYLOAD,
      signatures: [{ sig: sign(null, preAuthEncoding(PAYLOAD, payload), secret).toString('base64'), keyid: '' }],
    },
  }
}

/** A bundle of untrusted bytes, and the statement in it; nothing is verified yet. UserError `bad-data`. */
export function parseBundle(bytes: Uint8Array, where: string): { bundle: Bundle; statement: Statement } {
  const bundle = parseJson(bytes, where) as Partial<Bundle> | null
  const envelope = bundle?.dsseEnvelope
  if (
    bundle?.mediaType !== MEDIA.bundle ||
    typeof envelope?.payload !== 'string' ||
    !Array.isArray(envelope.signatures)
  )
    throw damaged('this is no signature bundle', where)
  if (envelope.payloadType !== PAYLOAD) throw damaged(`the signature covers ${envelope.payloadType}`, where)
  const statement = parseJson(Buffer.from(envelope.payload, 'base64'), where) as Partial<Statement> | null
  if (
    statement?._type !== STATEMENT ||
    !Array.isArray(statement.subject) ||
    typeof statement.predicateType !== 'string'
  )
    throw damaged('the signature covers no in-toto statement', where)
  return { bundle: bundle as Bundle, statement: statement as Statement }
}

/** Whether one of the signatures in the bundle is this key's. */
export function isSignedBy({ dsseEnvelope }: Bundle, { key }: PublicKey): boolean {
  const signed = preAuthEncoding(dsseEnvelope.payloadType, Buffer.from(dsseEnvelope.payload, 'base64'))
  const curve = key.asymmetricKeyDetails?.namedCurve
  const hash = key.asymmetricKeyType === 'ed25519' ? null : curve === 'secp384r1' ? 'sha384' : 'sha256'
  return dsseEnvelope.signatures.some(({ sig }) => {
    try {
      return verify(hash, signed, key, Buffer.from(String(sig), 'base64'))
    } catch {
      return false
    }
  })
}

/** Root digest of a list of files (model signing 1.0, 6.5.1): SHA-256 over their raw digests in the order of names. */
export function rootDigest(digests: readonly string[]): string {
  const hash = createHash('sha256')
  for (const digest of digests) hash.update(Buffer.from(hexOf(digest), 'hex'))
  return hash.digest('hex')
}
