import { UserError } from '../platform/index.ts'
import type { JobsReport, Report } from '../report/index.ts'
import { explainDatabaseError, JobQueue } from '../state/index.ts'
import { actOf } from './acts.ts'
import { EXIT } from './exit-codes.ts'
import { checkJob } from './job-words.ts'
import { type Arguments, duration, type OptionSpec, type Outcome, type Verb } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

const ACTS = {
  submit: { words: Number.POSITIVE_INFINITY, options: ['limit'] },
  list: { words: 0 },
  show: { words: 1 },
  wait: { words: 1 },
  cancel: { words: 1 },
}
const LOOK_EVERY_MS = 500

/** Where jobs are. */
export const DATABASE: OptionSpec = {
  type: 'string',
  value: 'URL',
  help: 'the PostgreSQL server that has the jobs (WHETSTONE_DATABASE)',
}

export const jobVerb: Verb = {
  name: 'job',
  usage: 'job submit|list|show|wait|cancel [ID | -- VERB …] --database URL',
  summary: 'Leaves comparisons and searches in a database for workers on other machines, and gets their reports.',
  examples: [
    'whet job submit --database postgres://host/whetstone -- compare a.onnx b.onnx --data eval.npz',
    'whet job wait 50cb2c3d-c762-46fc-b0b7-30364a0a36d1',
    'whet job list',
  ],
  positionals: { min: 1, max: 1000, names: 'an act, and the id of a job or the words of a verb after --' },
  options: {
    database: DATABASE,
    limit: { type: 'string', value: 'T', help: 'a job that has not ended after this time is begun again (1h)' },
  },
  async run(words, options, context) {
    const act = actOf('job', ACTS, words, options)
    const rest = words.slice(1)
    if (act === 'submit') await checkJob(rest)
    const limit = duration(options.text('limit') ?? '1h', 'limit')
    return withQueue(options, async (queue) => {
      if (act === 'list') return { report: { kind: 'jobs', version: 1, jobs: [...(await queue.list())] } }
      const id = act === 'submit' ? await queue.submit(rest, limit) : rest[0]
      if (id === undefined) throw wrongCall(`whet job ${act} needs the id of a job`, 'whet job list has them')
      const find = async () => {
        const found = await queue.find(id)
        if (found) return found
        throw new UserError('missing-file', `there is no job ${id}`, { where: id, hint: 'whet job list has them' })
      }
      let found = await find()
      if (act === 'cancel') await queue.cancel(id)
      while (act === 'wait' && found.job.ended === null) {
        context.progress(found.job.state)
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
        if (context.signal.aborted) throw context.signal.reason
        found = await find()
      }
      if (act === 'cancel') found = await find()
      const { job, report } = found
      const itself: JobsReport = { kind: 'jobs', version: 1, jobs: [job] }
      // A script keeps what it is given: the id alone.
      if (act === 'submit') return { report: itself, text: id }
      if (act === 'cancel') return { report: itself }
      // As if the verb had run here.
      if (job.message !== null) context.say(job.message)
      if (act === 'show' && report === null) return { report: itself }
      return { report: (report as Report | null) ?? itself, exitCode: exitOf(job) }
    })
  },
}

/** As if the verb had run here: a job that was cancelled was interrupted, and one whose workers all died had no answer. */
export function exitOf({ exitCode, state }: Pick<JobsReport['jobs'][number], 'exitCode' | 'state'>): number {
  if (exitCode !== null) return exitCode
  if (state === 'cancelled') return EXIT.interrupted
  return state === 'done' ? EXIT.done : EXIT.bug
}

/** Opens the queue that the options name, and closes it whatever happens. @throws UserError where it is not there. */
export async function withQueue(
  options: Arguments,
  work: (queue: JobQueue, url: string) => Promise<Outcome>,
): Promise<Outcome> {
  const url = options.text('database') ?? process.env.WHETSTONE_DATABASE
  if (url === undefined)
    throw wrongCall(
      '--database is missing',
      'jobs need a PostgreSQL server: --database postgres://user:password@host:5432/whetstone, or WHETSTONE_DATABASE',
    )
  const queue = new JobQueue(url)
  try {
    return await work(queue, url)
  } catch (error) {
    throw explainDatabaseError(error, '--database')
  } finally {
    await queue.close().catch(() => {})
  }
}
