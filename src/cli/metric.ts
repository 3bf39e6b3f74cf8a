import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { asMetric, type Metric, metricNamed } from '../evaluate/index.ts'
import { UserError } from '../platform/index.ts'
import { textAt } from './inputs.ts'
import type { Arguments } from './verb.ts'

/** `--metric`: a name of ours, one with the dictionary that it reads texts by, or the default export of a user's module. */
export async function metricOf(options: Arguments): Promise<string | Metric | undefined> {
  const given = options.text('metric')
  if (given === undefined) return given
  const [, name, dictionary] = /^(exact-match|cer|wer):(.+)$/.exec(given) ?? []
  if (name && dictionary) return metricNamed(name, { characters: linesOf(dictionary) })
  if (!/\.[cm]?js$/.test(given)) return given
  textAt(given)
  let loaded: { default?: unknown }
  try {
    loaded = await import(pathToFileURL(resolve(given)).href)
  } catch (cause) {
    throw new UserError(
      'bad-argument',
      `the metric module could not be loaded: ${cause instanceof Error ? cause.message : cause}`,
      { where: given, hint: 'check the path; the module must load in Node by itself', cause },
    )
  }
  return asMetric(loaded.default, given)
}

/** A dictionary as recognisers have them: one character a line. A line may hold a space, which is not trimmed. */
function linesOf(file: string): readonly string[] {
  const lines = textAt(file).split(/\r?\n/)
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}
