import {
  type DriftReport,
  type DrillReport,
  type IncidentReport,
  type IncidentsReport,
  type RolloutReport,
  wrap,
} from '../../report/index.ts'
import { ALARM_WORDS, evidenceLines, evidenceNumber, sideText, stepsLeft } from '../incident-text.ts'
import { count, minute, namedShare, percent, plural } from '../words.ts'
import { section } from './section.ts'
import { fact, headline, paint, type Style, textTable, verdictWord } from './table.ts'

/** How a rollout stands, on what evidence, and by which rules. */
export function rollout(report: RolloutReport, style: Style): string {
  const { settings, state, base, candidate } = report
  const how = settings.mode === 'shadow' ? 'in the shadow' : `answering ${namedShare(settings.share)} of the requests`
  const head = {
    running: `${report.name}: ${candidate.version} is tried ${how}, ${base.version} answers`,
    'rolled-back': `${report.name}: ${candidate.version} was rolled back, ${base.version} answers`,
    promoted: `${report.name}: ${candidate.version} answers, in place of ${base.version}`,
    stopped: `${report.name}: stopped, ${candidate.version} did not go live`,
  }[state]
  return [
    ...headline(head, style),
    ...wrap(report.reason, style.width),
    '',
    `verdict    ${verdictWord(report.verdict, null, style)}`,
    ...fact(
      'state',
      `${state}, started ${minute(report.started)}${report.ended ? `, ended ${minute(report.ended)}` : ''}`,
      style,
    ),
    ...fact('baseline', sideText(base), style),
    ...fact('candidate', sideText(candidate), style),
    ...(report.incident ? fact('incident', report.incident, style) : []),
    ...section('seen', evidenceLines(report), style),
    ...section(
      'rules',
      [
        `margin ${settings.margin}, α ${settings.alpha}; ${settings.labels ? 'labels decide' : `without labels at most ${namedShare(settings.maxDisagreement)} changed answers`}`,
        `at most ${namedShare(settings.maxErrors)} failed requests; ${settings.maxSlowdown === null ? 'time is not watched' : `at most ${settings.maxSlowdown} times as long as 95 of 100 answers of the baseline take`}`,
        settings.promote
          ? 'a proof lets the candidate answer'
          : `a proof changes nothing by itself: load ${candidate.version} by its version to let it answer`,
      ],
      style,
    ),
  ].join('\n')
}

/** What was rolled back and why, how the evidence grew, and what to do now. */
export function incident(report: IncidentReport, style: Style): string {
  const { acknowledged } = report
  return [
    paint(
      'bold',
      `${report.id}  ${minute(report.at)}  ${ALARM_WORDS[report.alarm]}${report.drill ? '  (a drill)' : ''}`,
      style,
    ),
    ...wrap(report.what, style.width),
    ...(acknowledged
      ? wrap(
          `acknowledged by ${acknowledged.by}, ${minute(acknowledged.at)}${acknowledged.note ? `: ${acknowledged.note}` : ''}`,
          style.width,
        )
      : [paint('yellow', 'not acknowledged', style)]),
    '',
    ...fact('baseline', sideText(report.base), style),
    ...fact('candidate', sideText(report.candidate), style),
    ...section('seen', evidenceLines(report), style),
    ...section(
      'answered',
      Object.entries(report.served).map(([version, requests]) => `${version}: ${count(requests)}`),
      style,
    ),
    ...section(
      'evidence as it grew',
      report.path.map(
        ({ pairs, labelled, alarm }) =>
          `${plural(pairs, 'pair')}, ${plural(labelled, 'label')}: evidence of harm ${evidenceNumber(alarm)}`,
      ),
      style,
    ),
    ...section(
      'inputs whose answers differ',
      report.inputs.map(({ requestId, digest }) => `${requestId}  ${digest}`),
      style,
    ),
    ...section('what to do', stepsLeft(report), style),
  ].join('\n')
}

/** A line for each incident. */
export function incidents({ incidents }: IncidentsReport, style: Style): string {
  if (incidents.length === 0) return 'no incidents'
  return textTable(
    ['incident', 'at', 'model', 'rolled back', 'alarm', 'pairs', 'acknowledged'].map((head) => ({
      head,
      right: head === 'pairs',
    })),
    incidents.map((one) => [
      one.id,
      minute(one.at),
      one.name,
      one.candidate.version,
      ALARM_WORDS[one.alarm],
      count(one.pairs),
      one.drill ? 'a drill' : (one.acknowledged?.by ?? 'no'),
    ]),
    style,
  )
}

/** Whether versions made up to be worse were rolled back, and equal ones were not. */
export function drill(report: DrillReport, style: Style): string {
  const word = (passed: boolean) => (passed ? paint('green', 'passed', style) : paint('red', 'FAILED', style))
  return [
    `${paint('bold', 'drill', style)} ${word(report.passed)}  (α ${report.alpha}, seed ${report.seed}; evidence looked at after every pair)`,
    '',
    textTable(
      [
        { head: 'made-up versions' },
        { head: 'must' },
        { head: 'runs', right: true },
        { head: 'pairs', right: true },
        { head: 'rolled back', right: true },
        { head: 'after', right: true },
        { head: '' },
      ],
      report.cases.map((one) => [
        one.name,
        one.must,
        count(one.runs),
        count(one.pairs),
        count(one.rolledBack),
        one.medianPairs === null ? '–' : count(one.medianPairs),
        one.passed ? 'passed' : 'FAILED',
      ]),
      style,
    ),
    ...section(
      'the way back, once',
      report.machinery.steps.map(({ step, passed }) => `${passed ? 'yes' : 'NO '}  ${step}`),
      style,
    ),
  ].join('\n')
}

/** Whether requests and answers still look as they did, feature by feature. */
export function drift(report: DriftReport, style: Style): string {
  const head = {
    learning:
      report.waiting === 0
        ? `still learning what is usual, ${plural(report.reference, 'request')}${report.referenceSize === undefined ? '' : ` of ${count(report.referenceSize)}`} so far`
        : `${plural(report.reference, 'request')} show what is usual; ${count(report.waiting)} of the next ${count(report.windowSize)}, which are held against them, have come`,
    usual: 'requests and answers look as they did',
    drifted: 'requests or answers have changed',
  }[report.state]
  return [
    ...headline(`${report.name} ${report.modelVersion}: ${head}`, style),
    ...[
      ...(report.estimate
        ? [
            `right by its own probabilities: ${percent(report.estimate.now, 1)}, in the reference ${percent(report.estimate.before, 1)}`,
          ]
        : []),
      ...(report.outside === null
        ? []
        : [`requests beyond everything in the reference: ${percent(report.outside, 1)}`]),
    ].flatMap((line) => wrap(line, style.width)),
    ...(report.features.length === 0
      ? []
      : [
          '',
          textTable(
            [{ head: 'feature' }, { head: 'moved by', right: true }, { head: 'p', right: true }, { head: '' }],
            report.features.map((feature) => [
              feature.name,
              feature.distance === null
                ? '–'
                : feature.kind === 'number'
                  ? `${feature.distance.toFixed(2)} sd`
                  : percent(feature.distance, 1),
              feature.p.toPrecision(2),
              feature.drifted ? 'drifted' : '',
            ]),
            style,
          ),
          ...wrap(
            'sd: standard deviations of the reference; %: 0 is the same, 100 wholly different; p: how likely as much is where nothing has changed',
            style.width,
          ),
        ]),
  ].join('\n')
}
