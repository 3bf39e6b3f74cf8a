import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Metric } from '../evaluate/index.ts'
import { UserError } from '../platform/index.ts'
import type { Arguments } from './verb.ts'

/** `--metric`: a name of ours, or the default export of the user's own module. */
export async function metricOf(options: Arguments): Promise<string | Metric | undefined> {
  const given = options.text('metric')
  if (given === undefined || !/\.[cm]?js$/.test(given)) return given
  let loaded: { default?: Partial<Metric> }
  try {
    loaded = await import(pathToFileURL(resolve(given)).href)
  } catch (cause) {
    throw new UserError(
      'bad-argument',
      `the metric module could not be loaded: ${cause instanceof Error ? cause.message : cause}`,
      { where: given, hint: 'check the path; the module must load in Node by itself', cause },
    )
  }
  const metric = loaded.default
  if (!metric || typeof metric.score !== 'function')
    throw new UserError(
      'bad-argument',
      'a metric module exports { name, higherIsBetter, score({ outputs, label, row }) } as its default',
      {
        where: given,
        hint: 'see docs/metrics.md',
      },
    )
  return { name: given, higherIsBetter: true, ...metric } as Metric
}
