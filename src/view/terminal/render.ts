import {
  type CalibrationReport,
  type ChannelsReport,
  type CostsReport,
  type FailureReport,
  type InspectionReport,
  type MomentsReport,
  NO_TENSORS,
  type PassRun,
  type ProcessorReport,
  type ProfileReport,
  type QuantizationReport,
  type Recipe,
  type Report,
  type RewriteReport,
  type SensitivityReport,
  wrap,
} from '../../report/index.ts'
import { kernelMs } from '../profile-times.ts'
import { withShortPaths } from '../short-paths.ts'
import { bytes, count, decibels, fileName, ms, plural, sizeChange } from '../words.ts'
import { attack } from './attack.ts'
import { comparison } from './comparison.ts'
import { jobs } from './jobs.ts'
import { latency } from './latency.ts'
import { distillation, learnedWeights, pruning, tuning } from './learning.ts'
import { optimization } from './optimization.ts'
import { prediction } from './prediction.ts'
import { robustness, rowScores } from './robustness.ts'
import { drift, drill, incident, incidents, rollout } from './rollout.ts'
import { runsIn } from './runs-in.ts'
import { section } from './section.ts'
import { selection } from './selection.ts'
import { cache, doctor } from './setup.ts'
import { collection, history, verification, version } from './store.ts'
import { paint, type Style, textTable } from './table.ts'

type Renderers = { readonly [K in Report['kind']]: (report: Extract<Report, { kind: K }>, style: Style) => string }

const renderers: Renderers = {
  'api-key': ({ key }) => key,
  attack,
  cache,
  calibration,
  channels,
  costs,
  collection,
  comparison,
  distillation,
  doctor,
  drift,
  drill,
  failure,
  history,
  incident,
  incidents,
  inspection,
  jobs,
  latency,
  'learned-weights': learnedWeights,
  moments,
  optimization,
  prediction,
  processor,
  profile,
  program: ({ whetstone, help }) => help ?? whetstone,
  pruning,
  quantization,
  recipe,
  rewrite,
  robustness,
  rollout,
  'row-scores': rowScores,
  selection,
  sensitivity,
  served: ({ source, seconds }) => `served ${source} for ${plural(Math.round(seconds), 'second')}`,
  tuning,
  verification,
  version,
}

/** The readable summary of a report for a terminal of this width. */
export function renderTerminal(report: Report, style: Style): string {
  return (renderers[report.kind] as (report: Report, style: Style) => string)(withShortPaths(report), style)
}

function inspection(report: InspectionReport, style: Style): string {
  const { model, memory } = report
  const shape = (value: InspectionReport['inputs'][number]) => {
    const sizes = value.shape === null ? '…' : value.shape.map((dim) => dim ?? '?').join(', ')
    return `${value.name}  ${value.dtype}${NO_TENSORS.includes(value.dtype) ? '' : `[${sizes}]`}`
  }
  const operators = Object.entries(report.operators).sort((a, b) => b[1] - a[1])
  return [
    paint('bold', `${fileName(model.path)}  ${bytes(model.bytes)}, ${count(report.parameters)} parameters`, style),
    `opset ${Object.entries(model.opsets)
      .map(([domain, version]) => (domain === '' ? version : `${domain} ${version}`))
      .join(', ')}, IR ${model.irVersion}${model.producer ? `, made by ${model.producer}` : ''}`,
    ...wrap(macsOf(report), style.width),
    ...(memory
      ? [
          `${bytes(memory.weightBytes)} of weights${memory.activationPeakBytes === null ? '' : `, ${bytes(memory.activationPeakBytes)} of inner values at the most`}`,
        ]
      : []),
    '',
    `in   ${report.inputs.map(shape).join('\n     ')}`,
    `out  ${report.outputs.map(shape).join('\n     ')}`,
    '',
    textTable(
      [{ head: 'operator' }, { head: 'nodes', right: true }],
      operators.map(([name, n]) => [name, count(n)]),
      style,
    ),
    ...section('can be done', report.possibilities ?? [], style),
    ...section('warnings', report.warnings, style),
  ].join('\n')
}

/** The arithmetic of a run; where nothing of it is counted, what is, since no model runs for nothing. */
function macsOf({ macs, macsReason, trees }: InspectionReport): string {
  if (macs === null) return `multiply-accumulates: unknown${macsReason ? `, since ${macsReason}` : ''}`
  const compared = trees && `${plural(trees.trees, 'tree')} with ${plural(trees.splits, 'split')}`
  if (macs > 0) return `${count(macs)} multiply-accumulates a run${compared ? `, beside ${compared}` : ''}`
  if (compared) return `${compared}; trees compare numbers, and multiply none`
  return 'no multiply-accumulates: convolutions, matrix products, recurrent layers and attention count, and none is here'
}

function answersKept({ equivalence, passes, replayed }: RewriteReport): string {
  if (replayed && passes.length === 0) return 'the recipe has no steps: the model is as it came'
  if (replayed) return 'replayed: every step gave the bytes that the recipe names'
  if (!equivalence) return 'not verified: nothing was run'
  const { samples, maxAbs, sqnrDb, equal = true } = equivalence
  const answers = equal ? 'same answers' : 'not the same answers'
  const noise = equal || sqnrDb !== null ? ` (${decibels(sqnrDb)})` : ''
  return `${answers} on ${plural(samples, 'sample')}: largest difference ${maxAbs.toPrecision(2)}${noise}`
}

function rewrite(report: RewriteReport, style: Style): string {
  const { before, after } = report
  const worked = report.passes.filter((pass) => pass.applied > 0 || pass.refused.length > 0)
  const refused = report.passes.flatMap((pass) =>
    pass.refused.map(({ node, reason }) => `${pass.id}: ${node}: ${reason}`),
  )
  return [
    paint(
      'bold',
      `${count(before.nodes)} → ${count(after.nodes)} nodes, ${bytes(before.bytes)} → ${bytes(after.bytes)}`,
      style,
    ),
    answersKept(report),
    ...runsIn(after, style),
    ...(report.passes.length === 0
      ? []
      : [
          '',
          worked.every(changesOpsetAlone)
            ? 'no pass found anything to simplify'
            : textTable(
                [{ head: 'pass' }, { head: 'applied', right: true }, { head: 'refused', right: true }],
                worked.map((pass) => [pass.id, count(pass.applied), count(pass.refused.length)]),
                style,
              ),
        ]),
    ...section(
      'notes',
      report.passes.flatMap((pass) => pass.notes ?? []),
      style,
    ),
    ...section('left alone', refused, style),
    ...section('warnings', report.warnings ?? [], style),
  ].join('\n')
}

/** Whether a pass did no more than to say the same in the operators of another set. */
const changesOpsetAlone = ({ id, refused }: PassRun) => id === 'lowerOpset' && refused.length === 0

/** Null stands for outputs without any difference, and for a model that was not run: whether a batch was tried tells. */
function noiseOf({
  sqnrDb,
  sqnrSamples,
  sqnrRandom = 0,
  batchInvariant,
  kernels,
  planned,
}: QuantizationReport): string {
  if (batchInvariant) {
    if (sqnrSamples === undefined) return decibels(sqnrDb)
    if (sqnrRandom === sqnrSamples)
      return `${decibels(sqnrDb)} on ${plural(sqnrSamples, 'random input')}, which rows of yours may be unlike (--data)`
    const random = sqnrRandom > 0 ? `, ${sqnrRandom} of them random` : ''
    return `${decibels(sqnrDb)} on ${plural(sqnrSamples, 'sample')}${random}`
  }
  return kernels && Object.keys(planned).length === 0 ? 'identical, nothing was quantized' : 'not measured'
}

function quantization(report: QuantizationReport, style: Style): string {
  const { before, after, batchInvariant } = report
  const names = [...new Set([...Object.keys(report.planned), ...Object.keys(report.kernels ?? {})])].filter(
    (name) => report.planned[name],
  )
  const worst = report.layers
    .filter((layer) => layer.sqnrDb !== null)
    .sort((a, b) => a.sqnrDb! - b.sqnrDb!)
    .slice(0, 5)
  return [
    paint(
      'bold',
      `${report.scheme}: ${bytes(before.bytes)} → ${bytes(after.bytes)} (${sizeChange(1 - after.bytes / before.bytes)})`,
      style,
    ),
    `signal to noise at the worst output: ${noiseOf(report)}`,
    ...[
      ...(batchInvariant
        ? [
            `a row's answer ${batchInvariant.all ? 'does not depend' : paint('yellow', 'DEPENDS', style)} on the rows beside it in a batch${batchInvariant.reason === undefined ? '' : ` (${batchInvariant.reason})`}`,
          ]
        : []),
      ...(report.portable ? [report.portable.sentence] : []),
      ...(report.saturation ? [report.saturation.sentence] : []),
    ].flatMap((line) => wrap(line, style.width)),
    ...runsIn(after, style),
    ...(names.length > 0
      ? [
          '',
          textTable(
            [{ head: 'kernel' }, { head: 'planned', right: true }, { head: 'in the runtime', right: true }],
            names.map((name) => [
              name,
              count(report.planned[name] ?? 0),
              report.kernels ? count(report.kernels[name] ?? 0) : '?',
            ]),
            style,
          ),
        ]
      : []),
    ...(report.kernelsReason ? wrap(report.kernelsReason, style.width) : []),
    ...section(
      'notes',
      report.passes.flatMap((pass) => pass.notes ?? []),
      style,
    ),
    ...section(
      'layers that lost most',
      worst.map((layer) => `${layer.name}  ${decibels(layer.sqnrDb)}`),
      style,
    ),
    ...section(
      'stayed in float',
      report.float.map(({ node, reason }) => `${node}: ${reason}`),
      style,
    ),
    ...section('warnings', report.warnings, style),
  ].join('\n')
}

function profile(report: ProfileReport, style: Style): string {
  const operators = Object.entries(report.operators).sort((a, b) => b[1].ms - a[1].ms)
  return [
    `${ms(kernelMs(report))} in kernels, ${plural(report.threads, 'thread')}`,
    textTable(
      [{ head: 'operator' }, { head: 'nodes', right: true }, { head: 'time', right: true }],
      operators.map(([name, { calls, ms: time }]) => [name, count(calls), ms(time)]),
      style,
    ),
  ].join('\n')
}

function calibration(report: CalibrationReport): string {
  return `${report.method} ranges of ${plural(Object.keys(report.ranges).length, 'value')} from ${plural(report.samples, 'row')}`
}

function channels(report: ChannelsReport, style: Style): string {
  const values = Object.keys(report.values)
  return [
    `channels of ${plural(values.length, 'value')} on ${plural(report.samples, 'row')}`,
    ...section(
      'not seen',
      report.unseen.map(({ name, reason }) => `${name}: ${reason}`),
      style,
    ),
  ].join('\n')
}

function moments(report: MomentsReport, style: Style): string {
  const values = Object.entries(report.values)
  const windows = Object.keys(report.windows ?? {}).length
  const read = windows === 0 ? '' : ` and of what ${plural(windows, 'convolution')} read`
  return [
    `second moments of ${plural(values.length, 'value')}${read} on ${plural(report.samples, 'row')}`,
    ...section(
      'not seen',
      report.unseen.map(({ name, reason }) => `${name}: ${reason}`),
      style,
    ),
  ].join('\n')
}

function costs(report: CostsReport, style: Style): string {
  return textTable(
    [{ head: 'node' }, { head: 'float ms', right: true }, { head: 'integer ms', right: true }],
    report.nodes.map(({ name, floatMs, integerMs }) => [name, floatMs.toPrecision(3), integerMs.toPrecision(3)]),
    style,
  )
}

function processor({ cpu, runtime, saturates, block, limits }: ProcessorReport): string {
  const told = [
    ...(saturates === undefined ? [] : [saturates ? 'sums of two products saturate' : 'products never saturate']),
    ...(block === undefined ? [] : [`${plural(block, 'channel')} a block of float kernels`]),
    ...(limits === undefined ? [] : [`limits of codes are ${limits ? 'faster' : 'slower'} than tables`]),
  ]
  return [`${runtime} on ${cpu}`, ...told.map((line) => `  ${line}`)].join('\n')
}

function sensitivity(report: SensitivityReport, style: Style): string {
  return textTable(
    [{ head: 'rounding of' }, { head: 'noise', right: true }],
    [...report.sources]
      .sort((a, b) => b.noise - a.noise)
      .map(({ name, noise }) => [name, decibels(noise === 0 ? null : -10 * Math.log10(noise))]),
    style,
  )
}

function failure({ error }: FailureReport): string {
  return [error.message, ...(error.hint === null ? [] : [`  ${error.hint}`])].join('\n')
}

function recipe(report: Recipe): string {
  return report.steps.map((step, i) => `${i + 1}. ${step.pass}`).join('\n')
}
