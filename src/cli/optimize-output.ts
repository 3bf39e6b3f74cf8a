import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Dataset } from '../data/index.ts'
import type { Model } from '../ir/index.ts'
import { modelDigest, writeModel } from '../onnx/index.ts'
import { explainSystemError, UserError, writeAtomic } from '../platform/index.ts'
import { writeRecipe } from '../recipe/index.ts'
import type { OptimizationReport } from '../report/index.ts'
import type { Optimized } from '../search/index.ts'
import { renderHtml } from '../view/index.ts'

/** Where a result is put together, inside its folder and so on the same disk. */
const STAGE = '.whetstone-new'
/** Folders of a result: what an earlier run left there goes, and what anybody else put there stays. */
const FOLDERS = ['candidates', 'recipe.blobs']
/** Files of a result, whatever refers to others after them. */
const FILES = ['model.onnx', 'recipe.json', 'report.html', 'report.json']
/** What a run replaces in its folder. */
export const RESULT: readonly string[] = [...FILES, ...FOLDERS]

/**
 * The report of a finished run on this model and these rows in the folder; null where there is none.
 *
 * @throws UserError where a newer Whetstone wrote it.
 */
export async function finishedReport(folder: string, model: Model, data: Dataset): Promise<OptimizationReport | null> {
  const path = join(folder, 'report.json')
  if (!existsSync(path)) return null
  let report: Partial<OptimizationReport>
  try {
    report = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
  // Not another search in its place: it would be lost.
  if (report.kind === 'optimization' && Number(report.version) > 1)
    throw new UserError('unsupported', `the optimization report has version ${report.version}`, {
      where: path,
      hint: 'this Whetstone reads version 1; upgrade whetstone, or choose another folder',
    })
  const same =
    report.kind === 'optimization' &&
    report.version === 1 &&
    report.model?.digest === modelDigest(model) &&
    report.data?.digest === (await data.digest())
  return same ? (report as OptimizationReport) : null
}

/** A command without what only says how to tell of it. */
export const asked = (command: string) => command.replace(/ --explain[= ]\S+| --(json|quiet)(?= |$)/g, '')

/**
 * Writes everything that `optimize` promises. All of it is written and flushed aside before anything takes its place,
 * so that an error or a full disk leaves the folder as it was; the report comes last, so that a folder with a report is
 * whole. Candidates of an earlier run go; other files stay. Call it inside `withLock`.
 */
export async function writeOptimized(folder: string, optimized: Optimized): Promise<void> {
  const { model, report, recipe, tensors, candidates } = optimized
  const stage = join(folder, STAGE)
  try {
    // A run that was killed may have left its own behind.
    rmSync(stage, { recursive: true, force: true })
    mkdirSync(stage)
    const shelf = join(stage, 'candidates')
    mkdirSync(shelf)
    for (const candidate of candidates) {
      await writeModel(candidate.model, join(shelf, `${candidate.id}.onnx`))
      await writeRecipe(candidate.recipe, tensors, join(shelf, `${candidate.id}.recipe.json`))
    }
    await writeModel(model, join(stage, 'model.onnx'))
    await writeRecipe(recipe, tensors, join(stage, 'recipe.json'))
    await writeAtomic(join(stage, 'report.html'), renderHtml(report))
    await writeAtomic(join(stage, 'report.json'), `${JSON.stringify(report, null, 1)}\n`)
    for (const name of FOLDERS) {
      const earlier = join(folder, name)
      if (!existsSync(earlier)) continue
      for (const other of notOfRuns(readdirSync(earlier)))
        cpSync(join(earlier, other), join(stage, name, other), {
          recursive: true,
          force: false,
          preserveTimestamps: true,
        })
      renameSync(earlier, join(stage, `earlier-${name}`))
    }
    for (const name of inOrder(readdirSync(stage))) renameSync(join(stage, name), join(folder, name))
  } catch (error) {
    throw explainSystemError(error, folder, 'write')
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

/**
 * Names in a folder of a result that no run has written: a run writes tensors named by their digests, and beside each
 * `ID.recipe.json` the recipe's tensors, the candidate and its external data.
 */
function notOfRuns(names: readonly string[]): readonly string[] {
  const recipe = '.recipe.json'
  const ids = names.filter((name) => name.endsWith(recipe)).map((name) => name.slice(0, -recipe.length))
  const written = new Set(ids.flatMap((id) => [recipe, '.recipe.blobs', '.onnx', '.onnx.data'].map((end) => id + end)))
  return names.filter((name) => !written.has(name) && !/^[0-9a-f]{64}\.bin$/.test(name))
}

/** The files to put in place: whatever refers to others after them. */
function inOrder(names: readonly string[]): readonly string[] {
  const place = (name: string) => FILES.indexOf(name)
  return names.filter((name) => !name.startsWith('earlier-')).sort((a, b) => place(a) - place(b))
}
