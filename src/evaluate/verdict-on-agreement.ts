import { UserError } from '../platform/index.ts'
import { type ComparisonReport, grouped, listed, type Verdict } from '../report/index.ts'
import { type AgreeingClusters, type AgreementCounts, judgeAgreement } from './agreement.ts'
import { allSlices, commonFields } from './comparison-fields.ts'
import { CLOSE_DB } from './noise/close.ts'
import { measured } from './noise/lowest-sqnr.ts'
import type { ScoredRows } from './score-rows.ts'
import { agreementSentence } from './sentence.ts'
import { judgeAgreementSlices, type SliceRule } from './slices/slice-verdicts.ts'

/**
 * The report on rows without labels: what `judgeAgreement` says of all rows and of every slice.
 *
 * @throws UserError `bad-data` where the baseline answers nothing on any row: no data is never a pass.
 */
export function verdictOnAgreement(
  scored: ScoredRows,
  options: { margin: number; alpha: number; clusterField: string | null; fields: readonly string[] },
  rule: SliceRule,
): ComparisonReport {
  const { margin, alpha } = options
  if (scored.silent.every(Boolean) && scored.differences.dense().length === 0)
    throw new UserError('bad-data', 'the base model gives no answer on any row: there is NaN among its scores', {
      where: scored.differences.answers().join(', '),
      hint: 'look for NaN in the rows, and in what the model answers (whet predict writes that)',
    })
  const common = commonFields(scored, 'agreement', options)
  const dense = new Set(scored.differences.dense())
  // A class number or name is an answer as it stands.
  const whole = new Set(common.outputs.flatMap(({ name, answer }) => (answer ? [name] : [])))
  const scores = scored.differences.answers().filter((name) => !whole.has(name))
  const db = (keep: (name: string) => boolean) =>
    measured(common)
      .filter(({ name }) => keep(name))
      .map(({ sqnrDb }) => sqnrDb)
  const countsOf = (rows: readonly number[]): AgreementCounts => {
    const count = (flags: readonly boolean[]) => rows.reduce((sum, row) => sum + (flags[row] ? 1 : 0), 0)
    return {
      n: rows.length,
      changed: scored.differences.classLike ? count(scored.changed) : null,
      different: count(scored.different),
      broken: count(scored.broken),
      denseDb: db((name) => dense.has(name)),
      allDb: db(() => true),
      clusters: clustersAmong(rows, scored),
    }
  }
  const counts = countsOf(scored.rows.map((_, i) => i))
  const judgement = judgeAgreement(counts, margin, alpha)
  const report = {
    ...common,
    ...judgement,
    higherIsBetter: true,
    labelled: false,
    n: counts.n,
    base: { value: null },
    candidate: { value: null },
    discordant: null,
    nonInferiority: null,
    mcnemar: null,
    measurablyWorse: false,
    slices: judgeAgreementSlices(allSlices(scored), countsOf, rule),
    warnings: [
      ...warningsOf(judgement.verdict, counts, scores, options.fields),
      ...(judgement.verdict === 'inconclusive' && counts.clusters
        ? [
            `Rows with the same ${options.clusterField} count as one: bounds are those of ${grouped(counts.clusters.n)}, and more rows of the same ones do not help.`,
          ]
        : []),
    ],
  }
  const far = common.outputs.filter(({ name, sqnrDb }) => dense.has(name) && sqnrDb !== null && sqnrDb < CLOSE_DB)
  return { ...report, sentence: agreementSentence(report, margin, alpha, { broken: counts.broken, far }) }
}

/** What can be said of the clusters that these rows belong to; undefined where rows stand for themselves. */
function clustersAmong(rows: readonly number[], scored: ScoredRows): AgreeingClusters | undefined {
  const { clusters, changed, different, broken } = scored
  if (!clusters) return undefined
  const named = (some: readonly number[]) => new Set(some.map((row) => clusters[row]!))
  const all = named(rows)
  return {
    n: all.size,
    changed: scored.differences.classLike ? named(rows.filter((row) => changed[row])).size : null,
    different: named(rows.filter((row) => different[row])).size,
    broken: all.size - named(rows.filter((row) => !broken[row])).size,
  }
}

/** Columns that no input takes are where the right answers may be; of many the first are named. */
const MOST_NAMED = 6

function warningsOf(
  verdict: Verdict,
  { changed, different }: AgreementCounts,
  scores: readonly string[],
  fields: readonly string[],
): string[] {
  const some = fields.slice(0, MOST_NAMED).map((name) => `"${name}"`)
  const named = fields.length > MOST_NAMED ? [...some, `${fields.length - MOST_NAMED} more`] : some
  const where =
    fields.length > 0
      ? `If one of the columns that no input takes holds the right answers, name it with --label: ${listed(named)}.`
      : 'docs/datasets.md says how rows are given their right answers (a column, a folder a class, a dataset.json).'
  const undirected =
    verdict === 'pass' ? [] : [`Without labels a changed answer has no direction: it may be better or worse. ${where}`]
  if (changed === null || different === 0 || scores.length === 0) return undirected
  return [
    ...undirected,
    `The greatest element of ${scores.join(', ')} was taken as the answer (where each label is a yes or no, these as well). That is right for class scores; for anything else (an embedding, a signal) only labels or a metric can tell.`,
  ]
}
