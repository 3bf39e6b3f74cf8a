import { type Report, shortPaths } from '../report/index.ts'

/** The models of a report that are shown side by side, by the paths that it knows them by. */
function pathsOf(report: Report): readonly string[] {
  switch (report.kind) {
    case 'latency':
    case 'selection':
    case 'robustness':
      return report.models.map(({ path }) => path)
    case 'comparison':
      return report.models ? [report.models.base, report.models.candidate] : []
    case 'attack':
      return [report.model.path, ...(report.against ? [report.against.path] : [])]
    case 'distillation':
      return [report.teacher.path, report.student.path]
    case 'pruning':
    case 'tuning':
      return [report.before.path, report.after.path]
    default:
      return []
  }
}

/** The report as it is shown: its models by short names wherever it speaks of them by their paths. */
export function withShortPaths<R extends Report>(report: R): R {
  const short = shortPaths(pathsOf(report))
  const renamed = (value: unknown): unknown => {
    if (typeof value === 'string') return short.get(value) ?? value
    if (Array.isArray(value)) return value.map(renamed)
    if (value === null || typeof value !== 'object') return value
    // A record may be by the path of a model, as the best settings of a sweep are.
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [short.get(name) ?? name, renamed(inner)]))
  }
  return short.size > 0 ? (renamed(report) as R) : report
}
