import { dirname, join } from 'node:path'
import { externalLocations, type Model, type NumericArray } from '../ir/index.ts'
import { modelDigest, readModel } from '../onnx/index.ts'
import { UserError } from '../platform/index.ts'
import { blobFolder, inspect } from '../recipe/index.ts'
import type { Recipe, Report } from '../report/index.ts'
import { billOfMaterials } from './bom.ts'
import { modelCard } from './card.ts'
import { checkEvidence, madeOf, summarize } from './evidence.ts'
import { bytesBlob, fileBlob } from './layout.ts'
import { explain, type Lineage, NO_LINEAGE } from './lineage.ts'
import { type Descriptor, hexOf, MEDIA, NOTE } from './oci.ts'
import { type Blob, type Repository, writeAll, writeTagged } from './repository.ts'
import { type Finding, scanFiles, scanModel } from './scan.ts'
import { type PrivateKey, signStatement } from './sign.ts'
import { evaluationStatement, modelStatement } from './statements.ts'
import { isSafePath, type Version } from './version.ts'

/** What may be pushed although it is suspicious; each by its name. */
export type Allowance = 'unexplained' | 'size-bomb' | 'endless-loop'

/** What goes into a version. */
export interface PutInput {
  /** Path of the .onnx file; external data beside it comes along. */
  readonly model: string
  readonly recipe?: Recipe | undefined
  /** What the evidence in the recipe refers to, by digest (see `readBlobs`). */
  readonly tensors?: ReadonlyMap<string, NumericArray> | undefined
  /** The evidence: reports that were made of this very file. */
  readonly reports?: readonly Report[] | undefined
  /** What the model is for, in the words of whoever pushes it; a section of the card. */
  readonly intendedUse?: string | undefined
  readonly parent?: Version | undefined
  readonly allow?: readonly Allowance[] | undefined
}

/** How a version is published. */
export interface PutOptions {
  readonly tag?: string | undefined
  /** Signs the model and, where there is any, its evaluation. */
  readonly sign?: PrivateKey | undefined
  /** What the tag must name now: a digest, or null for nothing. UserError `busy` where it names something else. */
  readonly expect?: string | null | undefined
}

/** Everything of a version, ready to be written: blobs, the manifest over them, and signatures. */
interface Artefact {
  readonly blobs: readonly Blob[]
  readonly manifest: Blob
  readonly signatures: readonly { readonly blobs: readonly Blob[]; readonly manifest: Blob }[]
  readonly findings: readonly Finding[]
  readonly lineage: Lineage
}

/** The model file's name in every version; external data keeps its own names, which the model refers to. */
const MODEL_FILE = 'model.onnx'
const RECIPE_FILE = 'recipe.json'

/**
 * Puts a version together: reads and scans the model, replays its recipe, writes card and bill of materials. Nothing
 * is stored yet. The same input gives the same digest, whenever and wherever it is pushed.
 *
 * @throws UserError `bad-model` where the file is none or is dangerous, `bad-argument` where a report or recipe is
 *   about another model, or an edit is explained by no pass.
 */
export async function assemble(name: string, input: PutInput, sign?: PrivateKey): Promise<Artefact> {
  const model = await readModel(input.model)
  const locations = [...externalLocations(model)]
  const findings = [...scanFiles(input.model, locations), ...scanModel(model)]
  refuseDanger(findings, input)
  const digest = modelDigest(model)
  const reports = eachOnce(input.reports ?? [])
  for (const report of reports) checkEvidence(report, digest, input.model)
  const lineage = await lineageOf(model, digest, input)
  const modelBlobs = await blobsOfModel(input.model, locations)
  const evidence = reports.map(evidenceBlob)
  const files = modelBlobs.map(coveredOf)
  const facts = {
    name,
    inspection: inspect(model, { path: MODEL_FILE }),
    files,
    recipe: input.recipe ?? null,
    reports,
    lineage,
    findings,
    intendedUse: input.intendedUse,
  }
  const documents = [
    ...(input.recipe ? [document(RECIPE_FILE, MEDIA.recipe, json(input.recipe))] : []),
    ...[...(input.tensors ?? [])].map(tensorBlob),
    ...evidence,
    document('lineage.json', MEDIA.lineage, json(lineage)),
    document('MODEL_CARD.md', MEDIA.card, modelCard(facts)),
    document('bom.cdx.json', MEDIA.bom, json(billOfMaterials(facts))),
  ]
  const layers = [...modelBlobs, ...documents]
  const config = bytesBlob(json(modelPackConfig(name, facts.inspection.parameters, layers)), MEDIA.config)
  const manifest = bytesBlob(
    json({
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      artifactType: MEDIA.model,
      config: config.descriptor,
      layers: layers.map(({ descriptor }) => descriptor),
      annotations: { [NOTE.modelDigest]: digest },
    }),
    MEDIA.manifest,
    { artifactType: MEDIA.model },
  )
  const judged = evidence.map((blob, i) => ({ ...coveredOf(blob), verdict: summarize(reports[i]!).verdict }))
  const statements = sign
    ? [modelStatement(name, files), ...(judged.length > 0 ? [evaluationStatement(name, files, judged)] : [])]
    : []
  return {
    blobs: [config, ...layers],
    manifest,
    signatures: statements.map((statement) =>
      signatureArtefact(json(signStatement(statement, sign!)), manifest.descriptor),
    ),
    findings,
    lineage,
  }
}

/**
 * Writes an artefact so that readers see nothing of it until all of it is there.
 */
export async function publish(repository: Repository, artefact: Artefact, options: PutOptions): Promise<void> {
  const { tag, expect } = options
  const write = async () => {
    for (const { blobs, manifest } of [artefact, ...artefact.signatures]) await writeAll(repository, blobs, manifest)
  }
  await writeTagged(repository, artefact.manifest.descriptor.digest, tag === undefined ? [] : [tag], write, expect)
}

/** A manifest that refers to the version that it signs, as OCI 1.1 lays out referrers. */
function signatureArtefact(bundle: string, subject: Descriptor) {
  const config = bytesBlob('{}', MEDIA.empty)
  const layer = bytesBlob(bundle, MEDIA.bundle)
  const manifest = bytesBlob(
    json({
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      artifactType: MEDIA.bundle,
      config: config.descriptor,
      layers: [layer.descriptor],
      subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    }),
    MEDIA.manifest,
    { artifactType: MEDIA.bundle },
  )
  return { blobs: [config, layer], manifest }
}

function refuseDanger(findings: readonly Finding[], { model, allow = [] }: PutInput): void {
  const danger = findings.find(({ level, kind }) => level === 'danger' && !(allow as readonly string[]).includes(kind))
  if (danger)
    throw new UserError('bad-model', `${danger.where} ${danger.what}`, {
      where: model,
      hint: `if that is meant, push it with --allow ${danger.kind}`,
    })
}

async function lineageOf(
  model: Model,
  digest: string,
  { recipe, tensors, parent, reports = [], allow = [], model: path }: PutInput,
): Promise<Lineage> {
  const last = recipe?.steps.at(-1)
  if (last && last.output !== digest && !allow.includes('unexplained'))
    throw new UserError('bad-argument', `the recipe makes ${last.output}, and this file is ${digest}`, {
      where: path,
      hint: 'give the recipe that made this very file, or push it with --allow unexplained',
    })
  const steps = recipe ? { steps: recipe.steps.length, whetstone: recipe.whetstone } : null
  if (!parent) {
    // A report on how it was made tells of a model before it as well.
    const input = recipe?.steps[0]?.input ?? madeOf(reports, digest)
    if (input === null) return { ...NO_LINEAGE, recipe: steps }
    return {
      parent: { version: null, name: null, modelDigest: input },
      recipe: steps,
      explained: 'unchecked',
      edits: [],
    }
  }
  const found = await explain(await readModel(await parent.modelPath()), recipe ?? null, model, tensors)
  if (found.explained === 'unexplained' && !allow.includes('unexplained'))
    throw new UserError(
      'bad-argument',
      `an edit is explained by no pass: ${found.edits[0]}${more(found.edits.length - 1)}`,
      {
        where: path,
        hint: 'give the recipe that made it with --recipe, or, where it was trained or edited by hand, --allow unexplained',
      },
    )
  return {
    parent: { version: parent.digest, name: parent.name, modelDigest: parent.modelDigest },
    recipe: steps,
    ...found,
  }
}

const more = (n: number) => (n > 0 ? ` (and ${n} more)` : '')

async function blobsOfModel(path: string, locations: readonly string[]): Promise<readonly Blob[]> {
  const paths = [MODEL_FILE, ...locations.map((location) => location.replaceAll('\\', '/').replace(/^(\.\/)+/, ''))]
  const names = paths.map((item) => item.toLowerCase())
  // By its ending a reader tells the model from its data, and on some systems case tells no two files apart.
  const clash = paths.find(
    (item, i) => !isSafePath(item) || (i > 0 && item.endsWith('.onnx')) || names.indexOf(names[i]!) < i,
  )
  if (clash !== undefined)
    throw new UserError('bad-model', `external data cannot be kept under the name ${JSON.stringify(clash)}`, {
      where: path,
      hint: 'write the model again with whet simplify, which puts the weights into the file',
    })
  const places = [path, ...locations.map((location) => join(dirname(path), location))]
  return Promise.all(
    paths.map((file, i) =>
      fileBlob(places[i]!, MEDIA.weight, { annotations: { [NOTE.title]: file, [NOTE.filePath]: file } }),
    ),
  )
}

const document = (path: string, mediaType: string, text: string): Blob =>
  bytesBlob(text, mediaType, { annotations: { [NOTE.title]: path, [NOTE.filePath]: path } })

/** Beside the recipe, where `whet apply` looks for it. */
function tensorBlob([digest, array]: readonly [string, NumericArray]): Blob {
  const path = `${blobFolder(RECIPE_FILE)}/${hexOf(digest)}.bin`
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  return bytesBlob(bytes, MEDIA.tensor, { annotations: { [NOTE.title]: path, [NOTE.filePath]: path } })
}

function evidenceBlob(report: Report): Blob {
  const text = json(report)
  const digest = hexOf(bytesBlob(text, MEDIA.report).descriptor.digest)
  return document(`evidence/${report.kind}-${digest.slice(0, 12)}.json`, MEDIA.report, text)
}

/** The reports without those that say the very same as one before. */
const eachOnce = (reports: readonly Report[]): readonly Report[] => [
  ...new Map(reports.map((report) => [json(report), report])).values(),
]

const coveredOf = ({ descriptor }: Blob) => ({
  path: descriptor.annotations![NOTE.title]!,
  digest: descriptor.digest,
  bytes: descriptor.size,
})

const json = (value: unknown) => `${JSON.stringify(value, null, 1)}\n`

/** https://github.com/modelpack/model-spec, config v1; the parameters as "6.7B". */
function modelPackConfig(name: string, parameters: number, layers: readonly Blob[]) {
  const power = Math.min(4, Math.max(1, Math.floor(Math.log10(Math.max(1, parameters)) / 3)))
  return {
    descriptor: { name },
    config: { format: 'onnx', paramSize: `${(parameters / 1000 ** power).toFixed(1)}${'KMBT'[power - 1]}` },
    modelfs: { type: 'layers', diffIds: layers.map(({ descriptor }) => descriptor.digest) },
  }
}
