import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeModel } from '../onnx/index.ts'
import { explainSystemError, makeFolder, withLock, writeAtomic } from '../platform/index.ts'
import type { Optimized } from '../search/index.ts'
import { renderHtml } from '../view/index.ts'

/** Where a result is put together, inside its folder and so on the same disk. */
const STAGE = '.whetstone-new'

/** Makes the folder and keeps others out of it while `work` runs. */
export async function prepareFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
  makeFolder(folder)
  return withLock(folder, work)
}

/**
 * Writes everything that `optimize` promises. All of it is written and flushed aside before anything takes its place,
 * so that an error or a full disk leaves the folder as it was; the report comes last, so that a folder with a report is
 * whole. Candidates of an earlier run go. Call it inside `prepareFolder`.
 */
export async function writeOptimized(folder: string, { model, report, recipe, candidates }: Optimized): Promise<void> {
  const stage = join(folder, STAGE)
  try {
    // A run that was killed may have left its own behind.
    rmSync(stage, { recursive: true, force: true })
    mkdirSync(stage)
    const shelf = join(stage, 'candidates')
    mkdirSync(shelf)
    for (const candidate of candidates) {
      await writeModel(candidate.model, join(shelf, `${candidate.id}.onnx`))
      await writeAtomic(join(shelf, `${candidate.id}.recipe.json`), `${JSON.stringify(candidate.recipe)}\n`)
    }
    await writeModel(model, join(stage, 'model.onnx'))
    await writeAtomic(join(stage, 'recipe.json'), `${JSON.stringify(recipe, null, 1)}\n`)
    await writeAtomic(join(stage, 'report.html'), renderHtml(report))
    await writeAtomic(join(stage, 'report.json'), `${JSON.stringify(report, null, 1)}\n`)
    if (existsSync(join(folder, 'candidates')))
      renameSync(join(folder, 'candidates'), join(stage, 'earlier-candidates'))
    for (const name of inOrder(readdirSync(stage))) renameSync(join(stage, name), join(folder, name))
  } catch (error) {
    throw explainSystemError(error, folder, 'write')
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

/** The files to put in place: whatever refers to others after them. */
function inOrder(names: readonly string[]): readonly string[] {
  const last = ['model.onnx', 'recipe.json', 'report.html', 'report.json']
  const place = (name: string) => last.indexOf(name)
  return names.filter((name) => name !== 'earlier-candidates').sort((a, b) => place(a) - place(b))
}
