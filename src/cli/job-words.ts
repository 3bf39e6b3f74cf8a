import { parse } from './parse.ts'
import type { Verb } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

/** What a worker does for others. */
const JOBS: Readonly<Record<string, () => Promise<Verb>>> = {
  compare: async () => (await import('./compare.ts')).compareVerb,
  optimize: async () => (await import('./optimize.ts')).optimizeVerb,
}

/**
 * Looks at the words of a job as the verb itself would, before it is left to anybody and again before it is done:
 * whoever reaches the database must not reach other verbs, nor files outside the worker's folder.
 *
 * @throws UserError
 */
export async function checkJob(words: readonly string[]): Promise<void> {
  const [name, ...rest] = words
  const load = name !== undefined && Object.hasOwn(JOBS, name) ? JOBS[name] : undefined
  if (load === undefined)
    throw wrongCall(
      name === undefined ? 'there is no command behind --' : `whet ${name}: no job for a worker`,
      `jobs are ${Object.keys(JOBS).join(' and ')}: whet job submit -- compare base.onnx candidate.onnx --data eval.npz`,
    )
  const outside = rest.find(leadsOut)
  if (outside !== undefined)
    throw wrongCall(
      `${outside}: leads out of the folder that workers share`,
      'name files as they lie in that folder: models/a.onnx, not /data/models/a.onnx',
    )
  parse(await load(), rest)
}

/** Also where a path follows the name of an option or a form of data: `--data=/etc`, `csv:../x`. */
const leadsOut = (word: string) => word.split(/[=:,]/).some((part) => /^[~/\\]|(^|[\\/])\.\.([\\/]|$)/.test(part))
