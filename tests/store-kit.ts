import { createHash, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseModel } from '../src/ir/index.ts'
import { encodeModel } from '../src/onnx/index.ts'
import type { ComparisonReport } from '../src/report/index.ts'

export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'whet-store-'))

/** A dense layer with a useless Identity behind it, as a file; `seed` makes other weights. */
export function modelFile(folder: string, name: string, seed = 1, body = 'h = MatMul(x, w)  y = Identity(h)'): string {
  const w = Array.from({ length: 32 }, (_, i) => Math.sin(i * 1.3 + seed).toFixed(4)).join(',')
  const path = join(folder, name)
  writeFileSync(path, encodeModel(textModel(`g (float[N,8] x) => (float[N,4] y) <float[8,4] w = {${w}}> { ${body} }`)))
  return path
}

export const textModel = (
  graph: string,
  head = 'ir_version: 10, opset_import: ["" : 20, "my.own" : 1, "com.microsoft" : 1]',
) => parseModel(`<${head}> ${graph}`)

/** A comparison of the model with this digest. */
export function comparisonOf(digest: string, more: Partial<ComparisonReport> = {}): ComparisonReport {
  return {
    kind: 'comparison',
    version: 1,
    verdict: 'pass',
    grade: 'proven',
    sentence: 'The candidate is as good as the base: 0.9 of a point at worst.',
    metric: 'top1',
    higherIsBetter: true,
    labelled: true,
    n: 400,
    alpha: 0.05,
    base: { value: 0.93 },
    candidate: { value: 0.928, digest },
    discordant: { baseOnly: 1, candidateOnly: 0 },
    nonInferiority: { margin: 0.01, z: 2.1, p: 0.02, ci: [-0.0141, 0.0069], lowerBound: -0.009 },
    mcnemar: { exact: 1, midP: 0.5 },
    requiredN: null,
    agreement: { rate: 0.99, changed: 4, changedUpperBound: 0.02 },
    measurablyWorse: false,
    outputs: [],
    slices: [
      {
        name: 'light=dark|night',
        n: 40,
        verdict: 'inconclusive',
        margin: 0.01,
        base: 0.9,
        candidate: 0.85,
        discordant: { baseOnly: 2, candidateOnly: 0 },
        lowerBound: -0.14,
        upperBound: 0.03,
        requiredN: 900,
      },
    ],
    warnings: [],
    data: { path: '/home/me/eval.npz', digest: `sha256:${'d'.repeat(64)}`, rows: 400 },
    ...more,
  } as ComparisonReport
}

/**
 * Puts an image of containers under a name, as tools that know no models copy one: an index for two systems, of which
 * one came along. Gives the digests of its blobs.
 */
export function putImage(place: string, name: string, tag: string): readonly string[] {
  const layout = join(place, name)
  const digests: string[] = []
  const put = (content: string, mediaType: string) => {
    const hex = createHash('sha256').update(content).digest('hex')
    writeFileSync(join(layout, 'blobs/sha256', hex), content)
    digests.push(`sha256:${hex}`)
    return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(content) }
  }
  const oci = 'application/vnd.oci.image'
  const config = put('{"architecture":"amd64","os":"linux"}', `${oci}.config.v1+json`)
  const layers = [put(`layer of ${tag}`, `${oci}.layer.v1.tar`)]
  const manifest = put(
    JSON.stringify({ schemaVersion: 2, mediaType: `${oci}.manifest.v1+json`, config, layers }),
    `${oci}.manifest.v1+json`,
  )
  const absent = { ...manifest, digest: `sha256:${'0'.repeat(64)}` }
  const index = put(
    JSON.stringify({ schemaVersion: 2, mediaType: `${oci}.index.v1+json`, manifests: [manifest, absent] }),
    `${oci}.index.v1+json`,
  )
  const path = join(layout, 'index.json')
  const known = JSON.parse(readFileSync(path, 'utf8'))
  const entry = { ...index, annotations: { 'org.opencontainers.image.ref.name': tag } }
  writeFileSync(path, JSON.stringify({ ...known, manifests: [...known.manifests, entry] }))
  return digests
}

/** An Ed25519 pair as files. */
export function keyFiles(folder: string, name: string): { secret: string; open: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const [secret, open] = [join(folder, `${name}.pem`), join(folder, `${name}.pub`)]
  writeFileSync(secret, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(open, publicKey.export({ type: 'spki', format: 'pem' }))
  return { secret, open }
}
