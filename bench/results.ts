import { machine } from '../src/engine/index.ts'
import { times } from './words.ts'

/** One model's line of the yardstick. Milliseconds are medians; ratios are float32 / other, from one interleaved run. */
export interface Result {
  readonly id: string
  readonly headline: boolean
  readonly floatMs: number
  readonly floatLoadMs: number
  readonly floatBytes: number
  readonly contestants: readonly Contestant[]
  readonly chosen: string
  readonly sentence: string
  readonly accuracy: string
  readonly time: string
  readonly cost: readonly string[]
  readonly notes: readonly string[]
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
  return [
    cpu,
    runtime,
    `Node ${node}`,
    os,
    new Date().toISOString().slice(0, 10),
    'Peers: Debian python3-onnxruntime quantizers, npm onnxsim 0.7.3',
  ]
}

/** A result on one line, as soon as it is there. */
export const resultLine = ({ id, sentence, contestants }: Result): string =>
  `${id}: ${sentence} ${contestants.map((one) => `${one.name} ${one.speedup?.toFixed(2) ?? one.failed}`).join(', ')}`

/** The page that `npm run bench` writes: winners and losers alike. */
export function resultsPage(results: readonly Result[], machine: readonly string[]): string {
  const headline = results.filter((result) => result.headline)
  const cell = (result: Result, name: string) => {
    const one = result.contestants.find((contestant) => contestant.name === name)
    if (!one) return '–'
    if (one.failed) return 'failed'
    return `${one.ms?.toFixed(3)} (${times(one.speedup)})`
  }
  const rows = results.map(
    (result) =>
      `| ${result.id}${result.headline ? '' : ' ¹'} | ${result.floatMs.toFixed(3)} | ${NAMES.map((name) => cell(result, name)).join(' | ')} |`,
  )
  return [
    '# Results',
    '',
    ...machine.map((line) => `- ${line}`),
    '',
    'Median milliseconds of one row, one thread, all contestants by turns in one run; in brackets how many times as fast as float32 (median of paired ratios).',
    '',
    `| model | float32 | ${NAMES.join(' | ')} |`,
    `|-|-|${NAMES.map(() => '-').join('|')}|`,
    ...rows,
    '',
    '¹ not part of the means below.',
    '',
    ...(headline.length > 0
      ? [
          `Geometric mean over ${headline.length} models: ${NAMES.map((name) => `${name} ${geometricMean(headline, name).toFixed(2)}×`).join(', ')}. A contestant that failed counts as float32.`,
          `Ours over the best of the usual tools or float32, whichever is faster on that model: ${meanOf(headline.map(overUsual)).toFixed(2)}× in geometric mean (${headline.map((result) => `${result.id} ${overUsual(result).toFixed(2)}`).join(', ')}).`,
          `Slower than float32 (median of the ratio above 1.02): ${losers(headline) || 'none'}.`,
        ]
      : []),
    '',
    '## Each model',
    ...results.flatMap((result) => [
      '',
      `### ${result.id}`,
      '',
      `${result.sentence} (${result.chosen})`,
      '',
      '| | ms | speed | 95 % interval | load ms | bytes |',
      '|-|-|-|-|-|-|',
      `| float32 | ${result.floatMs.toFixed(3)} | 1× | | ${result.floatLoadMs.toFixed(0)} | ${result.floatBytes} |`,
      ...result.contestants.map((one) =>
        one.failed
          ? `| ${one.name} | failed: ${one.failed} | | | | |`
          : `| ${one.name} | ${one.ms?.toFixed(3)} | ${times(one.speedup)} | ${one.ci ? `${times(1 / one.ci[1])} to ${times(1 / one.ci[0])}` : ''} | ${one.loadMs?.toFixed(0)} | ${one.bytes} |`,
      ),
      '',
      ...[result.accuracy, result.time, ...result.cost, ...result.notes].filter(Boolean).map((line) => `- ${line}`),
    ]),
    '',
  ].join('\n')
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
