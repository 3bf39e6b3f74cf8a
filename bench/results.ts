import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { machine } from '../src/engine/index.ts'
import { grouped } from '../src/report/index.ts'
import { ROOT } from './repository.ts'
import { megabytes, times } from './words.ts'

/** One model's line of the yardstick. Milliseconds are medians; ratios are float32 / other, from one interleaved run. */
export interface Result {
  readonly id: string
  readonly headline: boolean
  readonly floatMs: number
  readonly floatLoadMs: number
  readonly floatBytes: number
  readonly contestants: readonly Contestant[]
  /** What `optimize` chose, and what it said first. */
  readonly chosen: string
  readonly sentence: string
  readonly proof: Proof | null
  readonly time: Time
  /** Of the whole `optimize` run. */
  readonly searchSeconds: number
  /** What making a file cost each tool that made one. */
  readonly processes: readonly Process[]
  readonly notes: readonly string[]
}

/** What the rows that prove said of what is handed out. */
export interface Proof {
  readonly rows: number
  readonly verdict: string
  readonly grade: string | null
  readonly sentence: string
}

/** The dearest operators of one profiled run, in milliseconds; null where no profile could be read. */
export interface Time {
  readonly before: string | null
  readonly after: string | null
}

/** A whole process from its start to its end; null what could not be read. */
export interface Process {
  readonly name: string
  readonly seconds: number
  readonly cpuSeconds: number | null
  readonly peakBytes: number | null
}

export interface Contestant {
  readonly name: string
  readonly ms: number | null
  readonly speedup: number | null
  readonly ci: readonly [number, number] | null
  readonly loadMs: number | null
  readonly bytes: number | null
  readonly failed?: string
}

/** The usual tools; the best of them, or float32 where none is faster, is what ours is held against. */
const USUAL = ['python static', 'python static-unprepared', 'python dynamic', 'onnxsim'] as const

/** How many times as fast ours is as the best that the usual tools make of the same file. */
const overUsual = (result: Result) =>
  speedOf(result, 'ours') / Math.max(1, ...USUAL.map((name) => speedOf(result, name)))

export const NAMES = ['lossless', 'ours', ...USUAL] as const

/** Geometric mean of a contestant's speed over the results that have it, with float32 (1×) where it failed or has none. */
function geometricMean(results: readonly Result[], name: string): number {
  return meanOf(results.map((result) => speedOf(result, name)))
}

const meanOf = (ratios: readonly number[]) =>
  Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length)

const speedOf = (result: Result, name: string) => result.contestants.find((one) => one.name === name)?.speedup ?? 1

/** The machine and the peers, as the page names them. */
export function machineLines(): readonly string[] {
  const { cpu, runtime, node, os } = machine()
  const { version: onnxsim } = JSON.parse(readFileSync(join(ROOT, 'node_modules/onnxsim/package.json'), 'utf8'))
  return [
    cpu,
    runtime,
    `Node ${node}`,
    os,
    new Date().toISOString().slice(0, 10),
    `Peers: Debian python3-onnxruntime quantizers, npm onnxsim ${onnxsim}`,
  ]
}

/** Every field: what a file of an older version lacks of them, no page can show. */
const FIELDS: Readonly<Record<keyof Result, true>> = {
  id: true,
  headline: true,
  floatMs: true,
  floatLoadMs: true,
  floatBytes: true,
  contestants: true,
  chosen: true,
  sentence: true,
  proof: true,
  time: true,
  searchSeconds: true,
  processes: true,
  notes: true,
}

/** The fields that a result does not have; none where it was made by this version. */
export const lackingIn = (result: Partial<Result>): readonly string[] =>
  Object.keys(FIELDS).filter((name) => result[name as keyof Result] === undefined)

/** A result on one line, as soon as it is there. */
export const resultLine = ({ id, sentence, contestants }: Result): string =>
  `${id}: ${sentence} ${contestants.map((one) => `${one.name} ${one.speedup?.toFixed(2) ?? one.failed}`).join(', ')}`

/** What `npm run bench` writes into its page: winners and losers alike. */
export function resultsPage(results: readonly Result[], machine: readonly string[]): string {
  const headline = results.filter((result) => result.headline)
  const aside = results.length > headline.length
  const table = (heads: readonly string[], cells: (result: Result) => readonly string[]) => [
    `| model | ${heads.join(' | ')} |`,
    `|-|${heads.map(() => '-').join('|')}|`,
    ...results.map((result) => `| ${result.id}${result.headline ? '' : ' ¹'} | ${cells(result).join(' | ')} |`),
  ]
  const each = (result: Result, cell: (one: Contestant) => string) =>
    NAMES.map((name) => {
      const one = result.contestants.find((contestant) => contestant.name === name)
      if (!one) return '–'
      return one.failed ? 'failed' : cell(one)
    })
  return [
    `${machine.join('; ')}.`,
    '',
    'Median milliseconds of one row, one thread, all contestants by turns in one run; in brackets how many times as fast as float32 (median of paired ratios).',
    '',
    ...table(['float32', ...NAMES], (result) => [
      result.floatMs.toFixed(3),
      ...each(result, ({ ms, speedup }) => `${ms?.toFixed(3)} (${times(speedup)})`),
    ]),
    '',
    ...(aside ? ['¹ not part of the means below.', ''] : []),
    ...(headline.length > 0
      ? [
          `- Geometric mean over ${headline.length} models: ${NAMES.map((name) => `${name} ${geometricMean(headline, name).toFixed(2)}×`).join(', ')}. A contestant that failed counts as float32.`,
          `- Ours over the best of the usual tools or float32, whichever is faster on that model: ${meanOf(headline.map(overUsual)).toFixed(2)}× in geometric mean (${headline.map((result) => `${result.id} ${overUsual(result).toFixed(2)}`).join(', ')}).`,
          `- Slower than float32 (median of the ratio above 1.02): ${losers(headline) || 'none'}.`,
          '',
        ]
      : []),
    'What was handed out, what its proof says, and how long the whole run of `optimize` took:',
    '',
    ...table(['handed out', 'rows', 'verdict, grade', 'proof', 's'], ({ chosen, proof, searchSeconds }) => [
      chosen,
      ...(proof
        ? [grouped(proof.rows), `${proof.verdict}, ${proof.grade ?? 'no grade'}`, proof.sentence]
        : ['–', 'nothing proven', '–']),
      searchSeconds.toFixed(1),
    ]),
    '',
    'Bytes of the file, and milliseconds in which a session of it opens:',
    '',
    ...table(['float32', ...NAMES], (result) => [
      `${grouped(result.floatBytes)} (${result.floatLoadMs.toFixed(0)})`,
      ...each(result, ({ bytes, loadMs }) => `${bytes === null ? '?' : grouped(bytes)} (${loadMs?.toFixed(0)})`),
    ]),
    '',
    'Where the time goes, milliseconds of one profiled run:',
    '',
    ...table(['float32', 'ours'], ({ time }) => [time.before ?? 'not read', time.after ?? 'not read']),
    '',
    ...folded(
      'How many times as fast as float32, 95 % interval of the paired ratios',
      table(NAMES, (result) => each(result, ({ ci }) => (ci ? `${times(1 / ci[1])} to ${times(1 / ci[0])}` : '–'))),
    ),
    ...folded(
      'Whole processes that make a file: seconds on the wall, of the processor, and MB at the peak of the largest process',
      table(MAKERS, ({ processes }) =>
        MAKERS.map((name) => {
          const one = processes.find((process) => process.name === name)
          return one ? costOf(one) : 'failed'
        }),
      ),
    ),
    ...folded('What failed, and what the searches warned of', notesOf(results)),
  ].join('\n')
}

/** What quantizes or simplifies in a process of its own. */
export const MAKERS = ['whet quantize', ...USUAL] as const

const costOf = ({ seconds, cpuSeconds, peakBytes }: Process): string =>
  [seconds.toFixed(1), cpuSeconds?.toFixed(1) ?? '?', megabytes(peakBytes)].join(', ')

const notesOf = (results: readonly Result[]): readonly string[] =>
  results.flatMap(({ id, contestants, notes }) => [
    ...contestants.flatMap(({ name, failed }) => (failed ? [`- ${id}: ${name} failed: ${failed}`] : [])),
    ...notes.map((note) => `- ${id}: ${note}`),
  ])

/** Lines that a reader of the page opens by a click; none where there are none. */
const folded = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length > 0 ? [`<details><summary>${title}</summary>`, '', ...lines, '', '</details>', ''] : []

const [FROM, TO] = ['<!-- npm run bench: from here -->', '<!-- npm run bench: to here -->']

/**
 * The page with what stands between its two marks replaced by `part`; all else is written by hand and stays. Throws
 * where the page has no such marks, since nothing tells then what may be replaced.
 */
export function withPart(page: string, part: string): string {
  const [from, to] = [page.indexOf(FROM), page.indexOf(TO)]
  if (from < 0 || to < from)
    throw new Error(`no place for the results: the page needs a line ${FROM} and, behind it, ${TO}`)
  return `${page.slice(0, from + FROM.length)}\n\n${part.trim()}\n\n${page.slice(to)}`
}

function losers(results: readonly Result[]): string {
  return results
    .flatMap((result) =>
      result.contestants
        .filter((one) => one.speedup !== null && one.speedup < 1 / 1.02)
        .map((one) => `${one.name} on ${result.id} (${times(one.speedup)})`),
    )
    .join(', ')
}
