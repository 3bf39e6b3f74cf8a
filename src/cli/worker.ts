import { spawn } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { UserError, withLock } from '../platform/index.ts'
import type { Report } from '../report/index.ts'
import { type JobQueue, type JobResult, KEEP_EVERY_MS, type TakenJob } from '../state/index.ts'
import { EXIT } from './exit-codes.ts'
import { DATABASE, withQueue } from './job.ts'
import { checkJob } from './job-words.ts'
import { stateHome } from './serve-rollouts.ts'
import { ENDS_WITH_PARENT } from './terminal.ts'
import { type Context, LONGEST_TIMER_MS, type Verb } from './verb.ts'

const LOOK_EVERY_MS = 1000
const LONGEST_WAIT_MS = 30_000
const KEPT_STDERR = 1 << 14
/** A verb that was interrupted keeps what it has measured. */
const GRACE_MS = 10_000

export const workerVerb: Verb = {
  name: 'worker',
  usage: 'worker --database URL [--folder DIR] [--once]',
  summary: 'Does the jobs of a database (whet job submit), one at a time, with the files of a folder.',
  examples: ['whet worker --database postgres://host/whetstone --folder /srv/models'],
  positionals: { min: 0, max: 0, names: 'nothing' },
  options: {
    database: DATABASE,
    folder: {
      type: 'string',
      value: 'DIR',
      help: 'where the files of the jobs lie; nothing outside is named by a job (the folder that it is started in)',
    },
    once: { type: 'boolean', help: 'end when no job waits' },
  },
  graceMs: GRACE_MS + 2000,
  async run(_, options, context) {
    const folder = resolve(options.text('folder') ?? '.')
    if (!existsSync(folder) || !statSync(folder).isDirectory())
      throw new UserError('missing-file', `there is no folder ${folder}`, {
        where: '--folder',
        hint: 'make it, or name the folder that the files of the jobs lie in',
      })
    // Two that measure on one machine would time one another.
    return withLock(join(stateHome(), 'worker'), () =>
      withQueue(options, async (queue) => {
        const done: string[] = []
        for (let wait = LOOK_EVERY_MS; !context.signal.aborted; ) {
          const job = await queue.take().catch((error: Error) => {
            // At the first look a mistake in the address; later the database has gone and will come back.
            if (wait === LOOK_EVERY_MS && done.length === 0) throw error
            context.say(`the database does not answer: ${error.message}`)
            return undefined
          })
          if (job) {
            if (await doJob(queue, job, folder, context)) done.push(job.id)
          } else if (job === null && options.flag('once')) break
          wait = job === undefined ? Math.min(2 * wait, LONGEST_WAIT_MS) : LOOK_EVERY_MS + 1
          if (!job) await pause(wait, context.signal)
        }
        const jobs = context.json ? (await queue.list()).filter(({ id }) => done.includes(id)) : []
        return { report: { kind: 'jobs', version: 1, jobs }, text: `${done.length} jobs done` }
      }),
    )
  },
}

/** Whether the job has its answer. */
async function doJob(queue: JobQueue, job: TakenJob, folder: string, context: Context): Promise<boolean> {
  context.say(`${job.id}: whet ${job.words.join(' ')}`)
  const mine = keeping(queue, job, context)
  let result: JobResult
  try {
    await checkJob(job.words)
    result = await runWords(job, folder, AbortSignal.any([context.signal, mine.lost]))
  } catch (error) {
    result = { exitCode: EXIT.user, report: null, message: (error as Error).message, worker: hostname() }
  } finally {
    await mine.end()
  }
  if (mine.lost.aborted) {
    context.say(`${job.id}: ended, because it was cancelled or another worker has it`)
    return false
  }
  context.say(`${job.id}: exit code ${result.exitCode}${result.message ? `, ${result.message}` : ''}`)
  // A verdict, or a mistake that stays one, is an answer; our bug or an interruption may not come again.
  const again = result.exitCode === EXIT.bug || result.exitCode === EXIT.interrupted
  // A machine that is taken away, or gets a new version, says nothing of the job.
  const stopped = result.exitCode === EXIT.interrupted && context.signal.aborted
  for (let wait = LOOK_EVERY_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    try {
      if (stopped) await queue.putBack(job, result)
      else await (again ? queue.giveBack(job.id, result) : queue.finish(job.id, result))
      return !again
    } catch (error) {
      context.say(`the database does not take the result: ${(error as Error).message}`)
      if (context.signal.aborted) return false
      await pause(wait, context.signal)
    }
  }
}

/** Tells the queue again and again that the job is being done; `lost` is given where it has become somebody else's. */
function keeping(
  queue: JobQueue,
  job: TakenJob,
  context: Context,
): { readonly lost: AbortSignal; end(): Promise<void> } {
  const [lost, ended] = [new AbortController(), new AbortController()]
  const told = (async () => {
    while (!ended.signal.aborted && !lost.signal.aborted) {
      await queue.keep(job).then(
        (still) => still || lost.abort(),
        (error: Error) => context.say(`the database does not answer: ${error.message}`),
      )
      await pause(KEEP_EVERY_MS, ended.signal)
    }
  })()
  return {
    lost: lost.signal,
    end: () => {
      ended.abort()
      return told
    },
  }
}

/**
 * Runs a verb in a process of its own: a crash, a leak or an end of memory hits one job. It ends with this process, or
 * it would hold its folder, and time itself beside the job of the next worker.
 */
function runWords({ words, limitMs }: TakenJob, folder: string, signal: AbortSignal): Promise<JobResult> {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...words, '--json', '--quiet'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, [ENDS_WITH_PARENT]: '1' },
  })
  let [output, said] = ['', '']
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-KEPT_STDERR)
  })
  const interrupt = () => {
    child.kill('SIGINT')
    setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref()
  }
  signal.addEventListener('abort', interrupt, { once: true })
  if (signal.aborted) interrupt()
  let overdue = false
  const limit = setTimeout(
    () => {
      overdue = true
      interrupt()
    },
    Math.min(limitMs, LONGEST_TIMER_MS),
  )
  return new Promise((done) => {
    child.once('error', (error) =>
      done({ exitCode: EXIT.bug, report: null, message: error.message, worker: hostname() }),
    )
    child.once('close', (code) => {
      clearTimeout(limit)
      signal.removeEventListener('abort', interrupt)
      const report = reportIn(output)
      const interrupted = (overdue || signal.aborted) && report === null
      const exitCode = interrupted ? EXIT.interrupted : (code ?? EXIT.bug)
      const why = overdue ? `did not end within ${limitMs / 1000} seconds (--limit)` : said.trim()
      done({ exitCode, report, message: report === null ? why : null, worker: hostname() })
    })
  })
}

/** null where the verb ended without one: why is on stderr. */
function reportIn(text: string): unknown {
  try {
    const report = JSON.parse(text) as Report
    return report.kind === 'failure' ? null : report
  } catch {
    return null
  }
}

/** Ends with the signal; leaves nothing behind at it, for a worker waits for weeks. */
const pause = (ms: number, signal: AbortSignal): Promise<void> => after(ms, undefined, { signal }).catch(() => {})
