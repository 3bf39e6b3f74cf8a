import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** Finds and loads packages of CommonJS, which an import would read through for names first. */
const requirePackage = createRequire(import.meta.url)

/**
 * The package and its version, from its manifest: whoever only names the runtime must not load it, which takes tens of
 * milliseconds and megabytes.
 */
export const runtimeName = `onnxruntime-node ${versionOf('onnxruntime-node')}`

function versionOf(name: string): string {
  const manifest = requirePackage.resolve(`${name}/package.json`)
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}
