import type { CandidateResult, ComparisonReport, OptimizationReport } from '../../report/index.ts'
import { tellsOfRank, tellsOfTiming, whyNotChosen } from '../why-not-chosen.ts'
import {
  bytes,
  count,
  fileName,
  metricValue,
  ms,
  noiseHeard,
  passedUnproven,
  plural,
  sizeChange,
  times,
  UNPROVEN_PASS,
  unbroken,
} from '../words.ts'
import { comparisonSections, method } from './comparison.ts'
import { html, type Markup } from './markup.ts'
import { badge, listUnder, page, table } from './page.ts'
import { paretoChart } from './pareto-chart.ts'
import { timeBars } from './time-bars.ts'
import { usage } from './usage.ts'

/** A search as one HTML document that needs no other file. */
export function optimizationPage(report: OptimizationReport): string {
  const chosen = report.candidates.find((candidate) => candidate.id === report.chosen.id)
  return page(
    `${fileName(report.model.path)}: ${report.sentence}`,
    html`<header><p class="kicker">Whetstone report · ${fileName(report.model.path)}</p>
<h1>${report.sentence}</h1>${chosen && judgement(chosen, true)}</header>
${tiles(report, chosen)}
<p>${report.chosen.reason}</p>
<h2>What was tried</h2>
${paretoChart(report)}
${candidateTable(report)}
<p class="soft">Speed is how many times as fast as the original in runs by turns with it, with its 95 % interval. Median is the time that half of the runs stay below: the original's, and for the others that time by the ratio to it, since candidates are timed at different moments. ${hasMetric(report) && metricWords(report)}Verdicts of all that was not among the finalists stand on the rows that choose, and these prove nothing.${hasNoise(report) && ' Signal to noise is how near the outputs stay to the original’s: 20 dB more are a tenth of the error, and 25 dB count as close.'}</p>
${report.profiles?.baseline && report.profiles.chosen && html`<h2>Where the time goes</h2>${timeBars(report.profiles.baseline, report.profiles.chosen)}`}
${report.proof && html`<h2>The proof</h2><p class="soft">On ${proofRows(report.proof, report)} that nothing else had touched.</p>${comparisonSections(proofBesides(report.proof, report.warnings))}`}
${leftAlone('What stayed in float, and why', chosen?.float)}
${leftAlone('Whose channels all stay, and why', chosen?.whole)}
<h2>Use it</h2>
${usage(report)}
<h2>Do it again</h2>
${reproduce(report)}
${listUnder('Worth knowing', report.warnings)}
${listUnder('What there was no time for', report.leftOut ?? [])}
${method()}
<p class="soft">Latency is measured in separate processes, the original and the candidate by turns (A B B A), ${plural(report.threads, 'thread')}; the ratio is the median of paired blocks with a 95 % interval. A model is called faster only where that whole interval is.</p>`,
  )
}

const metricWords = ({ baseline: { metricName } }: OptimizationReport): string =>
  `${metricName}${metricName === 'agreement' ? ', the share of rows to which the answer stays that of the original,' : ''} stands on the rows that choose, never on those that prove: figures on other rows do not compare. `

/** Where time was short, the proof is of a part of its rows. */
const proofRows = ({ n }: ComparisonReport, { rows }: OptimizationReport): string =>
  n < rows.prove ? `${count(n)} of ${plural(rows.prove, 'row')}` : plural(rows.prove, 'row')

/** The proof without the warnings that the report gives as its own. */
const proofBesides = (proof: ComparisonReport, told: readonly string[]): ComparisonReport => ({
  ...proof,
  warnings: proof.warnings.filter((warning) => !told.includes(warning)),
})

function tiles(report: OptimizationReport, chosen: CandidateResult | undefined): Markup {
  if (!chosen || chosen.id === 'original') return html``
  const saved = chosen.bytes === null ? null : 1 - chosen.bytes / report.baseline.bytes
  const changed = report.proof?.agreement ?? null
  return html`<div class="tiles">
<div class="tile"><b>${times(chosen.speedup)}</b><span>as fast: ${ms(report.baseline.p50Ms)} → ${ms(chosen.p50Ms)}</span></div>
<div class="tile"><b>${saved === null ? '–' : sizeChange(saved)}</b><span>size: ${bytes(report.baseline.bytes)} → ${bytes(chosen.bytes)}</span></div>
<div class="tile"><b>${ms(chosen.loadMs)}</b><span>to load, ${ms(report.baseline.loadMs)} before</span></div>
${changed && report.proof && html`<div class="tile"><b>${count(changed.changed)} of ${count(report.proof.n)}</b><span>answers changed on the proof rows</span></div>`}
</div>`
}

type TableRow = Pick<
  CandidateResult,
  | 'id'
  | 'recipe'
  | 'note'
  | 'alsoMadeAs'
  | 'verdict'
  | 'grade'
  | 'provedRows'
  | 'p50Ms'
  | 'speedup'
  | 'ratio'
  | 'bytes'
  | 'metric'
  | 'judgedRows'
  | 'sqnrDb'
  | 'identical'
  | 'boxes'
>

/** The original is what others are held against: it has no verdict of its own. */
const judgement = (row: TableRow, chosen: boolean): Markup =>
  row.id === 'original'
    ? html``
    : badge(row.verdict, row.grade, passedUnproven(row, chosen) ? UNPROVEN_PASS : undefined)

/**
 * What is handed out, what was judged and what was not, below the original, which stands among the candidates only where it
 * is handed out.
 */
function withOriginal({ candidates: found, baseline, chosen }: OptimizationReport): readonly TableRow[] {
  const place = ({ id, verdict }: CandidateResult) => (id === chosen.id ? 0 : verdict !== null ? 1 : 2)
  const candidates = [...found].sort((a, b) => place(a) - place(b))
  const { p50Ms, bytes, metric, judgedRows } = baseline
  const rows = judgedRows === undefined ? {} : { judgedRows }
  if (candidates.some(({ id }) => id === 'original'))
    return candidates.map((one) => (one.id === 'original' ? { ...one, ...rows } : one))
  const own = {
    id: 'original',
    recipe: 'the file as it came',
    verdict: null,
    grade: null,
    speedup: 1,
    ratio: null,
    sqnrDb: null,
  }
  return [{ ...own, p50Ms, bytes, metric, ...rows }, ...candidates]
}

/** Whether any candidate was heard: of one whose answers are class numbers alone there is nothing to hear. */
const hasNoise = ({ candidates }: OptimizationReport) =>
  candidates.some(({ sqnrDb, identical }) => sqnrDb !== null || identical)

/** Whether the rows have labels, a metric or classes, by which answers are counted. */
const hasMetric = ({ baseline, candidates }: OptimizationReport) =>
  [baseline, ...candidates].some(({ metric }) => metric !== null)

/**
 * How a candidate was made, and what to know of it that decided nothing: a few words, behind which the rest is opened. Of
 * what is handed out all is to be seen.
 */
function howMade({ id, recipe, note, alsoMadeAs = [] }: TableRow, { chosen }: OptimizationReport): Markup {
  const told = note && (id === chosen.id ? !tellsOfRank(note) : tellsOfTiming(note)) ? [note] : []
  const same = alsoMadeAs.length > 0 ? [`the same model as ${alsoMadeAs.join(', ')}`] : []
  const all = [recipe, ...told, ...same].join(' · ')
  const [brief] = recipe.replace(/^lossless, (?:in float32 throughout, )?then /, '').split(', ')
  return id === chosen.id || all === brief
    ? html`<small>${all}</small>`
    : html`<details class="how"><summary>${brief}</summary><small>${all}</small></details>`
}

function notChosen({ id }: TableRow, report: OptimizationReport): Markup {
  const candidate = report.candidates.find((one) => one.id === id && id !== report.chosen.id)
  const why = candidate ? whyNotChosen(candidate, report) : null
  return why === null ? html`` : html`<small class="why"><b>Not chosen:</b> ${why}</small>`
}

function candidateTable(report: OptimizationReport): Markup {
  return table(
    [
      {
        head: 'Candidate',
        cell: (row) =>
          html`<b>${row.id}</b>${row.id === report.chosen.id && html` <span class="badge good">handed out</span>`}${howMade(row, report)}${notChosen(row, report)}`,
      },
      { head: 'Verdict', cell: (row) => judgement(row, row.id === report.chosen.id) },
      { head: 'Median', numeric: true, cell: (row) => ms(row.p50Ms) },
      {
        head: 'Speed',
        numeric: true,
        cell: (row) =>
          html`${times(row.speedup)}${row.ratio && html`<small>${times(1 / row.ratio.ci[1])} to ${times(1 / row.ratio.ci[0])}</small>`}`,
      },
      { head: 'Size', numeric: true, cell: (row) => bytes(row.bytes) },
      {
        head: hasMetric(report) ? report.baseline.metricName : 'Judged on',
        numeric: true,
        cell: ({ metric, judgedRows }) => {
          const rows = judgedRows === undefined ? '' : unbroken(plural(judgedRows, 'row'))
          return hasMetric(report) ? html`${metricValue(metric)}${rows && html`<small>${rows}</small>`}` : rows || '–'
        },
      },
      ...(hasNoise(report)
        ? [{ head: 'Signal to noise', numeric: true, cell: (row: TableRow) => noiseHeard(row) }]
        : []),
    ],
    withOriginal(report),
    (row) => (row.id === report.chosen.id ? 'chosen' : ''),
  )
}

function leftAlone(title: string, nodes: CandidateResult['float']): Markup {
  if (!nodes?.length) return html``
  const byReason = new Map<string, string[]>()
  for (const { node, reason } of nodes) byReason.set(reason, [...(byReason.get(reason) ?? []), node])
  return html`<h2>${title}</h2>
<ul>${[...byReason]
    .sort((a, b) => b[1].length - a[1].length)
    .map(
      ([reason, nodes]) =>
        html`<li>${reason}: <b>${plural(nodes.length, 'node')}</b><details><summary>names</summary><code>${nodes.join(', ')}</code></details></li>`,
    )}</ul>`
}

function reproduce(report: OptimizationReport): Markup {
  return html`${report.command && html`<pre>${report.command}</pre>`}
<p>Or replay the recipe alone; the same input gives the same bytes:</p>
<pre>whet apply recipe.json ${fileName(report.model.path)} -o again.onnx</pre>
<dl>
<dt>Model</dt><dd><code>${report.model.digest}</code></dd>
<dt>Data</dt><dd>${report.data.path}, ${plural(report.data.rows, 'row')}, <code>${report.data.digest}</code></dd>
<dt>Rows</dt><dd>${count(report.rows.calibrate)} to calibrate, ${count(report.rows.select)} to select, ${count(report.rows.prove)} to prove; seed ${report.seed}</dd>
<dt>Margin</dt><dd>${report.margin}, one-sided α ${report.alpha}</dd>
<dt>Machine</dt><dd>${report.machine.cpu}, ${report.machine.os}, ${report.machine.runtime}, Node ${report.machine.node}, ${plural(report.threads, 'thread')}</dd>
</dl>`
}
