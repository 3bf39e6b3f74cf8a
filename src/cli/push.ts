import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { readFileBytes, UserError } from '../platform/index.ts'
import { parseRecipe, readBlobs } from '../recipe/index.ts'
import { misfit, type Recipe, type Report, schemaOf } from '../report/index.ts'
import {
  type Allowance,
  DEFAULT_TAG,
  describeVersion,
  findModel,
  parseReference,
  parseReport,
  readPrivateKey,
  type Store,
  type Version,
} from '../store/index.ts'
import { textAt } from './inputs.ts'
import { STORE_OPTIONS, storeOf } from './store-options.ts'
import type { Arguments, Verb } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

const ALLOWANCES: readonly string[] = ['unexplained', 'size-bomb', 'endless-loop'] satisfies Allowance[]

export const pushVerb: Verb = {
  name: 'push',
  usage: 'push MODEL NAME[:TAG] [--report FILE]… [--recipe FILE] [--parent REF] [--sign KEYFILE]',
  summary:
    'Keeps a model with its evidence, card, bill of materials and lineage as a version. MODEL is a file, or the folder that whet optimize wrote.',
  examples: [
    'whet push model.onnx digits:v1 --intended-use "reads digits on forms"',
    'whet push out digits:v2 --sign key.pem',
  ],
  positionals: { min: 2, max: 2, names: 'a model and a name' },
  options: {
    report: {
      type: 'string',
      multiple: true,
      value: 'FILE',
      help: 'evidence: what whet … --json printed; may be repeated',
    },
    recipe: { type: 'string', value: 'FILE', help: 'the recipe that made it' },
    parent: { type: 'string', value: 'REF', help: 'the version that it was made from (found by the recipe in NAME)' },
    'intended-use': { type: 'string', value: 'TEXT', help: 'what it is for: a section of the model card' },
    sign: { type: 'string', value: 'KEYFILE', help: 'private Ed25519 key (PEM): signs the model and its evaluation' },
    allow: { type: 'string', multiple: true, value: 'WHAT', help: `push it although: ${ALLOWANCES.join(', ')}` },
    ...STORE_OPTIONS,
  },
  async run([path, reference], options, context) {
    const { name, tag = DEFAULT_TAG, digest } = parseReference(reference!)
    if (digest !== undefined) throw wrongCall('a digest is given by the content, not chosen', `push to ${name}:TAG`)
    const allow = options.list('allow')
    const unknown = allow.find((word) => !ALLOWANCES.includes(word))
    if (unknown !== undefined) throw wrongCall(`--allow ${unknown}: no such thing`, `choices: ${ALLOWANCES.join(', ')}`)
    const store = storeOf(options)
    if (leavesEvidence(path!, options))
      context.say(
        `the report and recipe beside ${path} are not pushed with it: whet push ${dirname(path!)} ${reference} takes all three`,
      )
    const { model, recipe, tensors, reports } = await inputsAt(path!, options)
    const parent = await parentOf(store, name, recipe, options)
    if (parent && recipe) context.progress(`replaying the recipe on ${parent.name}@${parent.digest.slice(0, 19)}`)
    const key = options.text('sign')
    const { version, findings } = await store.put(
      name,
      {
        model,
        recipe,
        tensors,
        reports,
        parent,
        intendedUse: options.text('intended-use'),
        allow: allow as readonly Allowance[],
      },
      { tag, ...(key ? { sign: await readPrivateKey(key) } : {}) },
    )
    return { report: describeVersion(store, version, 'push', { findings }) }
  },
}

/** Whether this is the model in a folder of `whet optimize`, named by itself and without its evidence. */
const leavesEvidence = (path: string, options: Arguments) =>
  basename(path) === 'model.onnx' &&
  !options.has('report') &&
  !options.has('recipe') &&
  ['report.json', 'recipe.json'].every((name) => existsSync(join(dirname(path), name)))

/** The model with what lies beside it: a folder of `whet optimize` brings its recipe and report along. */
async function inputsAt(path: string, options: Arguments) {
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  const beside = (file: string) => (folder && existsSync(join(path, file)) ? [join(path, file)] : [])
  const recipePath = options.text('recipe') ?? beside('recipe.json')[0]
  const reportPaths = [...beside('report.json'), ...options.list('report')]
  const recipe = recipePath ? parseRecipe(textAt(recipePath), recipePath) : undefined
  return {
    model: folder ? join(path, 'model.onnx') : path,
    recipe,
    tensors: recipe && recipePath ? await readBlobs(recipe, recipePath) : undefined,
    reports: await Promise.all(reportPaths.map(reportAt)),
  }
}

/**
 * A report that the user names.
 *
 * @throws UserError where it is none, or is not as a verb printed it: what is kept must be readable for as long as the version.
 */
async function reportAt(file: string): Promise<Report> {
  const hint = 'give the file as whet … --json printed it'
  const report = parseReport(await readFileBytes(file), file, hint)
  const wrong = misfit(report, schemaOf(report.kind))
  if (wrong === null) return report
  throw new UserError('bad-data', `the ${report.kind} report is damaged: ${wrong}`, { where: file, hint })
}

async function parentOf(
  store: Store,
  name: string,
  recipe: Recipe | undefined,
  options: Arguments,
): Promise<Version | undefined> {
  const named = options.text('parent')
  if (named !== undefined) return store.resolve(named)
  const input = recipe?.steps[0]?.input
  return input === undefined ? undefined : findModel(store, name, input)
}
