import type { JobsReport } from '../../report/index.ts'
import { minute } from '../words.ts'
import { type Style, textTable } from './table.ts'

/** A line for each job, with its command. */
export function jobs({ jobs }: JobsReport, style: Style): string {
  if (jobs.length === 0) return 'no jobs'
  return textTable(
    ['job', 'state', 'exit', 'submitted', 'worker', 'command'].map((head) => ({ head, right: head === 'exit' })),
    jobs.map((job) => [
      job.id,
      job.retries > 0 ? `${job.state} (begun ${job.retries + 1} times)` : job.state,
      job.exitCode === null ? '' : String(job.exitCode),
      minute(job.submitted),
      job.worker ?? '',
      `whet ${job.words.join(' ')}`,
    ]),
    style,
  )
}
