import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomNumbers } from '../src/data/index.ts'
import { parseModel } from '../src/ir/index.ts'
import { encodeModel } from '../src/onnx/index.ts'
import { openStore } from '../src/store/index.ts'
import { isProgram, reportKills, startWorker } from './killed-worker.ts'

interface KillRun {
  readonly kills: number
  readonly seed: number
  readonly onKill?: (kill: number, versions: number) => void
}

/**
 * Kills (SIGKILL) a process that pushes, tags and collects, at random moments, and looks at the store after each: it
 * must verify, and the tag must name a version that was pushed whole. What is wrong, a sentence each.
 */
export async function killRun({ kills, seed, onKill }: KillRun): Promise<readonly string[]> {
  const place = mkdtempSync(join(tmpdir(), 'whet-kills-'))
  const [folder, key] = [join(place, 'store'), join(place, 'key.pem')]
  writeFileSync(key, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const models = [1, 2].map((scale) => {
    const path = join(place, `${scale}.onnx`)
    const text = `g (float[N,2] x) => (float[N,2] y) <float[2] w = {${scale}.0, ${scale}.5}> { y = Mul(x, w) }`
    writeFileSync(path, encodeModel(parseModel(`<ir_version: 10, opset_import: ["" : 20]> ${text}`)))
    return path
  })
  const store = openStore(folder)
  await store.put('digits', { model: models[0]! }, { tag: 'live' })
  const problems: string[] = []
  const random = randomNumbers(seed)
  for (let kill = 1; kill <= kills; kill++) {
    const share = random()
    await killed([folder, key, String(share * 2 ** 32), ...models], share * LONGEST_MS)
    const report = await store.verify(null)
    const wrong = [...report.problems, ...report.versions.flatMap((version) => version.problems)]
    problems.push(...wrong.map((text) => `kill ${kill} (seed ${seed}): ${text}`))
    const live = await store.resolve('digits:live')
    if (!report.versions.some(({ digest, sound }) => sound && digest === live.digest))
      problems.push(`kill ${kill}: live names ${live.digest}, which does not verify`)
    onKill?.(kill, report.versions.length)
  }
  await store.collect({ graceMs: 0 })
  const blobs = join(folder, 'digits', 'blobs', 'sha256')
  const left = [...readdirSync(blobs), ...readdirSync(join(folder, 'digits'))].filter((name) => name.endsWith('.tmp'))
  if (left.length > 0) problems.push(`after the collection there is still ${left.join(', ')}`)
  if (!(await store.verify(null)).sound) problems.push('the store does not verify after the collection')
  if (problems.length === 0) rmSync(place, { recursive: true })
  return problems
}

/** A few pushes long. */
const LONGEST_MS = 600

/** Starts the worker and kills it so many milliseconds after it said that it begins. */
function killed(words: readonly string[], afterMs: number): Promise<void> {
  const { stdout, kill, ended } = startWorker('store-kill-worker', words)
  stdout.once('data', () => setTimeout(kill, afterMs))
  return ended
}

// Run by itself: node --import ./scripts/typescript-hooks.mjs bench/store-kills.ts [KILLS] [SEED]
if (isProgram(import.meta.url)) await reportKills('versions', killRun)
