import type { CollectionReport, HistoryReport, VerificationReport, VersionReport } from '../../report/index.ts'
import { bytes, count, minute, plural, shortDigest } from '../words.ts'
import { whole } from './section.ts'
import { fact, paint, type Style, textTable, verdictWord } from './table.ts'

const pushedAt = (iso: string | null) => (iso === null ? '–' : minute(iso))

/** What a version is, where it comes from, and the evidence that it carries. */
export function version(report: VersionReport, style: Style): string {
  const names = report.tags.length > 0 ? report.tags.map((tag) => `${report.name}:${tag}`).join(', ') : report.name
  const tagged = report.tags.length > 0 ? 'now tagged ' : 'without a tag now: '
  const done = { show: '', push: 'pushed ', pull: 'pulled ', tag: tagged }[report.action]
  return [
    `${done}${paint('bold', names, style)}  ${bytes(report.model.bytes)}`,
    `version    ${report.digest}`,
    `model      ${report.model.digest}`,
    `store      ${report.store}`,
    ...(report.pushed ? [`pushed     ${pushedAt(report.pushed)}`] : []),
    ...(report.wroteTo ? [`written to ${report.wroteTo}`] : []),
    `verdict    ${report.verdict === null ? 'none: no report judges it' : verdictWord(report.verdict, report.grade, style)}`,
    ...fact('from', report.lineage ? lineageText(report.lineage) : 'nothing is known of its parent', style),
    ...fact(
      'signed',
      report.signatures.length === 0
        ? 'no'
        : report.signatures.map(({ what, key }) => `${what} by key ${key.slice(0, 12)}`).join(', '),
      style,
    ),
    ...whole(
      'evidence',
      report.evidence.map(({ path, sentence, verdict }) => `${path}: ${sentence ?? verdict ?? 'no verdict'}`),
      style,
    ),
    ...whole(
      'data',
      report.data.map(({ path, digest, rows }) => `${path}, ${plural(rows, 'row')}, ${shortDigest(digest)}`),
      style,
    ),
    ...whole('edits that no pass explains', report.lineage?.edits ?? [], style),
    ...whole('found in the graph', (report.findings ?? []).map(findingText), style),
    ...(report.action === 'show'
      ? [
          '',
          textTable(
            [{ head: 'file' }, { head: 'size', right: true }, { head: 'digest' }],
            report.files.map((file) => [file.path, bytes(file.bytes), shortDigest(file.digest)]),
            style,
          ),
        ]
      : []),
  ].join('\n')
}

function lineageText({ parent, explained, recipe }: NonNullable<VersionReport['lineage']>): string {
  if (!parent) return 'no parent: an original'
  const who =
    parent.name && parent.version
      ? `${parent.name}@${shortDigest(parent.version)}`
      : `model ${shortDigest(parent.modelDigest)}`
  const steps = recipe ? ` by ${plural(recipe.steps, 'step')}` : ''
  const how = {
    original: '',
    replayed: `${steps}, replayed to the same bytes`,
    unexplained: ', and the recipe does not explain what was changed',
    unchecked: recipe
      ? `${steps}; the parent was not at hand, so nothing was replayed`
      : ', by the reports on its making; without its recipe (--recipe) nothing was replayed',
  }[explained]
  return `${who}${how}`
}

const findingText = ({ level, where, what }: { level: string; where: string; what: string }) =>
  `${level === 'danger' ? 'DANGER ' : ''}${where} ${what}`

/** A line for each version of the store, then the sentences of those that were judged. */
export function history(report: HistoryReport, style: Style): string {
  if (report.versions.length === 0) return `nothing was pushed to ${report.store} yet`
  return [
    paint('dim', report.store, style),
    textTable(
      ['version', 'pushed', 'size', 'verdict', 'from', 'signed'].map((head) => ({ head, right: head === 'size' })),
      report.versions.map((item) => [
        item.tags.length > 0
          ? item.tags.map((tag) => `${item.name}:${tag}`).join(' ')
          : `${item.name}@${shortDigest(item.digest)}`,
        pushedAt(item.pushed),
        item.problem ? '–' : bytes(item.modelBytes),
        item.problem ?? verdictWord(item.verdict, item.grade, { ...style, color: false }),
        item.problem ? '–' : fromText(item, report.versions),
        item.problem ? '–' : item.signed.length > 0 ? item.signed.join(', ') : 'no',
      ]),
      style,
    ),
    ...whole(
      'in words',
      report.versions.flatMap(({ tags, digest, sentence }) =>
        sentence ? [`${tags[0] ?? shortDigest(digest)}: ${sentence}`] : [],
      ),
      style,
    ),
  ].join('\n')
}

function fromText({ parent, explained }: HistoryReport['versions'][number], all: HistoryReport['versions']): string {
  if (!parent) return 'original'
  const known = all.find(({ digest }) => digest === parent.version)
  const who = known?.tags[0] ?? shortDigest(parent.version ?? parent.modelDigest)
  return explained === 'replayed' ? who : `${who} (${explained})`
}

/** What is sound and what is not, version by version. */
export function verification(report: VerificationReport, style: Style): string {
  const sound = (yes: boolean) => (yes ? paint('green', 'sound', style) : paint('red', 'NOT SOUND', style))
  if (report.versions.length === 0 && report.problems.length === 0) return `nothing was pushed to ${report.store} yet`
  return [
    ...report.versions.flatMap((item) => [
      `${sound(item.sound)}  ${paint('bold', namesOf(item.name, item.tags), style)}  ${shortDigest(item.digest)}`,
      `  ${plural(item.blobs.length, 'blob')}, ${count(item.blobs.filter(({ state }) => state === 'intact').length)} intact, ${bytes(item.blobs.reduce((sum, blob) => sum + blob.bytes, 0))}`,
      ...(item.signatures.length === 0 ? ['  not signed'] : item.signatures.map((one) => `  ${signatureText(one)}`)),
      ...(item.lineage ? [`  from ${lineageText(item.lineage)}`] : []),
      ...item.findings.map((finding) => `  ${findingText(finding)}`),
      ...item.problems.map((problem) => `  ${paint('red', '✗', style)} ${problem}`),
    ]),
    ...whole(
      'no versions, other tools keep them there',
      (report.others ?? []).map(({ name, tags, digest }) => `${namesOf(name, tags)}  ${shortDigest(digest)}`),
      style,
    ),
    ...whole('problems of the store', report.problems, style),
  ].join('\n')
}

/** By its tags, or by the name alone. */
const namesOf = (name: string, tags: readonly string[]) =>
  tags.length > 0 ? tags.map((tag) => `${name}:${tag}`).join(' ') : name

function signatureText({
  what,
  key,
  state,
  by,
  covers,
  detail,
}: VerificationReport['versions'][number]['signatures'][number]) {
  const files = covers.length > 0 ? `, covers ${covers.join(', ')}` : ''
  const who = {
    valid: `signed by the key of ${by}`,
    invalid: 'SIGNATURE INVALID',
    'unknown-key': `signed by another key (${key.slice(0, 12)})`,
    unchecked: `signed by key ${key.slice(0, 12)}, not checked: give --key PUB`,
  }[state]
  return `${what} ${who}${files}${detail ? `: ${detail}` : ''}`
}

/** What was or would be freed, and what stays. */
export function collection(report: CollectionReport, style: Style): string {
  const verb = report.dryRun ? 'would be freed' : 'freed'
  return [
    `${paint('bold', bytes(report.freedBytes), style)} ${verb} in ${report.store}`,
    `kept: ${plural(report.kept.versions, 'version')}, ${plural(report.kept.blobs, 'blob')}, ${bytes(report.kept.bytes)}`,
    ...whole(
      report.dryRun ? 'to remove' : 'removed',
      report.removed.map(
        (item) => `${item.what} ${item.name}${item.digest ? `@${shortDigest(item.digest)}` : ''}  ${bytes(item.bytes)}`,
      ),
      style,
    ),
  ].join('\n')
}
