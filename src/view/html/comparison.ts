import { type ComparisonReport, type Gains, rowsWanted, type SliceResult } from '../../report/index.ts'
import { gateSentence } from '../pipeline/checks.ts'
import {
  atWorst,
  boxesKept,
  bytes,
  count,
  decibels,
  metricValue,
  ms,
  percent,
  plural,
  repeats,
  shortDigest,
  signed,
  times,
} from '../words.ts'
import { flipBars, flippedRows } from './flips.ts'
import { type ForestLine, forest } from './forest.ts'
import { html, type Markup } from './markup.ts'
import { badge, list, page, table, toneOf } from './page.ts'
import type { RowPictures } from './picture.ts'
import { reliabilityChart } from './reliability-chart.ts'

/** What a page of a comparison shows beside the report: pictures are too large to stand in it. */
export interface ComparisonExtras {
  readonly pictures?: RowPictures
  /** What the change of a row hangs on, by row number. */
  readonly saliency?: RowPictures
}

/** A comparison as one HTML document that needs no other file, with pictures of rows where these are given. */
export function comparisonPage(report: ComparisonReport, { pictures, saliency }: ComparisonExtras): string {
  const { models, story = [], gate, classes = [], confidence } = report
  const title = headline(report)
  const shown = gate?.verdict ?? report.verdict
  return page(
    models ? `${title}: ${models.candidate}` : title,
    html`<header><p class="kicker">Whetstone comparison${models && ` · ${models.candidate} against ${models.base}`}</p>
<h1>${title}</h1>${badge(shown, gate ? null : report.grade)}</header>
<div class="story">${story.length > 0 ? story.map((paragraph) => html`<p>${paragraph}</p>`) : html`<p>${report.sentence}</p>`}</div>
${tiles(report)}
${gate && html`<h2>The gate</h2><p>${gateSentence(gate)}</p>${gateTable(gate)}`}
${forest(allLines(report), `Difference in ${report.metric}, new minus old, with its interval: the whole set first, then groups. The dashed line is the loss that is still acceptable; a line wholly right of it is proven to lose less, one in the shaded zone loses more, one that crosses it is undecided, or red where the loss seen reaches the margin and is no chance.`, unitOf(report))}
${(report.flipRates || report.flips) && html`<h2>Answers that changed</h2>${flipBars(report)}${flippedRows(report, pictures, saliency)}`}
${classes.length > 0 && !repeats(classes, report.slices) && html`<h2>By class</h2>${forest(classes.flatMap(lineOf), 'The same for the rows of each class of the labels.', unitOf(report))}<details><summary>The classes as a table</summary>${sliceTable(classes, 'Class')}</details>`}
${report.slices.length > 0 && html`<h2>By group</h2>${sliceTable(report.slices, 'Group')}${everySlice(report)}`}
${report.gaps && html`<h2>Are groups treated as alike as before?</h2>${gapTable(report.gaps)}`}
${report.mined && html`<h2>Hidden weak spots</h2>${minedSection(report.mined, report.alpha)}`}
${confidence && html`<h2>Does its confidence mean what it says?</h2>${reliabilityChart(confidence)}`}
<h2>In numbers</h2>
<p>${report.sentence}</p>
${numbers(report)}
${outputs(report)}
${list(report.warnings)}
${method(report)}`,
  )
}

/** The answer in a few words that need no statistics. */
function headline(report: ComparisonReport): string {
  // Groups make the headline where the verdict is theirs; what is worse on the whole is worse.
  const groups = report.overall === 'regressed' ? [] : report.slices
  const regressed = groups.filter((slice) => slice.declared && slice.verdict === 'regressed')
  if (report.gate && report.gate.verdict !== report.verdict)
    return {
      pass: 'The new model passes the gate',
      regressed: 'The new model does not pass the gate',
      inconclusive: 'The gate cannot decide yet',
    }[report.gate.verdict]
  if (report.verdict === 'regressed')
    return regressed.length > 0
      ? `The new model is worse for ${regressed
          .slice(0, 3)
          .map(({ name }) => name)
          .join(', ')}${regressed.length > 3 ? ` and ${regressed.length - 3} more` : ''}`
      : 'The new model is worse'
  if (report.verdict === 'inconclusive' && report.nothingToLose)
    return 'The old model does too badly on these rows for a comparison'
  if (report.verdict === 'inconclusive')
    return report.grade === 'close'
      ? 'The new model is close to the old one, but this is no proof'
      : 'Too little data to tell whether the new model is as good'
  const weak = weakSpots(report)
  if (weak.length > 0) return `Within what you accept on the whole, but worse for ${weak.slice(0, 3).join(', ')}`
  const latency = report.gains?.latency
  const slower = latency !== undefined && latency.ci[0] > 1
  if (report.measurablyWorse)
    return `The new model is measurably worse, by less than you accept${slower ? ', and slower' : ''}`
  return slower
    ? `The new model answers as well as the old one, but takes ${latency.ratio.toFixed(latency.ratio >= 1.95 ? 1 : 2)} times as long`
    : 'The new model is as good as the old one'
}

/** Of answers that are right or wrong, differences are told in points. */
const unitOf = ({ flipRates }: ComparisonReport) => (flipRates ? 'points' : null)

/** Undeclared groups that lost more than the margin all the same. */
function weakSpots({ slices, classes = [], mined }: ComparisonReport): readonly string[] {
  const bad = ({ verdict }: { readonly verdict: string }) => verdict === 'regressed'
  const named = [
    ...classes.filter(bad).map(({ name }) => `class=${name}`),
    ...slices.filter(bad).map(({ name }) => name),
    ...(mined?.slices ?? []).filter(bad).map(({ name }) => name),
  ]
  return [...new Set(named)].map((name) => name.replace(/^class=/, 'the class '))
}

function tiles(report: ComparisonReport): Markup {
  const { base, candidate, flipRates, nonInferiority, errorRatio, agreement, margin, gains } = report
  const alike = base.value !== null && candidate.value !== null && percent(base.value) === percent(candidate.value)
  // Two figures that differ must not look the same.
  const digits = alike && base.value !== candidate.value ? 2 : 1
  const value = (of: number) => (flipRates ? percent(of, digits) : metricValue(of))
  const change = (of: number) => (flipRates ? `${signed(of * 100, 2)} points` : signed(of))
  return html`<div class="tiles">
${base.value !== null && candidate.value !== null && html`<div class="tile"><b>${value(base.value)} → ${value(candidate.value)}</b><span>${flipRates ? `right answers (${report.metric})` : report.metric}, before and after</span></div>`}
${flipRates && html`<div class="tile"><b>${count(flipRates.negative.count)} / ${count(flipRates.positive.count)}</b><span>answers lost / gained of ${count(report.n)}</span></div>`}
${nonInferiority && html`<div class="tile"><b>${change(nonInferiority.lowerBound)}</b><span>at worst; ${change(-nonInferiority.margin)} is acceptable</span></div>`}
${errorRatio?.ratio !== null && errorRatio?.ratio !== undefined && html`<div class="tile"><b>${times(errorRatio.ratio)}</b><span>as many mistakes as before</span></div>`}
${!flipRates && agreement && html`<div class="tile"><b>${percent(agreement.rate, 2)}</b><span>of ${count(report.n)} answers are the same${margin === undefined ? '' : `; it must be certain that more than ${percent(1 - margin, 1)} are`}</span></div>`}
${gains && html`<div class="tile"><b>${bytes(gains.bytes.base)} → ${bytes(gains.bytes.candidate)}</b><span>size of the file</span></div>`}
${gains?.latency && speedTile(gains.latency)}
</div>`
}

/** Slower or faster only where all of the interval is, as the words above it say. */
function speedTile({ ratio, ci, baseMs, candidateMs }: NonNullable<Gains['latency']>): Markup {
  const what =
    ci[0] > 1
      ? 'the time of before: slower'
      : ci[1] < 1
        ? 'the speed of before'
        : 'the time of before: no measurable change'
  return html`<div class="tile"><b>${times(ci[1] < 1 ? 1 / ratio : ratio)}</b><span>${what} (${ms(baseMs)} → ${ms(candidateMs)} an answer)</span></div>`
}

function allLines(report: ComparisonReport): readonly ForestLine[] {
  const { nonInferiority, base, candidate } = report
  if (!nonInferiority || base.value === null || candidate.value === null) return []
  const sign = report.higherIsBetter ? 1 : -1
  const [low, high] = nonInferiority.ci
  return [
    {
      label: 'all rows',
      note: count(report.n),
      low,
      high,
      point: sign * (candidate.value - base.value),
      margin: nonInferiority.margin,
      tone: toneOf(report.verdict),
    },
    ...report.slices.flatMap(lineOf),
  ]
}

function lineOf(slice: SliceResult): readonly ForestLine[] {
  const { name, n, lowerBound: low, upperBound: high, base, candidate, margin } = slice
  if (low === null || high === null) return []
  // Where lower scores are better the sign is turned; the interval tells which it is.
  const plain = base !== null && candidate !== null ? candidate - base : (low + high) / 2
  const point = plain >= low - 1e-9 && plain <= high + 1e-9 ? plain : -plain
  return [{ label: name, note: count(n), low, high, point, margin, tone: toneOf(slice.verdict) }]
}

/** What was compared, the interval, slices, outputs; stands inside the page of `optimize`. */
export function comparisonSections(report: ComparisonReport): Markup {
  return html`${numbers(report)}
${forest(allLines(report), `Difference in ${report.metric}, candidate minus original, with its interval. An interval wholly right of the dashed line is proven to lose less than the margin.`, unitOf(report))}
${report.slices.length > 0 && html`<h3>Slices</h3>${sliceTable(report.slices, 'Slice')}`}
${outputs(report)}
${list(report.warnings)}`
}

function numbers(report: ComparisonReport): Markup {
  const { discordant, agreement, mcnemar, nonInferiority, errorRatio, divergence, tail, cluster, worstSlice, gains } =
    report
  return html`<dl>
<dt>Rows</dt><dd>${count(report.n)}${report.labelled ? ', with labels' : ', without labels'}</dd>
${report.base.value !== null && html`<dt>${report.metric}</dt><dd>${metricValue(report.base.value)} before, ${metricValue(report.candidate.value)} after</dd>`}
${discordant && html`<dt>Answers that differ in being right</dt><dd>${count(discordant.baseOnly)} only right before, ${count(discordant.candidateOnly)} only right after${report.flipRates && `; at most ${percent(report.flipRates.negative.upperBound, 2)} of answers are lost (one-sided ${percent(1 - report.alpha, 0)} bound)`}</dd>`}
${errorRatio && html`<dt>Wrong answers</dt><dd>${percent(errorRatio.base, 2)} before, ${percent(errorRatio.candidate, 2)} after${errorRatio.ratio !== null && `: ${errorRatio.ratio.toFixed(3)} times as many`}${errorRatio.ci && ` (${errorRatio.ci[0].toFixed(3)} to ${errorRatio.ci[1].toFixed(3)})`}</dd>`}
${agreement && html`<dt>Same top answer</dt><dd>${percent(agreement.rate, 2)}; at most ${percent(agreement.changedUpperBound, 2)} of answers change (one-sided ${percent(1 - report.alpha, 0)} bound)</dd>`}
${nonInferiority && html`<dt>Change</dt><dd>at worst ${atWorst(report)} (one-sided bound; the margin is ${signed(-nonInferiority.margin)}), p = ${nonInferiority.p.toPrecision(3)}</dd>`}
${mcnemar && html`<dt>Any difference at all?</dt><dd>${anyDifference(report, mcnemar.midP)} (McNemar mid-p ${mcnemar.midP.toPrecision(3)}, exact ${mcnemar.exact.toPrecision(3)})</dd>`}
${worstSlice && html`<dt>Worst group</dt><dd>${worstSlice.name} on ${count(worstSlice.n)} rows: ${signed(worstSlice.delta)}, at worst ${signed(worstSlice.lowerBound)} (a bound for all ${count(worstSlice.of)} groups at once), p = ${worstSlice.adjustedP.toPrecision(2)} (max-T)</dd>`}
${tail && html`<dt>The ${percent(tail.share, 0)} of rows that lost most</dt><dd>${tail.loss} rose by ${tail.rise.toPrecision(3)} on average there (${tail.ci[0].toPrecision(3)} to ${tail.ci[1].toPrecision(3)})</dd>`}
${gains && html`<dt>Size</dt><dd>${count(gains.bytes.base)} bytes before, ${count(gains.bytes.candidate)} after</dd>`}
${gains?.latency && html`<dt>Time of an answer</dt><dd>median ${ms(gains.latency.baseMs)} before, ${ms(gains.latency.candidateMs)} after; ${gains.latency.ratio.toFixed(3)} times as long (95 % interval ${gains.latency.ci[0].toFixed(3)} to ${gains.latency.ci[1].toFixed(3)}), timed by turns in processes of their own: ${plural(gains.latency.threads, 'thread')}, ${gains.latency.cpu}</dd>`}
${divergence && html`<dt>Distance of the probabilities</dt><dd>KL divergence ${divergence.mean.toPrecision(3)} nats on average, ${divergence.p99.toPrecision(3)} at the 99th percentile, ${divergence.max.toPrecision(3)} at most${divergence.from === 'logits' && ' (softmax of the logits)'}</dd>`}
${cluster && html`<dt>Clusters</dt><dd>${count(cluster.clusters)} values of ${cluster.field}; clustered standard error ${cluster.standardError.toPrecision(3)}${cluster.designEffect !== null && `, variance ${cluster.designEffect.toFixed(2)} times that of independent rows`}</dd>`}
${report.requiredN !== null && html`<dt>To settle it</dt><dd>about ${rowsWanted(report)}</dd>`}
</dl>`
}

/** What McNemar's test says, whatever the margin. */
function anyDifference({ discordant, measurablyWorse, alpha }: ComparisonReport, midP: number): string {
  if (measurablyWorse) return 'measurably worse, within the margin'
  if (discordant && discordant.baseOnly + discordant.candidateOnly === 0) return 'none on these rows'
  return midP < alpha ? 'more than chance explains' : 'no more than chance explains'
}

/** A class number or name is the same or it is not: its changes are counted elsewhere on the page. */
const isAnswer = ({ answer, named }: ComparisonReport['outputs'][number]) => answer || named

function outputs(report: ComparisonReport): Markup {
  if (report.outputs.every(isAnswer)) return html``
  return html`<details><summary>Outputs, number by number</summary>${table(
    [
      { head: 'Output', cell: (row) => row.name },
      { head: 'Signal to noise', numeric: true, cell: (row) => kept(row) },
      { head: 'Largest difference', numeric: true, cell: (row) => (isAnswer(row) ? '–' : row.maxAbs.toPrecision(3)) },
    ],
    report.outputs,
  )}</details>`
}

function kept(row: ComparisonReport['outputs'][number]): string {
  const { equal, sqnrDb, boxes } = row
  if (isAnswer(row)) return '–'
  if (boxes) return boxesKept(boxes)
  return equal === undefined || sqnrDb === null ? decibels(sqnrDb) : `${Math.floor(equal * 10_000) / 100} % the same`
}

function sliceTable(slices: readonly SliceResult[], what: string): Markup {
  return table(
    [
      { head: what, cell: (row) => row.name },
      { head: 'Rows', numeric: true, cell: (row) => count(row.n) },
      { head: 'Verdict', cell: (row) => badge(row.verdict, null) },
      { head: 'Before', numeric: true, cell: (row) => metricValue(row.base) },
      { head: 'After', numeric: true, cell: (row) => metricValue(row.candidate) },
      {
        head: 'Lost / gained',
        numeric: true,
        cell: (row) => (row.discordant ? `${row.discordant.baseOnly} / ${row.discordant.candidateOnly}` : '–'),
      },
      { head: 'At worst', numeric: true, cell: (row) => (row.lowerBound === null ? '–' : signed(row.lowerBound)) },
      { head: 'Margin', numeric: true, cell: (row) => row.margin },
      {
        head: 'Rows that would settle it',
        numeric: true,
        cell: (row) => (row.requiredN === null ? '' : count(row.requiredN)),
      },
    ],
    slices,
  )
}

function everySlice({ everySlice: every }: ComparisonReport): Markup {
  if (!every) return html``
  return every.holds
    ? html`<p>Every one of the ${count(every.of)} declared groups is within its margin (each tested at its own level; all together need no correction).</p>`
    : html`<p>${count(every.passing)} of ${count(every.of)} declared groups are shown to be within their margin.</p>`
}

function gapTable(gaps: NonNullable<ComparisonReport['gaps']>): Markup {
  return html`${table(
    [
      { head: 'Field', cell: (gap) => gap.field },
      { head: 'Gap before', numeric: true, cell: (gap) => metricValue(gap.base) },
      { head: 'Gap after', numeric: true, cell: (gap) => metricValue(gap.candidate) },
      {
        head: 'Change',
        numeric: true,
        cell: (gap) => `${signed(gap.change)} (${signed(gap.ci[0])} to ${signed(gap.ci[1])})`,
      },
      {
        head: 'Groups',
        cell: (gap) => `${gap.groups.length}${gap.leftOut.length > 0 ? `, ${gap.leftOut.length} too small` : ''}`,
      },
    ],
    gaps,
  )}<p class="soft">The gap is the best group's mean score less the worst group's. What matters here is whether it grew.</p>`
}

function minedSection(mined: NonNullable<ComparisonReport['mined']>, alpha: number): Markup {
  const { slices } = mined
  const how = html`<p class="soft">${count(mined.searched)} groups (values, ranges, pairs of fields, classes) were searched on ${count(mined.discoveryRows)} rows chosen by seed ${mined.seed}; the worst were tested on the other ${count(mined.testRows)}. p-values are corrected for the number tested (Holm).</p>`
  if (slices.length === 0) return html`<p>No group stood out enough to be tested.</p>${how}`
  const held = slices.filter((slice) => slice.verdict === 'regressed' || slice.adjustedP < alpha)
  return html`<p>${held.length === 0 ? 'Nothing that looked weak on one half of the rows was weak on the other half.' : `${count(held.length)} held up on rows that the search had not seen.`}</p>
${table(
  [
    { head: 'Group', cell: (row) => row.name },
    { head: 'Fresh rows', numeric: true, cell: (row) => count(row.n) },
    { head: 'Verdict', cell: (row) => badge(row.verdict, null) },
    { head: 'Before', numeric: true, cell: (row) => metricValue(row.base) },
    { head: 'After', numeric: true, cell: (row) => metricValue(row.candidate) },
    { head: 'At worst', numeric: true, cell: (row) => signed(row.lowerBound) },
    { head: 'p', numeric: true, cell: (row) => row.adjustedP.toPrecision(2) },
  ],
  slices,
)}${how}`
}

/** Every limit of a gate, what was measured, and whether it holds. */
export function gateTable(gate: NonNullable<ComparisonReport['gate']>): Markup {
  return html`${table(
    [
      { head: 'Limit', cell: (check) => html`${check.what}<small>${check.id}</small>` },
      {
        head: 'Verdict',
        cell: (check) =>
          html`${badge(check.verdict, null)}${check.verdict === 'inconclusive' && !check.blocks && html`<small>does not block</small>`}`,
      },
      { head: 'Asked', cell: (check) => check.limit },
      { head: 'Measured', cell: (check) => check.measured },
    ],
    gate.checks,
  )}<p class="soft">Limits of <code>${gate.file}</code>, ${shortDigest(gate.digest)}…</p>`
}

/** How it was decided, with sources; what a report does not hold is not told. */
export function method(report?: ComparisonReport): Markup {
  const deep = report?.mined || report?.worstSlice || report?.gaps
  return html`<h2>Method</h2>
<div class="soft"><p>Both models answer the same rows. For right-or-wrong scores the decision is Tango's score test of non-inferiority for paired proportions (Statistics in Medicine 17, 1998); differences at all are McNemar's test, mid-p (Fagerland, Lydersen and Laake, BMC Medical Research Methodology 13, 2013). Other scores, and rows in clusters, use a paired bootstrap: of BCa’s bound (Efron, JASA 82, 1987) and Student’s the more cautious one, the latter with degrees of freedom by how many rows make the variance (after Satterthwaite, Biometrics Bulletin 2, 1946). Without labels, the Clopper–Pearson bound on the share of changed answers bounds any loss of accuracy. A slice too small to decide is called inconclusive, never a pass; to be named regressed, a slice must survive Holm's correction (Scandinavian Journal of Statistics 6, 1979), and that all slices pass needs none (Berger, Technometrics 24, 1982).</p>
${deep && html`<p>Hidden slices are discovered on one half of the rows and tested on the other. The worst group's p-value is max-T over sign flips of rows (Westfall and Young, 1993). Gaps between groups follow Hooker et al., arXiv 2010.03058; flips in both directions Yan et al., arXiv 2011.09161; calibration error Guo et al., arXiv 1706.04599; the tail Rockafellar and Uryasev, Journal of Risk 2 (2000); the interval of the ratio of errors Agresti and Min, Statistics in Medicine 23 (2004).</p>`}
${report?.data && html`<p>Data: <code>${report.data.path}</code>, ${count(report.data.rows)} rows, ${shortDigest(report.data.digest)}…. One-sided level ${report.alpha}${report.margin !== undefined && `, margin ${report.margin}`}. ${report.batch !== undefined && `Rows in one run: ${report.batch}.`}</p>`}
${report?.base.digest && report.candidate.digest && html`<p>Models: ${shortDigest(report.base.digest)}… and ${shortDigest(report.candidate.digest)}….</p>`}</div>`
}
