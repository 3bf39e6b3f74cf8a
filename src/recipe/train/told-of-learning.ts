import type { Dataset } from '../../data/index.ts'
import { sizeChange } from '../../evaluate/index.ts'
import type { PruningReport } from '../../report/index.ts'
import type { Learned } from './learn.ts'
import { DEFAULT_MARGIN, type LearningProof } from './learning-proof.ts'
import type { LearningRows, ProofOptions } from './proof-rows.ts'

/** What became of the file's size, and of the speed where it was measured. */
export function sizeAndSpeed({ sides: [before, after], speedup }: LearningProof): string {
  const fast = speedup === null ? '' : `, and it is ${speedup.toFixed(2)}× as fast`
  return `file is ${sizeChange(before.bytes, after.bytes)}${fast}`
}

/** What every report on learning says of the proof. */
export const toldOfProof = ({ comparison }: LearningProof, { margin = DEFAULT_MARGIN }: ProofOptions) => ({
  verdict: comparison.verdict,
  proof: comparison.sentence,
  metric: comparison.metric,
  margin,
})

/** What speaks against the rows, and against taking the verdict as it stands; each once. */
export const toldOfRows = (
  data: Dataset,
  { notes }: { readonly notes: readonly string[] },
  { comparison }: LearningProof,
) => [...new Set([...data.notes, ...notes, ...comparison.warnings])]

/** What every report on learning says of how it came about; `learned` is null where nothing learned. */
export const toldOfLearning = (
  learned: Learned | null,
  { speedup, savedMs }: LearningProof,
  { train, select, prove }: LearningRows,
  data: { readonly path: string; readonly digest: string; readonly rows: number },
  { seed = 0 }: ProofOptions,
) => ({
  rows: { train: train.length, select: select.length, prove: prove.rows },
  epochs: learned?.epochs ?? [],
  scoreName: learned?.scoreName ?? 'score',
  speedup,
  cost: learningCost(learned, savedMs),
  seed,
  data,
})

/** What training took, and when the saving has made up for it. */
function learningCost(
  learned: Pick<Learned, 'seconds' | 'steps'> | null,
  savedMs: number | null,
): PruningReport['cost'] {
  const seconds = learned?.seconds ?? 0
  return {
    seconds,
    steps: learned?.steps ?? 0,
    breakEvenAnswers: savedMs !== null && savedMs > 0 ? Math.ceil((seconds * 1000) / savedMs) : null,
    savedSecondsPerMillion: savedMs === null ? null : savedMs * 1000,
  }
}
