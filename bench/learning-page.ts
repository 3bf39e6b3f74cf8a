import { machine } from '../src/engine/index.ts'
import type { ComparisonReport, DistillationReport, LatencyReport, PruningReport } from '../src/report/index.ts'
import { times } from './words.ts'

/** A model held against `resnet-fashion`, on all test rows of the set and on the zoo's. */
export interface Judged {
  readonly words: string
  readonly margin: number
  readonly whole: ComparisonReport
  readonly zoo: ComparisonReport
}

interface LearningResults {
  readonly facts: readonly string[]
  readonly student: DistillationReport
  readonly pruned: PruningReport
  readonly judged: readonly Judged[]
  /** `resnet-fashion` first, then the judged ones in their order, by turns in one run. */
  readonly time: LatencyReport
  readonly commands: readonly string[]
}

const points = (share: number) => (100 * share).toFixed(2)
const signed = (share: number) => `${share < 0 ? '−' : '+'}${points(Math.abs(share))}`

/** The page of figures. */
export function learningPage({ facts, student, pruned, judged, time, commands }: LearningResults): string {
  const { cpu, runtime, node, os } = machine()
  const [base, ...others] = time.models
  const speeds = others.map(({ path }, i) => {
    const ratio = time.ratios.find((each) => each.base === base!.path && each.other === path)!
    const [low, high] = ratio.ci
    return { ms: others[i]!.p50Ms, speed: times(1 / ratio.median), interval: `${times(1 / high)} to ${times(1 / low)}` }
  })
  const rows = judged.flatMap(({ words, margin, whole, zoo }, i) =>
    [whole, zoo].map((report, k) => {
      const { base: old, candidate, nonInferiority, discordant, n, verdict, grade } = report
      const own = speeds[i]!
      return cells(
        k === 0 ? words : '',
        k === 0 ? own.ms.toFixed(4) : '',
        k === 0 ? `${own.speed} (${own.interval})` : '',
        String(n),
        `${points(old.value ?? 0)} → ${points(candidate.value ?? 0)} %`,
        nonInferiority ? `${signed(nonInferiority.lowerBound)} of −${points(margin)}` : '–',
        discordant ? `${discordant.baseOnly} lost, ${discordant.candidateOnly} won` : '–',
        `${verdict}${grade ? `, ${grade}` : ''}`,
      )
    }),
  )
  const share = (pruned.after.macs ?? 0) / (pruned.before.macs ?? 1)
  return [
    '# What learning gives on Fashion-MNIST',
    '',
    'Written by `node dist/bench/learn.js` (needs WHETSTONE_ZOO and Debian’s `dataset-fashion-mnist`).',
    '',
    `${cpu}; ${runtime}; Node ${node}; ${os}; ${new Date().toISOString().slice(0, 10)}. One thread; times are medians of a run of one row, all models by turns in one run.`,
    '',
    ...facts.map((fact) => `- ${fact}`),
    '',
    `\`resnet-fashion\`: ${base!.p50Ms.toFixed(4)} ms, ${student.teacher.macs} multiply-accumulates, ${student.teacher.bytes} bytes.`,
    '',
    cells('', 'ms', 'speed (interval)', 'rows', 'accuracy', 'lower bound', 'answers', 'verdict'),
    cells(...Array<string>(8).fill('-')),
    ...rows,
    '',
    `**Student**: ${student.recipe}; ${student.student.macs} multiply-accumulates, ${student.student.bytes} bytes. ${learned(student)}`,
    '',
    `**Pruned**: ${points(share)} % of the multiply-accumulates left, ${pruned.after.bytes} of ${pruned.before.bytes} bytes. ${learned(pruned)}`,
    '',
    '```text',
    ...commands.map((command) => `${command} --data fashion-train.npz --proof fashion-test.npz -o …`),
    '```',
    '',
    'The integer forms are `whet quantize --scheme static-int8` with the zoo’s 512 calibration rows.',
    '',
  ].join('\n')
}

function learned({ epochs, cost, rows, scoreName }: DistillationReport | PruningReport): string {
  const best = Math.max(...epochs.map(({ score }) => score ?? Number.NEGATIVE_INFINITY))
  return `${rows.train} rows trained it ${epochs.length} times in ${cost.steps} steps and ${Math.round(cost.seconds)} s of a shared core, ${rows.select} rows chose the epoch (${scoreName}: ${points(best)} %), ${rows.prove} proved it.`
}

const cells = (...parts: readonly string[]) => `| ${parts.join(' | ')} |`
