import { type ComparisonReport, grouped, type InspectionReport, type Recipe, type Report } from '../report/index.ts'
import { comparisonIn, dataUsed, learningIn, overallVerdict, summarize } from './evidence.ts'
import type { Lineage } from './lineage.ts'
import type { Finding } from './scan.ts'

/** Everything that is known of a model when it is pushed. */
export interface Facts {
  readonly name: string
  readonly inspection: InspectionReport
  readonly files: readonly { readonly path: string; readonly digest: string; readonly bytes: number }[]
  readonly recipe: Recipe | null
  readonly reports: readonly Report[]
  readonly lineage: Lineage
  readonly findings: readonly Finding[]
  readonly intendedUse: string | undefined
}

/**
 * The model card in Markdown, made from the evidence alone. A section without evidence says so: nobody shall take
 * silence for good news.
 */
export function modelCard(facts: Facts): string {
  const sections = [
    section(`Model card: ${facts.name}`, header(facts), '#'),
    section(
      'Intended use',
      facts.intendedUse?.trim() || 'Not stated: whoever pushed this model did not say what it is for.',
    ),
    section('Inputs and outputs', ports(facts.inspection)),
    section('Data', dataSection(facts.reports)),
    section('Metrics', metrics(facts.reports)),
    section('Speed and size', speed(facts)),
    section('Robustness', robustness(facts.reports)),
    section('How it was made', making(facts)),
    section('Limits', limits(facts)),
  ]
  return `${sections.join('\n\n')}\n`
}

const section = (title: string, body: string, mark = '##') => `${mark} ${title}\n\n${body}`

function header({ inspection, reports, files }: Facts): string {
  const { verdict, grade } = overallVerdict(reports)
  return [
    `- Digest: \`${inspection.model.digest}\``,
    `- Files: ${files.map(({ path, bytes }) => `${inline(path)} (${grouped(bytes)} bytes)`).join(', ')}`,
    `- Parameters: ${grouped(inspection.parameters)}`,
    `- Verdict: ${verdict === null ? 'none; no report judges this model' : `**${verdict}**${grade ? ` (${grade})` : ''}`}`,
  ].join('\n')
}

function ports({ inputs, outputs, model }: InspectionReport): string {
  const row = (side: string) => (port: InspectionReport['inputs'][number]) =>
    `| ${side} | ${inline(port.name)} | ${port.dtype} | ${port.shape === null ? 'any' : inline(`[${port.shape.map((dim) => dim ?? '?').join(', ')}]`)} |`
  const opsets = Object.entries(model.opsets).map(([domain, version]) => `${domain || 'ai.onnx'} ${version}`)
  return [
    '| | name | type | shape |',
    '|-|-|-|-|',
    ...inputs.map(row('input')),
    ...outputs.map(row('output')),
    '',
    `Operator sets: ${opsets.join(', ')}.`,
  ].join('\n')
}

function dataSection(reports: readonly Report[]): string {
  const used = dataUsed(reports)
  const training = 'What it was trained on is not in the evidence.'
  if (used.length === 0) return `No report names data that this model was judged on. ${training}`
  return [
    ...used.map(({ path, rows, digest }) => `- ${inline(fileName(path))}: ${grouped(rows)} rows, \`${digest}\``),
    '',
    training,
  ].join('\n')
}

function metrics(reports: readonly Report[]): string {
  const compared = reports.flatMap((report) => comparisonIn(report) ?? [])
  const others = reports
    .map(summarize)
    .filter(({ kind, sentence }) => sentence !== null && kind !== 'comparison')
    .map(({ kind, sentence }) => `- ${kind}: ${line(sentence!)}`)
  if (compared.length === 0 && reports.every((report) => learningIn(report) === null))
    return [...others, 'No comparison with its original is in the evidence: how good it is is not known here.'].join(
      '\n',
    )
  return [...compared.map(comparisonText), ...(others.length > 0 ? [others.join('\n')] : [])].join('\n\n')
}

function comparisonText(report: ComparisonReport): string {
  const { nonInferiority: test, slices } = report
  const rows = [
    `| all rows | ${grouped(report.n)} | ${value(report.base.value)} | ${value(report.candidate.value)} | ${test ? interval(...test.ci) : '–'} | ${report.verdict} |`,
    ...slices.map(
      (slice) =>
        `| ${cell(slice.name)} | ${grouped(slice.n)} | ${value(slice.base)} | ${value(slice.candidate)} | ${interval(slice.lowerBound, slice.upperBound)} | ${slice.verdict} |`,
    ),
  ]
  const confidence = `${+(100 * (1 - report.alpha)).toFixed(2)} %`
  return [
    `**${line(report.sentence)}**`,
    '',
    `${report.metric}, ${report.higherIsBetter ? 'higher is better' : 'lower is better'}; the change with its interval at ${confidence}.`,
    '',
    '| rows | n | original | this model | change | verdict |',
    '|-|-|-|-|-|-|',
    ...rows,
    ...(slices.length === 0 ? ['', 'No slices were judged: a group of inputs may fare worse than the mean says.'] : []),
  ].join('\n')
}

function speed({ reports, inspection }: Facts): string {
  const lines: string[] = []
  for (const report of reports) {
    if (report.kind === 'latency')
      for (const model of report.models)
        lines.push(
          `- ${inline(fileName(model.path))}: median ${value(model.p50Ms)} ms, 99 of 100 below ${value(model.p99Ms)} ms (${report.cpu}, threads: ${report.threads}, batch ${report.batch})`,
        )
    if (report.kind === 'optimization') {
      const chosen = report.candidates.find(({ id }) => id === report.chosen.id)
      if (chosen?.ratio)
        lines.push(
          `- Time against the original, by turns on one machine: ${chosen.ratio.median.toFixed(3)} ${interval(...chosen.ratio.ci)} (${report.machine.cpu}, threads: ${report.threads})`,
        )
    }
  }
  for (const report of reports) {
    const learned = learningIn(report)
    if (learned && learned.after.p50Ms !== null && learned.report.speedup !== null)
      lines.push(
        `- Median ${value(learned.after.p50Ms)} ms, of its original ${value(learned.before.p50Ms)} ms, by turns on one machine: ${learned.report.speedup.toFixed(2)} times as fast`,
      )
  }
  if (lines.length === 0) lines.push('No report measures its speed.')
  if (inspection.macs !== null) lines.push(`- Multiply-accumulates of one run: ${grouped(inspection.macs)}`)
  return lines.join('\n')
}

function robustness(reports: readonly Report[]): string {
  const found = reports.filter(({ kind }) => /robust|attack/.test(kind)).map(summarize)
  if (found.length === 0) return 'No report on corrupted, foreign or hostile inputs is in the evidence.'
  return found.map(({ kind, sentence }) => `- ${kind}: ${line(sentence ?? 'see the report')}`).join('\n')
}

function making({ recipe, lineage }: Facts): string {
  const { parent, explained, edits } = lineage
  const from = parent
    ? `Derived from ${parent.name && parent.version ? inline(`${parent.name}@${parent.version}`) : `the model \`${parent.modelDigest}\``}.`
    : 'An original: no parent is named.'
  const proof = {
    original: '',
    replayed: ' Replaying the passes below on the parent gives these very bytes.',
    unexplained: ' **The passes below do not explain everything that was changed** (see Limits).',
    unchecked: recipe
      ? ' The parent was not at hand when this was pushed, so the passes were not replayed.'
      : ' So the reports on its making say; nothing was replayed.',
  }[explained]
  const steps = (recipe?.steps ?? []).map(
    (step, i) => `${i + 1}. ${inline(step.pass)} ${inline(JSON.stringify(step.options ?? {}))}`,
  )
  const none = recipe ? 'Its recipe has no steps: the model is as it came.' : 'No recipe is kept with it.'
  return [
    `${from}${proof}`,
    '',
    ...(steps.length > 0 ? steps : [none]),
    ...(explained === 'unexplained' ? ['', ...edits.map((edit) => `- not explained: ${line(edit)}`)] : []),
  ].join('\n')
}

function limits({ reports, findings, lineage }: Facts): string {
  const lines: string[] = []
  const { verdict } = overallVerdict(reports)
  if (verdict === null) lines.push('Nobody has shown that it is right: no report judges it.')
  for (const compared of reports.flatMap((report) => comparisonIn(report) ?? [])) {
    if (compared.verdict === 'inconclusive')
      lines.push(
        `The rows do not settle whether it is as good as its original${compared.requiredN ? `: about ${grouped(compared.requiredN)} would` : ''}.`,
      )
    if (compared.measurablyWorse) lines.push('It is measurably worse than its original, within the margin.')
    for (const slice of compared.slices)
      if (slice.verdict !== 'pass')
        lines.push(`Slice ${inline(slice.name)}: ${slice.verdict} on ${grouped(slice.n)} rows.`)
    for (const warning of compared.warnings) lines.push(line(warning))
  }
  for (const report of reports) {
    if (learningIn(report)?.report.verdict === 'inconclusive')
      lines.push('The rows do not settle whether it is as good as its original.')
    if (report.kind === 'quantization' && report.batchInvariant && !report.batchInvariant.all)
      lines.push('An answer depends on the rows beside it in a batch: do not batch requests of different people.')
    if (report.kind === 'quantization') lines.push(`Quantized for ${report.target} processors.`)
  }
  if (lineage.explained === 'unexplained') lines.push('Not every difference from its parent is explained by a pass.')
  for (const { where, what } of findings) lines.push(`${line(where)} ${line(what)}.`)
  lines.push('Anything that is not in the sections above was not looked at.')
  return [...new Set(lines)].map((text) => `- ${text}`).join('\n')
}

const value = (n: number | null) => (n === null ? '–' : Number.isInteger(n) ? grouped(n) : String(+n.toPrecision(5)))
const interval = (low: number | null, high: number | null) =>
  low === null && high === null
    ? '–'
    : `[${low === null ? '…' : low.toFixed(4)}, ${high === null ? '…' : high.toFixed(4)}]`
const fileName = (path: string) => path.split(/[\\/]/).at(-1) ?? path
/** Text of unknown origin on one line, with nothing in it that Markdown or HTML would act on. */
const line = (text: string) =>
  text
    .replace(/\s+/g, ' ')
    .replace(/[<>&]/g, (char) => `&#${char.charCodeAt(0)};`)
    .replace(/[[\]|`*_]/g, '\\$&')
const cell = line
const inline = (text: string) => `\`${text.replace(/[`\s|]+/g, ' ')}\``
