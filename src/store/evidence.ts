import { UserError } from '../platform/index.ts'
import type { ComparisonReport, Grade, Report, Verdict } from '../report/index.ts'

/** What a report says that a list has room for. */
export interface Summary {
  readonly kind: string
  readonly verdict: Verdict | null
  readonly grade: Grade
  readonly sentence: string | null
  /** Digests of the rows that it rests on. */
  readonly data: readonly DataUsed[]
}

export interface DataUsed {
  readonly path: string
  readonly digest: string
  readonly rows: number
}

/** The verdict on the version: of its comparison, or of the proof inside its optimization. */
export function summarize(report: Report): Summary {
  const compared = comparisonIn(report)
  const stated = 'verdict' in report ? report.verdict : null
  const sentence = 'sentence' in report && typeof report.sentence === 'string' ? report.sentence : null
  return {
    kind: report.kind,
    verdict: compared ? compared.verdict : stated,
    grade: compared ? compared.grade : null,
    sentence: compared && report.kind === 'comparison' ? compared.sentence : sentence,
    data: dataOf(report),
  }
}

/** The comparison that a report is or holds. */
export function comparisonIn(report: Report): ComparisonReport | null {
  if (report.kind === 'comparison') return report
  return report.kind === 'optimization' ? report.proof : null
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

/** Digest of the model that a report says it is about; null where its kind does not say. */
function modelIn(report: Report): string | null {
  switch (report.kind) {
    case 'rewrite':
    case 'quantization':
      return report.after.digest
    case 'inspection':
      return report.model.digest
    case 'comparison':
      return report.candidate.digest ?? null
    case 'optimization':
      return report.proof?.candidate.digest ?? null
    default:
      return null
  }
}

/** Refuses evidence of another model: a verdict must not move to a model that nobody judged. */
export function checkEvidence(report: Report, modelDigest: string, where: string): void {
  const about = modelIn(report)
  if (about !== null && about !== modelDigest)
    throw new UserError('bad-argument', `this ${report.kind} report is about the model ${about}, not ${modelDigest}`, {
      where,
      hint: 'give the reports that were made of this very file',
    })
}
