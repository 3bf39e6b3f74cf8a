import { bytesBlob } from './layout.ts'
import { MEDIA, parseManifest } from './oci.ts'
import { type Blob, type Repository, writeAll, writeTagged } from './repository.ts'
import type { Store } from './store.ts'
import type { Version } from './version.ts'

/**
 * Copies a version, signatures and all, bit by bit: it has the same digest there. The tags given are set at the end.
 */
export async function copyVersion(version: Version, from: Store, to: Store, tags: readonly string[]): Promise<void> {
  const source = from.repository(version.name)
  const target = to.repository(version.name)
  await writeTagged(target, version.digest, tags, async () => {
    await copyManifest(source, target, version.digest, MEDIA.model)
    for (const { digest } of await source.referrers(version.digest))
      await copyManifest(source, target, digest, MEDIA.bundle)
  })
}

async function copyManifest(
  source: Repository,
  target: Repository,
  digest: string,
  artifactType: string,
): Promise<void> {
  const stored = await source.manifest(digest)
  if (!stored) throw new Error(`internal: ${source.where} lost ${digest} while it was copied`)
  const { config, layers } = parseManifest(stored.bytes, `${source.where}@${digest}`)
  const blobs = [config, ...layers].map((descriptor): Blob => ({ descriptor, chunks: () => source.read(descriptor) }))
  await writeAll(target, blobs, bytesBlob(stored.bytes, MEDIA.manifest, { artifactType }))
}
