import { type Infer, integer, list, nullable, object, oneOf, report, text } from './schema.ts'

/** Work that was left in a database for workers. */
export const jobs = report('jobs', {
  jobs: list(
    object({
      id: text,
      /** The words after `whet`. */
      words: list(text),
      state: oneOf('waiting', 'running', 'done', 'failed', 'cancelled'),
      submitted: text,
      started: nullable(text),
      ended: nullable(text),
      /** Times that it was begun again, because a worker died or was stopped. */
      retries: integer,
      /** Of the verb; null while it has not ended. */
      exitCode: nullable(integer),
      /** The machine that did it. */
      worker: nullable(text),
      /** What the verb said on stderr, where it gave no report. */
      message: nullable(text),
    }),
  ),
})
export type JobsReport = Infer<typeof jobs>
