import { UserError } from '../platform/index.ts'
import type {
  ComparisonReport,
  DistillationReport,
  Grade,
  LearnedModel,
  PruningReport,
  Report,
  TuningReport,
  Verdict,
} from '../report/index.ts'

/** What a report says that a list has room for. */
export interface Summary {
  readonly kind: string
  readonly verdict: Verdict | null
  readonly grade: Grade
  readonly sentence: string | null
  /** Digests of the rows that it rests on. */
  readonly data: readonly DataUsed[]
}

/** A data set that a report is about, by the digest of its rows. */
export interface DataUsed {
  readonly path: string
  readonly digest: string
  readonly rows: number
}

/** A report in short: its verdict is that of the comparison that it is, or that proves what an optimization chose. */
export function summarize(report: Report): Summary {
  const compared = comparisonIn(report)
  const stated = 'verdict' in report ? report.verdict : null
  const learned = learningIn(report)
  const sentence = 'sentence' in report && typeof report.sentence === 'string' ? report.sentence : null
  return {
    kind: report.kind,
    verdict: compared ? compared.verdict : stated,
    grade: compared ? compared.grade : null,
    // What was gained never stands without what it cost.
    sentence: learned ? `${learned.report.proof} ${learned.report.sentence}` : sentence,
    data: dataOf(report),
  }
}

/** The comparison that a report is or holds. */
export function comparisonIn(report: Report): ComparisonReport | null {
  if (report.kind === 'comparison') return report
  return report.kind === 'optimization' ? report.proof : null
}

/** A report on a model that has learned, with the model before and after; null for all others. */
export function learningIn(report: Report): {
  readonly report: PruningReport | DistillationReport | TuningReport
  readonly before: LearnedModel
  readonly after: LearnedModel
} | null {
  switch (report.kind) {
    case 'pruning':
    case 'tuning':
      return { report, before: report.before, after: report.after }
    case 'distillation':
      return { report, before: report.teacher, after: report.student }
    default:
      return null
  }
}

function dataOf(report: Report): readonly DataUsed[] {
  const data = 'data' in report ? (report.data as Partial<DataUsed> | undefined) : undefined
  return typeof data?.digest === 'string' && typeof data.path === 'string'
    ? [{ path: data.path, digest: data.digest, rows: data.rows ?? 0 }]
    : []
}

/** Every data set that the reports rest on, each once. */
export function dataUsed(reports: readonly Report[]): readonly DataUsed[] {
  const found = new Map(reports.flatMap(dataOf).map((data) => [data.digest, data]))
  return [...found.values()]
}

/** One verdict for many reports: the worst; null where none has one. No data is never a pass. */
export function overallVerdict(reports: readonly Report[]): { verdict: Verdict | null; grade: Grade } {
  const found = reports.map(summarize).filter(({ verdict }) => verdict !== null)
  const worst = (['regressed', 'inconclusive', 'pass'] as const).find((word) =>
    found.some(({ verdict }) => verdict === word),
  )
  if (worst === undefined) return { verdict: null, grade: null }
  const grades = found.filter(({ verdict }) => verdict === worst).map(({ grade }) => grade)
  return { verdict: worst, grade: grades.includes(null) ? null : grades.includes('close') ? 'close' : 'proven' }
}

/** Digests of the models that a report says something of; null where it does not say of which. */
function modelsIn(report: Report): readonly string[] | null {
  const known = (digest: string | null | undefined) => (digest == null ? null : [digest])
  switch (report.kind) {
    case 'rewrite':
    case 'quantization':
      return [report.after.digest]
    case 'inspection':
    case 'attack':
      return [report.model.digest]
    case 'comparison':
      return known(report.candidate.digest)
    case 'optimization':
      return known(report.chosen.id === 'original' ? report.model.digest : report.proof?.candidate.digest)
    case 'robustness':
    case 'selection':
      return report.models.map(({ digest }) => digest)
    default:
      return known(learningIn(report)?.after.digest)
  }
}

/** The model that this one was made of, by the reports on its making; null where none of them tells of another. */
export function madeOf(reports: readonly Report[], modelDigest: string): string | null {
  const bases = reports.map(baseIn).filter((digest) => digest != null && digest !== modelDigest)
  return bases[0] ?? null
}

function baseIn(report: Report): string | null | undefined {
  switch (report.kind) {
    case 'rewrite':
    case 'quantization':
      return report.before.digest
    case 'optimization':
      return report.model.digest
    default:
      return learningIn(report)?.before.digest
  }
}

/** Refuses evidence of another model: a verdict must not move to a model that nobody judged. */
export function checkEvidence(report: Report, modelDigest: string, where: string): void {
  const about = modelsIn(report)
  if (about !== null && !about.includes(modelDigest))
    throw new UserError(
      'bad-argument',
      `this ${report.kind} report is about the model ${about.join(', ')}, not ${modelDigest}`,
      { where, hint: 'give the reports that were made of this very file' },
    )
}
