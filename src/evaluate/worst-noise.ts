import type { ComparisonReport } from '../report/index.ts'

/** The lowest signal-to-noise ratio of any output; null where all are identical or none was measured. */
export function worstNoise(proof: Pick<ComparisonReport, 'outputs'>): number | null {
  const values = proof.outputs.map((output) => output.sqnrDb).filter((value) => value !== null)
  return values.length > 0 ? Math.min(...values) : null
}
