import { type ComparisonReport, grouped, rowsWanted } from '../report/index.ts'

/** Share of the rows that proves where no rows for that are given apart. */
const PROVING = 1 / 2

/**
 * How many rows would settle a proof, in words: `about 268 rows`, where the rows that prove are `apart`; else also how many rows
 * must be given for that, since only half of them prove. Null where nothing is known to.
 */
export function rowsToProve(proof: ComparisonReport, apart: boolean): string | null {
  const wanted = rowsWanted(proof)
  if (wanted === null || apart) return wanted && `about ${wanted}`
  return `about ${wanted} to prove on, ${grouped(Math.ceil(proof.requiredN! / PROVING))} in all,`
}
