import { type LatencyReport, wrap } from '../../report/index.ts'
import { bytes, count, ms, plural } from '../words.ts'
import {
  bestLines,
  breakEvenLines,
  energyLines,
  frontOf,
  loadLine,
  priceText,
  rate,
  SCENARIO_WORDS,
  settings,
} from '../words-load.ts'
import { plot } from './plot.ts'
import { whole } from './section.ts'
import { paint, type Style, textTable } from './table.ts'

/** A prompt and the token behind it: two speeds of a language model. */
function decoding({ decoding: phases }: LatencyReport, style: Style): readonly string[] {
  if (!phases) return []
  const speed = (value: number) => count(Math.round(value))
  return [
    '',
    textTable(
      [
        { head: 'language model' },
        ...[`prompt of ${phases.promptTokens}`, 'tokens/s', 'next token', 'tokens/s'].map((head) => ({
          head,
          right: true,
        })),
      ],
      phases.models.map(({ path, prefill, decode }) => [
        path,
        ms(prefill.p50Ms),
        speed(prefill.tokensPerSecond),
        ms(decode.p50Ms),
        speed(decode.tokensPerSecond),
      ]),
      style,
    ),
    ...(['prefill', 'decode'] as const).flatMap((phase) =>
      phases.ratios[phase].map(
        ({ base, other, median, ci }) =>
          `${phase === 'prefill' ? 'prompt' : 'next token'}, ${other} / ${base}: ${median.toFixed(3)} (${ci[0].toFixed(3)} to ${ci[1].toFixed(3)})`,
      ),
    ),
  ]
}

/** How fast the models are and how sure that is, the settings that give most, what they cost. */
export function latency(report: LatencyReport, style: Style): string {
  return [
    paint('bold', SCENARIO_WORDS[report.scenario] ?? report.scenario, style),
    ...wrap(
      `${report.scenario}, ${plural(report.threads, 'thread')}${report.cores ? ` on ${report.cores.length === 1 ? 'core' : 'cores'} ${report.cores.join(', ')}` : ''}, batch ${report.batch}${report.queryRows !== undefined && report.queryRows !== report.batch ? `, ${report.queryRows} rows a query` : ''}, ${report.cpu}, ${report.runtime}`,
      style.width,
    ),
    '',
    modelTable(report, style),
    ...whole(
      'under load',
      report.models.flatMap((model) => (model.load ? [loadLine(model)] : [])),
      style,
    ),
    ...whole('how sure', report.models.flatMap(boundLine), style),
    ...whole(
      'how long one run takes beside another, by turns',
      report.ratios.map(
        (ratio) =>
          `${ratio.other} takes ${ratio.median.toFixed(3)} of the time of ${ratio.base} (95 % interval ${ratio.ci[0].toFixed(3)} to ${ratio.ci[1].toFixed(3)})`,
      ),
      style,
    ),
    ...decoding(report, style),
    ...sweep(report, style),
    ...whole(
      'a run takes from the system',
      report.models.flatMap(({ path, allocations }) =>
        allocations
          ? [
              `${path}: ${bytes(allocations.jsBytes)} in JavaScript, ${allocations.pageFaults.toFixed(allocations.pageFaults < 10 ? 1 : 0)} fresh pages`,
            ]
          : [],
      ),
      style,
    ),
    ...costTable(report, style),
    ...whole('break-even', breakEvenLines(report), style),
    ...whole('energy', energyLines(report), style),
    ...whole('warnings', report.warnings, style),
  ].join('\n')
}

function modelTable({ models }: LatencyReport, style: Style): string {
  return textTable(
    [
      { head: 'model' },
      ...['p50', 'p90', 'p99', 'rows/s', 'load', 'first', 'memory'].map((head) => ({ head, right: true })),
    ],
    models.map((model) => [
      model.path,
      ms(model.p50Ms),
      ms(model.p90Ms),
      ms(model.p99Ms),
      rate(model.throughput),
      ms(model.loadMs),
      ms(model.firstMs),
      bytes(model.peakRssBytes),
    ]),
    style,
  )
}

/** The percentile that the scenario is judged by, and what can be vouched for. */
function boundLine({ path, percentiles, bound }: LatencyReport['models'][number]): readonly string[] {
  const aimed = percentiles?.find((entry) => entry.percentile === bound?.percentile)
  if (!bound || !aimed) return []
  const [low, high] = aimed.ci
  const within = `p${aimed.percentile * 100} ${ms(aimed.ms)}, 95 % interval ${low === null ? '?' : ms(low)} to ${high === null ? '?' : ms(high)}`
  const vouched = bound.ms === null ? '' : `; at 99 % confidence under ${ms(bound.ms)}`
  return [`${path}: ${within}${vouched} (${plural(bound.queries, 'query', 'queries')})`]
}

function costTable({ costs, models }: LatencyReport, style: Style): readonly string[] {
  if (!costs || costs.perMillion.length === 0) return []
  return [
    '',
    textTable(
      [{ head: `cost of a million (${costs.currency})` }, ...models.map(({ path }) => ({ head: path, right: true }))],
      costs.machines.map((machine) => [
        `${machine.name} (${machine.perHour} an hour, ${machine.asOf})`,
        ...models.map(({ path }) => priceText(costs, path, machine.name)),
      ]),
      style,
    ),
    ...wrap(`these prices hold if ${costs.assumes}`, style.width).map((line) => paint('dim', line, style)),
  ]
}

function sweep(report: LatencyReport, style: Style): readonly string[] {
  const { sweep: points } = report
  if (!points || points.length === 0) return []
  const front = frontOf(points)
  const marks = 'ox+*#'
  const series = report.models.map(({ path }, i) => ({
    mark: marks[i % marks.length] as string,
    points: front.filter((point) => point.path === path).map(({ p99Ms, throughput }) => [p99Ms, throughput] as const),
  }))
  return [
    ...whole('the most that it gives', bestLines(report), style),
    '',
    'rows a second (up) against p99 in ms (right), what nothing else beats:',
    plot(series, Math.min(style.width, 72)),
    ...(series.length > 1
      ? [`  ${report.models.map(({ path }, i) => `${marks[i % marks.length]} ${path}`).join('   ')}`]
      : []),
    '',
    textTable(
      [{ head: 'setting' }, ...['rows/s', 'p50', 'p99'].map((head) => ({ head, right: true }))],
      front.map((point) => [
        `${report.models.length > 1 ? `${point.path}: ` : ''}${settings(point)}`,
        rate(point.throughput),
        ms(point.p50Ms),
        ms(point.p99Ms),
      ]),
      style,
    ),
  ]
}
