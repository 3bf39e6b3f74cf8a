import type { SelectionReport } from '../../report/index.ts'
import { gateSentence } from '../pipeline/checks.ts'
import { bytes, count, fileName, GATE_WORDS, metricValue, ms, plural, signed, times } from '../words.ts'
import { gateTable, method } from './comparison.ts'
import { labelPlaces } from './label-places.ts'
import { html, type Markup } from './markup.ts'
import { badge, list, listUnder, page, table, toneOf } from './page.ts'
import { CHART_WIDTH, linearTicks } from './scale.ts'

/** A leaderboard as one HTML document that needs no other file. */
export function selectionPage(report: SelectionReport): string {
  return page(
    report.sentence,
    html`<header><p class="kicker">Whetstone selection · ${plural(report.models.length, 'model')}</p><h1>${report.sentence}</h1></header>
${report.chosen && html`<p>${report.chosen.path}: ${report.chosen.reason}.</p>`}
${heldBack(report)}
${frontChart(report)}
<h2>Leaderboard</h2>
${leaderboard(report)}
<h2>What the gates say</h2>
${report.models.map((model) => html`<details><summary>${model.path} ${gateBadge(model.gates)}</summary><p>${model.sentence}</p>${model.gates.map((gate) => html`<p>${gateSentence(gate)}</p>${gateTable(gate)}`)}</details>`)}
${listUnder('Worth knowing', report.warnings)}
${method()}
<p class="soft">All models are judged against the first on the same ${count(report.n)} rows of <code>${report.data.path}</code>${report.models.some(({ data }) => data) && ', where named in a form of their own,'} and timed by turns in one run, each in a process of its own: ${plural(report.threads, 'thread')}, ${report.cpu}, ${report.runtime}. Against several gates none is corrected: a model must pass every one.</p>`,
  )
}

/** Why a model may not go out: the first thing that is asked of a page that says so. */
function heldBack({ models }: SelectionReport): Markup {
  const shut = models.flatMap(({ path, gates }) =>
    gates.filter(({ verdict }) => verdict !== 'pass').map((gate) => ({ path, gate, several: gates.length > 1 })),
  )
  return list(
    shut.map(
      ({ path, gate, several }) => html`<b>${path}</b>${several && `, ${fileName(gate.file)}`}: ${gateSentence(gate)}`,
    ),
  )
}

const gateWord = (gates: SelectionReport['models'][number]['gates']) =>
  (['regressed', 'inconclusive'] as const).find((word) => gates.some(({ verdict }) => verdict === word)) ?? 'pass'

const gateBadge = (gates: SelectionReport['models'][number]['gates']): Markup => {
  const word = gateWord(gates)
  return badge(word, null, GATE_WORDS[word])
}

function leaderboard(report: SelectionReport): Markup {
  return table(
    [
      {
        head: 'Model',
        cell: (model) =>
          html`${model.path}${model.onFront && html`<small>on the front</small>`}${model.data && html`<small>rows from ${fileName(model.data)}</small>`}`,
      },
      {
        head: 'Gates',
        cell: ({ gates }) =>
          gates.length === 1
            ? gateBadge(gates)
            : html`${gates.map((gate) => html`${gateBadge([gate])}<small>${fileName(gate.file)}</small>`)}`,
      },
      { head: report.metric, numeric: true, cell: (model) => metricValue(model.metric) },
      {
        head: 'Change to the first',
        numeric: true,
        cell: (model) => (model.change === null ? '–' : `${signed(model.change[0])} to ${signed(model.change[1])}`),
      },
      { head: 'Median', numeric: true, cell: (model) => ms(model.p50Ms) },
      { head: 'Speed', numeric: true, cell: (model) => (model.ratio === null ? '1×' : times(1 / model.ratio.median)) },
      { head: 'Size', numeric: true, cell: (model) => bytes(model.bytes) },
      { head: 'Memory', numeric: true, cell: (model) => bytes(model.peakRssBytes) },
    ],
    report.models,
    (model) => (model.path === report.chosen?.path ? 'chosen' : ''),
  )
}

const SIZE = { width: CHART_WIDTH, height: 340, left: 76, right: 20, top: 16, bottom: 48 }

/** Latency against the metric; the front is joined. */
function frontChart(report: SelectionReport): Markup {
  const models = report.models.flatMap(({ p50Ms, metric, ...rest }) =>
    p50Ms === null || metric === null ? [] : [{ ...rest, x: p50Ms, y: metric }],
  )
  if (models.length === 0) return html``
  const xTop = Math.max(...models.map(({ x }) => x)) * 1.15
  const ys = models.map(({ y }) => y)
  const pad = (Math.max(...ys) - Math.min(...ys)) * 0.25 || Math.abs(ys[0]!) * 0.05 || 1
  const [low, high] = [Math.min(...ys) - pad, Math.max(...ys) + pad]
  const px = (x: number) => Math.round(SIZE.left + (x / xTop) * (SIZE.width - SIZE.left - SIZE.right))
  const upward = (y: number) => (report.higherIsBetter ? (high - y) / (high - low) : (y - low) / (high - low))
  const py = (y: number) => Math.round(SIZE.top + upward(y) * (SIZE.height - SIZE.top - SIZE.bottom))
  const front = models.filter(({ onFront }) => onFront).sort((a, b) => a.x - b.x)
  const dots = models.map(({ x, y, path }) => ({ x: px(x), y: py(y), text: path }))
  const labels = labelPlaces(dots, dots, SIZE.width)
  const words = models.map((model) => `${model.path} ${ms(model.x)}, ${metricValue(model.y)}`).join('; ')
  return html`<figure><svg viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="img" aria-label="Latency and ${report.metric}: ${words}">
${linearTicks([0, xTop]).map((tick) => html`<text class="s" x="${px(tick)}" y="${SIZE.height - 26}" text-anchor="middle">${Number(tick.toPrecision(3))}</text>`)}
${linearTicks([low, high]).map((tick) => html`<line x1="${SIZE.left}" x2="${SIZE.width - SIZE.right}" y1="${py(tick)}" y2="${py(tick)}" stroke="var(--line)"/><text class="s" x="${SIZE.left - 8}" y="${py(tick) + 4}" text-anchor="end">${Number(tick.toPrecision(4))}</text>`)}
<polyline fill="none" stroke="var(--accent)" stroke-width="2" stroke-dasharray="5 4" points="${front.map(({ x, y }) => `${px(x)},${py(y)}`).join(' ')}"/>
${models.map((model) => html`<circle cx="${px(model.x)}" cy="${py(model.y)}" r="${model.path === report.chosen?.path ? 9 : 6}" fill="var(--${toneOf(gateWord(model.gates))})"/>`)}
${labels.map(({ x, y, anchor, text }) => html`<text x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`)}
<text class="s" x="${SIZE.width / 2}" y="${SIZE.height - 8}" text-anchor="middle">median latency in ms (left is faster)</text>
</svg><figcaption>${report.metric}, better further up. Green passes every gate, red breaks a limit, amber is undecided; the dashed line joins the models that none beats in metric, latency and size together.</figcaption></figure>`
}
