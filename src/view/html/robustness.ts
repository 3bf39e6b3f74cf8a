import { listed, type RobustnessReport } from '../../report/index.ts'
import { columnsInWords } from '../robustness-words.ts'
import { count, fileName, inWords, metricValue, percent, plural, signed } from '../words.ts'
import { HEAT_STYLE, heatMap } from './heat-map.ts'
import { lineChart, TONES } from './line-chart.ts'
import { html, type Markup, raw } from './markup.ts'
import { badge, listUnder, page, table } from './page.ts'

/** Robustness as one HTML document that needs no other file. */
export function robustnessPage(report: RobustnessReport): string {
  const { models, missing, warnings } = report
  const verdict = models.length === 2 ? models[1]!.change?.verdict : undefined
  const title = headline(report)
  return page(
    `Robustness: ${models.map(({ path }) => path).join(', ')}`,
    html`<style>${raw(HEAT_STYLE)}</style>
<header><p class="kicker">Whetstone robustness</p><h1>${title}</h1>${verdict && badge(verdict, null)}</header>
${title !== report.sentence && html`<p>${report.sentence}</p>`}
<p class="soft">${plural(report.n, 'row')} of ${fileName(report.data.path)} (${report.modality}), the same rows and the same seed (${report.seed}) for every model.${!report.labelled && ' There are no labels: a row counts as right where the answer is the one that the model gives to the untouched row.'}</p>
${modelTable(report)}
${report.corruptions.length > 0 && html`<p class="soft">${columnsInWords(report).join(' ')}</p>`}
${report.corruptions.length > 0 && html`<h2>Corruptions</h2>${heatMaps(report)}`}
${calibration(report)}
${strangers(report)}
${brittleness(report)}
${listUnder(
  'Not measured',
  Object.entries(missing).map(([name, reason]) => `${inWords(name)}: ${reason}`),
)}
${listUnder('Worth knowing', warnings)}
${method(report)}`,
  )
}

/** Who stands corruptions as well as the first model and who does not, without figures: those follow. */
function headline({ models, sentence }: RobustnessReport): string {
  const [base, ...others] = models
  const named = (verdict: 'pass' | 'inconclusive' | 'regressed') =>
    others.filter(({ change }) => change?.verdict === verdict).map(({ path }) => path)
  const [worse, open, equal] = [named('regressed'), named('inconclusive'), named('pass')]
  if (others.length === 0 || worse.length + open.length + equal.length < others.length) return sentence
  const stand = ({ length }: readonly string[]) => (length === 1 ? 'stands' : 'stand')
  const first = base!.path
  return [
    ...(worse.length > 0 ? [`${listed(worse)} ${stand(worse)} corruptions worse than ${first}`] : []),
    ...(open.length > 0
      ? [
          `${worse.length > 0 ? 'it' : 'It'} is open whether ${listed(open)} ${stand(open)} corruptions as well as ${first}`,
        ]
      : []),
    ...(equal.length > 0 ? [`${listed(equal)} ${stand(equal)} corruptions as well as ${first}`] : []),
  ].join('; ')
}

function modelTable(report: RobustnessReport): Markup {
  return table(
    [
      { head: 'Model', cell: ({ path }) => path },
      { head: 'Clean', numeric: true, cell: ({ clean }) => metricValue(clean) },
      { head: 'Corrupted, mean', numeric: true, cell: ({ corrupted }) => metricValue(corrupted) },
      {
        head: 'Change',
        numeric: true,
        cell: ({ change }) =>
          change ? html`${signed(change.delta)}<small>${signed(change.ci[0])} to ${signed(change.ci[1])}</small>` : '',
      },
      {
        head: 'mCE',
        numeric: true,
        cell: ({ mce }) =>
          mce
            ? html`${mce.value.toFixed(3)}${mce.ci && html`<small>${mce.ci[0].toFixed(3)} to ${mce.ci[1].toFixed(3)}</small>`}`
            : '–',
      },
      { head: 'Relative mCE', numeric: true, cell: ({ relativeMce }) => relativeMce?.toFixed(3) ?? '–' },
      {
        head: 'Churn',
        numeric: true,
        cell: ({ churn }) =>
          churn && churn.corrupted !== null
            ? html`${percent(churn.corrupted)}<small>${churn.clean === null ? '' : `${percent(churn.clean)} on clean rows`}</small>`
            : '',
      },
    ],
    report.models,
  )
}

function heatMaps({ models, corruptions, severities, metric, higherIsBetter, alpha }: RobustnessReport): Markup {
  const columns = severities.map(String)
  const cells = corruptions.length * severities.length
  const all = corruptions.flatMap(({ cells }) => cells.map(({ values }) => values[0])).filter((value) => value != null)
  const best = higherIsBetter
    ? Math.max(...all, models[0]!.clean ?? -Infinity)
    : Math.min(...all, models[0]!.clean ?? Infinity)
  const worst = higherIsBetter ? Math.min(...all) : Math.max(...all)
  const reach = Math.max(
    1e-9,
    ...corruptions.flatMap(({ cells }) =>
      cells.flatMap(({ changes }) => changes.map((change) => Math.abs(change?.delta ?? 0))),
    ),
  )
  const first = heatMap(
    columns,
    corruptions.map(({ name, group, cells }) => ({
      name,
      group,
      cells: cells.map(({ severity, values }) => ({
        text: values[0] == null ? '–' : values[0].toFixed(3),
        strength: values[0] == null || best === worst ? 0 : (best - values[0]) / (best - worst),
        tone: 'bad' as const,
        title: `${name}, severity ${severity}: ${metric} ${values[0] ?? 'unknown'}`,
      })),
    })),
    `${metric} of ${models[0]!.path}; ${metricValue(models[0]!.clean)} on clean rows. The redder, the worse.`,
  )
  const changes = models.slice(1).map((model, i) =>
    heatMap(
      columns,
      corruptions.map(({ name, group, cells }) => ({
        name,
        group,
        cells: cells.map(({ severity, values, changes: found }) => {
          const change = found[i + 1]
          if (!change) return { text: '–', strength: 0, tone: 'bad' as const, title: `${name}, severity ${severity}` }
          const clear = change.ci[0] > 0 || change.ci[1] < 0
          return {
            text: change.delta === 0 ? '0' : signed(change.delta, 3),
            strength: Math.abs(change.delta) / reach,
            tone: change.delta < 0 ? ('bad' as const) : ('good' as const),
            title: `${name}, severity ${severity}: ${values[0]?.toFixed(4)} → ${values[i + 1]?.toFixed(4)}, change ${signed(change.ci[0])} to ${signed(change.ci[1])}`,
            strong: clear,
          }
        }),
      })),
      `Change in ${metric} with ${model.path} on the same corrupted rows: green is better, red worse; bold where the ${percent(1 - alpha, 0)} interval leaves out 0 (each cell by itself: of ${cells} such ${cells === 1 ? 'cell' : 'cells'} about ${Math.round(cells * alpha)} are bold by chance).`,
    ),
  )
  return html`${first}${changes}`
}

function calibration({ calibration: found, models }: RobustnessReport): Markup {
  if (!found) return html``
  const rows = found.map((one, m) => ({ ...one, name: models[m]!.path }))
  const fixed = (digits: number) => (value: number) => value.toFixed(digits)
  const four = fixed(4)
  return html`<h2>What probabilities are worth</h2>
<p>A model that says it is 90 % sure should be right nine times in ten. ECE is how far it misses that on average (0.05 is five points), Brier and NLL grow with certainty about wrong answers: lower is better in all of them. The best temperature is what its scores would have to be divided by to be honest: above 1 the model is too sure of itself, below 1 not sure enough.</p>
${table(
  [
    { head: 'Model', cell: ({ name }) => name },
    { head: 'ECE', numeric: true, cell: ({ ece }) => four(ece) },
    { head: 'ECE, equal mass', numeric: true, cell: ({ eceEqualMass }) => four(eceEqualMass) },
    {
      head: 'Brier',
      numeric: true,
      cell: ({ brier, changes }) =>
        html`${four(brier)}${changes && html`<small>${betterBy(changes.brier.ci)}</small>`}`,
    },
    {
      head: 'NLL',
      numeric: true,
      cell: ({ nll, changes }) => html`${four(nll)}${changes && html`<small>${betterBy(changes.nll.ci)}</small>`}`,
    },
    { head: 'Best temperature', numeric: true, cell: ({ temperature }) => temperature.toFixed(3) },
    { head: 'ECE at that temperature', numeric: true, cell: ({ eceAtTemperature }) => four(eceAtTemperature) },
  ],
  rows,
)}
${lineChart(
  [
    ...rows.map(({ name, bins }, m) => ({
      name,
      tone: TONES[m % TONES.length]!,
      points: bins.flatMap(({ confidence, accuracy }) =>
        confidence === null || accuracy === null ? [] : [[confidence, accuracy] as const],
      ),
    })),
    {
      name: 'what is said is true',
      tone: 'soft',
      points: [
        [0, 0],
        [1, 1],
      ] as const,
    },
  ],
  {
    x: 'confidence of the answer',
    y: 'share that is right',
    label: `Reliability: ${rows.map(({ name, ece }) => `${name} has an expected calibration error of ${four(ece)}`).join('; ')}`,
    caption: `Rows by the confidence of their answer, 15 bins of equal width. Below the straight line a model is surer than it is right. ${plural(rows[0]!.n, 'row')}.`,
  },
)}`
}

/** An interval of an improvement in words: where it ends below zero, it is none. */
function betterBy([low, high]: readonly [number, number]): string {
  const [least, most] = [Math.abs(low).toFixed(4), Math.abs(high).toFixed(4)]
  if (low >= 0) return `better by ${least} to ${most}`
  return high <= 0 ? `worse by ${most} to ${least}` : `from ${least} worse to ${most} better`
}

function strangers({ outOfDistribution: found, models }: RobustnessReport): Markup {
  if (!found) return html``
  const rows = found.detectors.flatMap((detector) =>
    detector.models.map((score, m) => ({
      detector: detector.name,
      model: models[m]!.path,
      score,
      change: detector.changes[m] ?? null,
    })),
  )
  return html`<h2>Rows from elsewhere</h2>
<p>How well ${plural(found.outRows, 'row')} of ${fileName(found.path)} are told from ${count(found.inRows)} of the data. ${count(found.fitRows)} more rows of the data fitted the distances. AUROC is how often a row from elsewhere looks stranger than one of the data: 1 is always, 0.5 is guessing, below that the strangers look the more ordinary ones. <em>msp</em> goes by how unsure the answer is, <em>energy</em> by how low its scores are, <em>mahalanobis</em> and <em>knn</em> by the distance to rows of the data.</p>
${table(
  [
    { head: 'Detector', cell: ({ detector }) => detector },
    { head: 'Model', cell: ({ model }) => model },
    { head: 'AUROC', numeric: true, cell: ({ score }) => score?.auroc.toFixed(4) ?? '–' },
    {
      head: 'Change',
      numeric: true,
      cell: ({ change }) =>
        change
          ? html`${signed(change.delta)}<small>${signed(change.ci[0])} to ${signed(change.ci[1])}, p ${change.p.toPrecision(2)}</small>`
          : '',
    },
    { head: 'AUPR, out', numeric: true, cell: ({ score }) => score?.auprOut.toFixed(4) ?? '–' },
    {
      head: 'FPR95, out positive',
      numeric: true,
      cell: ({ score }) => (score ? percent(score.fpr95OodPositive) : '–'),
    },
    { head: 'FPR95, in positive', numeric: true, cell: ({ score }) => (score ? percent(score.fpr95IdPositive) : '–') },
  ],
  rows,
)}
<p class="soft">FPR95 has two meanings. <em>Out positive</em> (OpenOOD): the share of ordinary rows flagged when 95 % of the strangers are. <em>In positive</em> (the older papers): the share of strangers let through when 95 % of the ordinary rows are.</p>`
}

function brittleness({ brittleness: found, models }: RobustnessReport): Markup {
  if (!found) return html``
  return html`<h2>The smallest changes</h2>
<p>Share of rows whose answer changes when their input changes so little that nobody would see it.${models.length > 1 && ` Beneath: the interval of the difference to ${models[0]!.path}.`}</p>
${table(
  [
    { head: 'Change of the input', cell: ({ name }) => name },
    ...models.map((model, m) => ({
      head: model.path,
      numeric: true,
      cell: (row: (typeof found)[number]) => {
        const change = row.changes[m]
        return html`${percent(row.changed[m]!, 2)}${change && html`<small>${signed(-100 * change.ci[1], 2)} to ${signed(-100 * change.ci[0], 2)} points</small>`}`
      },
    })),
  ],
  found,
  () => '',
  // Intervals stand in cells here, and two models with theirs are wider than a phone.
  models.length > 1,
)}`
}

function method({ corruptions, severities, seed, alpha, margin, modality }: RobustnessReport): Markup {
  return html`<h2>Method</h2>
<p class="soft">${modality === 'images' && `The corruptions are those of ImageNet-C (Hendrycks and Dietterich, arXiv 1903.12261), written anew for images of any size. `}What happens to a row depends on seed ${seed}, the corruption and the row's number alone, so that every model meets the same bytes; ${plural(corruptions.length, 'corruption')} at ${plural(severities.length, 'severity', 'severities')}. A corruption error is over all severities. Changes are paired: Tango's interval for right-or-wrong scores (one cell), a BCa bootstrap over rows for means over cells, where all versions of a row count as one; intervals are two-sided ${percent(1 - alpha, 0)}, the margin of the verdict is ${margin}. Calibration: Guo et al., arXiv 1706.04599. Detectors: maximum softmax (1610.02136), energy (2010.03759), Mahalanobis (1807.03888), k-th nearest neighbour with k = 5 on unit features (2204.06507); AUROCs are compared by DeLong's paired test.</p>`
}
