import type { Dataset } from '../../data/index.ts'
import type { GateSpec } from '../../evaluate/index.ts'
import { modelBytes, modelDigest } from '../../onnx/index.ts'
import { UserError } from '../../platform/index.ts'
import type { ComparisonReport, LatencyReport, RobustnessReport, SelectionReport } from '../../report/index.ts'
import { compareFor, type GatedOptions, gated, stressed, timed, withSession } from './compare-gated.ts'
import { leaderboard, type Row } from './leaderboard.ts'
import { type NamedModel, ownInputs } from './own-inputs.ts'

/**
 * Many models through one harness: every one is judged against the first on the same rows, all are timed by turns in one
 * run, and each is held against every gate. The front holds the models that no other one beats; chosen is the admitted
 * one with the least median latency. Models of other architectures bring the same rows as they want them
 * (`NamedModel.data`).
 *
 * @throws UserError for fewer than two models, models of one name, and as `compare` and `bench` do.
 */
export async function selectModels(
  models: readonly NamedModel[],
  shared: Dataset,
  gates: readonly GateSpec[],
  given: GatedOptions = {},
): Promise<SelectionReport> {
  if (models.length < 2 || gates.length === 0)
    throw new UserError('bad-argument', 'a selection needs at least two models and a gate', { where: 'models' })
  const twice = models.find(({ name }, i) => models.findIndex((other) => other.name === name) !== i)
  if (twice)
    throw new UserError('bad-argument', `the model ${twice.name} is named twice`, {
      where: twice.name,
      hint: 'every model of a selection has a name of its own',
    })
  const { data, fit } = await ownInputs(models, shared)
  const options = fit ? { ...given, fit } : given
  const base = models[0]!
  const judged = await withSession(base, fit, async (first) => {
    const all: Awaited<ReturnType<typeof compareFor>>[][] = []
    for (const model of models) {
      options.onStep?.(`judging ${model.name}`)
      const under = (session: typeof first) =>
        eachInTurn(gates, (gate) => compareFor(gate, first, session, data, { deep: false, ...options }))
      all.push(model === base ? await under(first) : await withSession(model, fit, under))
    }
    return all
  })
  const latency = await timed(models, data, options)
  const stress = await eachInTurn(gates, (gate) => stressed(gate, models, data, options))
  const rows = models.map((model, i) => {
    const reports = gates.map((gate, g) =>
      gated(gate, judged[i]![g]!, [base, model], pairOf(latency, i), againstItself(stress[g]?.models[i], i)),
    )
    return selected(model, reports, latency, i)
  })
  return leaderboard(rows, judged[0]![0]!.comparison, latency, gates.length)
}

async function eachInTurn<A, B>(list: readonly A[], work: (item: A) => Promise<B>): Promise<B[]> {
  const results: B[] = []
  for (const item of list) results.push(await work(item))
  return results
}

/** The timings of the first model and of this one, as if they had been timed alone. */
function pairOf(latency: LatencyReport, i: number): LatencyReport {
  const [base, model] = [latency.models[0]!, latency.models[i]!]
  const ratio = latency.ratios.find(({ other }) => other === model.path)
  const itself = { base: base.path, other: base.path, median: 1, ci: [1, 1] as const }
  return { ...latency, models: [base, model], ratios: [i === 0 ? itself : ratio!] }
}

/** The first model loses nothing to itself. */
function againstItself(model: RobustnessReport['models'][number] | undefined, i: number) {
  if (!model || i > 0) return model
  return {
    ...model,
    change: { delta: 0, ci: [0, 0] as const, verdict: 'pass' as const },
    mce: model.mce && { ...model.mce, ci: [1, 1] as const },
  }
}

function selected(
  { name, model, data }: NamedModel,
  reports: readonly ComparisonReport[],
  latency: LatencyReport,
  i: number,
): Row {
  const report = reports[0]!
  const timing = latency.models[i]!
  const gates = reports.map(({ gate }) => gate!)
  return {
    path: name,
    ...(data ? { data: data.path } : {}),
    digest: modelDigest(model),
    bytes: modelBytes(model),
    metric: report.candidate.value,
    change: i === 0 ? null : (report.nonInferiority?.ci ?? null),
    verdict: i === 0 ? null : report.verdict,
    sentence: i === 0 ? 'The others are judged against this one.' : report.sentence,
    gates,
    admitted: gates.every(({ verdict }) => verdict === 'pass'),
    p50Ms: timing.p50Ms,
    p99Ms: timing.p99Ms,
    peakRssBytes: timing.peakRssBytes,
    ratio: i === 0 ? null : (latency.ratios.find(({ other }) => other === timing.path) ?? null),
  }
}
