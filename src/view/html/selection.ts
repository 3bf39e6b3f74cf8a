import type { SelectionReport } from '../../report/index.ts'
import { gateSentence } from '../pipeline/checks.ts'
import { bytes, count, fileName, GATE_WORDS, metricValue, ms, plural, signed, times } from '../words.ts'
import { axes } from './axes.ts'
import { gateTable, method } from './comparison.ts'
import { labelPlaces } from './label-places.ts'
import { html, type Markup } from './markup.ts'
import { badge, list, listUnder, page, table, toneOf } from './page.ts'
import { CHART_WIDTH, type Scale, scaleOf } from './scale.ts'

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
      {
        head: 'Speed',
        numeric: true,
        cell: ({ ratio }) =>
          ratio === null
            ? '1×'
            : html`${times(1 / ratio.median)}<small>${times(1 / ratio.ci[1])} to ${times(1 / ratio.ci[0])}</small>`,
      },
      { head: 'Size', numeric: true, cell: (model) => bytes(model.bytes) },
      { head: 'Memory', numeric: true, cell: (model) => bytes(model.peakRssBytes) },
    ],
    report.models,
    (model) => (model.path === report.chosen?.path ? 'chosen' : ''),
  )
}

const HEIGHT = 340
const AREA = { left: 76, right: 24, top: 16, bottom: HEIGHT - 48 }

/** Latency against the metric; the front is joined. */
function frontChart(report: SelectionReport): Markup {
  const models = report.models.flatMap(({ p50Ms, metric, ...rest }) =>
    p50Ms === null || metric === null ? [] : [{ ...rest, x: p50Ms, y: metric }],
  )
  if (models.length === 0) return html``
  const x = scaleOf(
    models.map((model) => model.x),
    [AREA.left, CHART_WIDTH - AREA.right],
  )
  const ys = models.map(({ y }) => y)
  const pad = (Math.max(...ys) - Math.min(...ys)) * 0.25 || Math.abs(ys[0]!) * 0.05 || 1
  const [low, high] = [Math.min(...ys) - pad, Math.max(...ys) + pad]
  const [best, worst] = report.higherIsBetter ? [high, low] : [low, high]
  const y: Scale = {
    domain: [low, high],
    at: (value) => Math.round(AREA.top + ((best - value) / (best - worst)) * (AREA.bottom - AREA.top)),
  }
  const front = models.filter(({ onFront }) => onFront).sort((a, b) => a.x - b.x)
  const dots = models.map((model) => ({
    x: x.at(model.x),
    y: y.at(model.y),
    text: model.path,
    needed: model.path === report.chosen?.path,
  }))
  const labels = labelPlaces(
    dots,
    dots,
    front.map((model) => ({ x: x.at(model.x), y: y.at(model.y) })),
    CHART_WIDTH,
  )
  const words = models.map((model) => `${model.path} ${ms(model.x)}, ${metricValue(model.y)}`).join('; ')
  return html`<figure><svg viewBox="0 0 ${CHART_WIDTH} ${HEIGHT}" role="img" aria-label="Latency and ${report.metric}: ${words}">
${axes(x, y, AREA, { x: 'median latency in ms (left is faster)', y: (tick) => String(Number(tick.toPrecision(4))) })}
<polyline fill="none" stroke="var(--accent)" stroke-width="2" stroke-dasharray="5 4" points="${front.map((model) => `${x.at(model.x)},${y.at(model.y)}`).join(' ')}"/>
${models.map((model) => html`<circle cx="${x.at(model.x)}" cy="${y.at(model.y)}" r="${model.path === report.chosen?.path ? 9 : 6}" fill="var(--${toneOf(gateWord(model.gates))})"/>`)}
${labels.map((label) => html`<text x="${label.x}" y="${label.y}" text-anchor="${label.anchor}" class="over">${label.text}</text>`)}
</svg><figcaption>${report.metric}, better further up. Green passes every gate, red breaks a limit, amber is undecided; the dashed line joins the models that none beats in metric, latency and size together.</figcaption></figure>`
}
