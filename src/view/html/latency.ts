import type { LatencyReport } from '../../report/index.ts'
import { bytes, count, ms, plural, times } from '../words.ts'
import {
  bestLines,
  breakEvenLines,
  energyLines,
  frontOf,
  loadLine,
  priceText,
  rate,
  SCENARIO_WORDS,
} from '../words-load.ts'
import { lineChart, TONES } from './line-chart.ts'
import { html, type Markup } from './markup.ts'
import { list, listUnder, page, table } from './page.ts'

/** Timings as one HTML document that needs no other file. */
export function latencyPage(report: LatencyReport): string {
  const names = report.models.map(({ path }) => path).join(', ')
  return page(
    `Load of ${names}`,
    html`<header><p class="kicker">Whetstone load report · ${names}</p><h1>${headline(report)}</h1></header>
<p>${SCENARIO_WORDS[report.scenario] ?? report.scenario}</p>
${modelTable(report)}
${list(report.models.flatMap((model) => (model.load ? [loadLine(model)] : [])))}
${list(
  report.ratios.map(
    (ratio) =>
      `${ratio.other} takes ${times(ratio.median)} the time of ${ratio.base} (95 % interval ${ratio.ci[0].toFixed(3)} to ${ratio.ci[1].toFixed(3)})`,
  ),
)}
${distribution(report)}
${sweep(report)}
${costs(report)}
${listUnder('Energy', energyLines(report))}
${listUnder('Worth knowing', report.warnings)}
<h2>Method</h2>
<p class="soft">${plural(report.threads, 'thread')}${report.cores ? `, bound to core ${report.cores.join(', ')}` : ''}, ${plural(report.batch, 'row')} a run, ${report.cpu}, ${report.runtime}. Every model has a process of its own; they take turns and only one runs at a time. Percentiles carry distribution-free order-statistic intervals (David and Nagaraja, Order Statistics, 7.1); what may be claimed after a finite run follows the early-stopping rule of MLPerf's LoadGen at 99 % confidence. In the server scenario arrivals are Poisson and latency counts from the scheduled arrival, so a stall is felt by everyone who came meanwhile. Memory is the peak of the process beyond what it held before the load.</p>`,
  )
}

function headline(report: LatencyReport): string {
  const [first, second] = report.models
  if (!first) return 'Nothing was measured'
  if (report.scenario === 'server' && first.load?.maxP99Ms)
    return `${first.path} takes ${count(Math.floor(first.load.qps))} queries a second with p99 under ${ms(first.load.maxP99Ms)}${second?.load ? `, ${second.path} ${count(Math.floor(second.load.qps))}` : ''}`
  if (report.scenario === 'offline')
    return report.models.map((model) => `${model.path}: ${rate(model.throughput)} rows a second`).join(', ')
  const aimed = report.scenario === 'single-stream' ? 'p90Ms' : 'p99Ms'
  const word = report.scenario === 'single-stream' ? 'Nine of ten' : '99 of 100'
  return `${word} answers within ${report.models.map((model) => `${ms(model[aimed])} (${model.path})`).join(', ')}`
}

function modelTable(report: LatencyReport): Markup {
  return table(
    [
      { head: 'Model', cell: (row) => html`<b>${row.path}</b>` },
      { head: 'Median', numeric: true, cell: (row) => ms(row.p50Ms) },
      { head: 'p90', numeric: true, cell: (row) => withInterval(row, 0.9, row.p90Ms) },
      { head: 'p99', numeric: true, cell: (row) => withInterval(row, 0.99, row.p99Ms) },
      { head: 'Rows/s', numeric: true, cell: (row) => rate(row.throughput) },
      { head: 'Load', numeric: true, cell: (row) => ms(row.loadMs) },
      { head: 'First', numeric: true, cell: (row) => ms(row.firstMs) },
      { head: 'Memory', numeric: true, cell: (row) => bytes(row.peakRssBytes) },
      { head: 'Queries', numeric: true, cell: (row) => count(row.runs) },
    ],
    report.models,
  )
}

function withInterval(row: LatencyReport['models'][number], percentile: number, value: number): Markup {
  const ci = row.percentiles?.find((entry) => entry.percentile === percentile)?.ci
  return html`${ms(value)}${ci && ci[0] !== null && ci[1] !== null && html`<small>${ms(ci[0])} to ${ms(ci[1])}</small>`}`
}

function distribution(report: LatencyReport): Markup {
  const series = report.models.flatMap(({ path, distribution: values }, i) =>
    values
      ? [
          {
            name: path,
            tone: toneOf(i),
            points: values.map((value, at) => [(100 * at) / (values.length - 1), value] as const),
          },
        ]
      : [],
  )
  if (series.length === 0) return html``
  // The very slowest query alone would flatten everything else.
  const shown = series.map((one) => ({ ...one, points: one.points.slice(0, -1) }))
  return html`<h2>How long queries take</h2>${lineChart(shown, {
    x: 'share of queries in %',
    y: 'ms',
    label: `Latency by share of queries: ${report.models.map((model) => `${model.path} median ${ms(model.p50Ms)}, p99 ${ms(model.p99Ms)}`).join('; ')}`,
    caption:
      'For a share of the queries (right), the time within which they are answered (up). A line that turns up at the end is a tail that some users feel.',
  })}`
}

function sweep(report: LatencyReport): Markup {
  const points = report.sweep
  if (!points || points.length === 0) return html``
  const front = frontOf(points)
  return html`<h2>Throughput against latency</h2>
${list(bestLines(report))}
${lineChart(
  report.models.map(({ path }, i) => ({
    name: path,
    tone: toneOf(i),
    points: front.filter((point) => point.path === path).map((point) => [point.p99Ms, point.throughput] as const),
    others: points
      .filter((point) => point.path === path && !point.onFront)
      .map((point) => [point.p99Ms, point.throughput] as const),
  })),
  {
    x: 'p99 in ms',
    y: 'rows a second',
    label: `Rows a second against p99 for ${points.length} settings`,
    caption: `Each dot is a number of rows at once, threads and processes; the line joins those that nothing beats in both directions.${report.maxP99Ms ? ' The upright line is the limit.' : ''}`,
    limit: report.maxP99Ms ?? null,
  },
)}
${table(
  [
    { head: 'Model', cell: (row) => row.path },
    { head: 'Rows at once', numeric: true, cell: (row) => row.batch },
    { head: 'Threads', numeric: true, cell: (row) => row.threads },
    { head: 'Processes', numeric: true, cell: (row) => row.instances },
    { head: 'Rows/s', numeric: true, cell: (row) => rate(row.throughput) },
    { head: 'p50', numeric: true, cell: (row) => ms(row.p50Ms) },
    { head: 'p99', numeric: true, cell: (row) => ms(row.p99Ms) },
  ],
  front,
  (row) => (report.best?.[row.path] && same(report.best[row.path] as typeof row, row) ? 'chosen' : ''),
)}`
}

const same = (a: { batch: number; threads: number; instances: number }, b: typeof a) =>
  a.batch === b.batch && a.threads === b.threads && a.instances === b.instances

function costs(report: LatencyReport): Markup {
  const found = report.costs
  if (!found || found.perMillion.length === 0) return html``
  return html`<h2>What a million answers cost</h2>
${table(
  [
    {
      head: 'Machine',
      cell: (row) =>
        html`<b>${row.name}</b><small>${row.perHour} ${found.currency} an hour, ${row.asOf}; ${row.source}</small>`,
    },
    ...report.models.map(({ path }) => ({
      head: path,
      numeric: true,
      cell: (row: (typeof found.machines)[number]) => priceText(found, path, row.name, found.currency),
    })),
  ],
  found.machines,
  undefined,
  // Beside the words on a machine there is no room for amounts.
  true,
)}
<p class="soft">These prices hold if ${found.assumes}.</p>
${list(breakEvenLines(report))}`
}

const toneOf = (i: number) => TONES[i % TONES.length] as string
